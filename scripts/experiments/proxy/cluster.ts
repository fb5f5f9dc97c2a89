/**
 * A client, a proxy, and back ends on one switch, each a user-level stack of its own: the back ends answer
 * HTTP, and the proxy relays their bytes, or hands established connections to them.
 *
 * @module
 */

import { type Bridge, type Netmap, parseIpv4 } from "../../../mod.ts";
import * as proxySteer from "../../hooks/proxy_steer.ts";
import { get, requested, respond, responder, type Response } from "../stack/http.ts";
import { pollUntil, Stack } from "../stack/stack.ts";
import type { Connection, Handlers } from "../stack/tcp.ts";

const { SERVICE } = proxySteer.constants;
const { flows, backends: addresses } = proxySteer.tables;
const decoder = new TextDecoder();

/** What the proxy does with a request. */
export type Way = "relayed" | "steered";

/** All of them. */
export class Cluster {
  readonly client: Stack;
  readonly proxy: Stack;
  readonly backends: readonly Stack[];
  /** The switch. */
  readonly bridge: Bridge;
  readonly #stacks: readonly Stack[];
  #next = 0;

  /** Ports of the bridge: 0 the client, 1 the proxy, then the back ends. It learns until it gets the hook. */
  constructor(netmap: Netmap, bridge: string, backends: number) {
    const stack = (name: string, mac: number, ip: number): Stack =>
      new Stack(netmap.open(`${bridge}:${name}`), { mac, ip });
    this.client = stack("client", 0x0200_0000_0001, parseIpv4("10.0.0.1"));
    this.proxy = stack("proxy", SERVICE.mac, SERVICE.address);
    this.backends = Array.from({ length: backends }, (_, i) => {
      const port = 2 + i, ip = parseIpv4("10.0.1.0") + port;
      addresses.set(port, ip);
      this.proxy.addNeighbour(ip, SERVICE.backends + port);
      return stack(`backend${port}`, SERVICE.backends + port, ip);
    });
    this.bridge = netmap.bridge(bridge);
    this.client.addNeighbour(SERVICE.address, SERVICE.mac);
    for (const backend of this.backends) backend.listen(SERVICE.port, responder);
    this.#stacks = [this.client, this.proxy, ...this.backends];
  }

  /** Has the proxy work in some way. */
  use(way: Way): void {
    const handlers = way === "relayed" ? () => this.#relay() : () => this.#steer();
    this.proxy.listen(SERVICE.port, handlers);
  }

  /** Fetches so many bytes over each of several connections at once, and looks at each byte. */
  fetch(length: number, connections: number): void {
    const responses = Array.from(
      { length: connections },
      () => get(this.client, SERVICE.address, SERVICE.port, length),
    );
    this.#until(() => responses.every(({ isComplete }) => isComplete));
    const fault = responses.find(({ fault }: Response) => fault !== undefined)?.fault;
    if (fault !== undefined) throw new Error(`A response is wrong: ${fault}`);
    this.#until(() => this.#stacks.every(({ connections }) => connections === 0));
  }

  #until(holds: () => boolean): void {
    pollUntil(this.#stacks, holds);
  }

  #backend(): Stack {
    return this.backends[this.#next++ % this.backends.length];
  }

  /** The proxy has two connections, and passes bytes from one to the other. */
  #relay(): Handlers {
    const backend = this.#backend();
    let behind: Connection | undefined;
    return {
      data: (client, bytes) => {
        behind ??= this.proxy.connect(backend.ip, SERVICE.port, {
          data: (_, answer) => client.send(answer),
          ended: (connection) => {
            client.end();
            connection.end();
          },
          closed: () => client.end(),
        });
        behind.send(bytes);
      },
      ended: (client) => {
        behind?.end();
        client.end();
      },
    };
  }

  /** The proxy reads the request, and a back end goes on with the connection; the switch knows of it. */
  #steer(): Handlers {
    const backend = this.#backend();
    let text = "";
    return {
      data: (connection, bytes) => {
        text += decoder.decode(bytes);
        const length = requested(text);
        if (length === undefined) return;
        const { remoteIp, remotePort } = connection.ends;
        const adopted = backend.adopt(this.proxy.handOn(connection), {
          ended: (adopted) => adopted.end(),
          closed: () => flows.delete([remoteIp, remotePort]),
        });
        flows.set([remoteIp, remotePort], 2 + this.backends.indexOf(backend));
        respond(adopted, length);
      },
      ended: (connection) => connection.end(),
    };
  }
}
