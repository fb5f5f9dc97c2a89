/**
 * What it costs to share an address: packets a second to many stacks, and HTTP requests a second.
 *
 * @module
 */

import { PacketTemplate, type Port, Protocol, range } from "../../../mod.ts";
import * as multistack from "../../hooks/multistack.ts";
import { effortOf, type Estimate, type Lab, measureRate, significant } from "../kit/mod.ts";
import { get } from "../stack/http.ts";
import { FORMS, type HookModule, setHook } from "../stack/hook.ts";
import { pollUntil } from "../stack/stack.ts";
import { measureLoopback } from "./loopback.ts";
import { type Share, shares } from "./shares.ts";
import { CLIENT, ECHO, HTTP, openEnds, openStack, SHARED } from "./shared.ts";

/** A measured rate. */
export type Rate = {
  what: "packets" | "HTTP requests";
  how: string;
  stacks?: number;
  bytes: number;
  per_s: number;
  low_per_s: number;
  high_per_s: number;
};

/** Sizes of packets, and of responses. */
export const PACKET_BYTES = [60, 1514], RESPONSE_BYTES = [100, 10_000, 100_000];
const CONNECTIONS = 8, BATCH = 256, PACKETS_EACH = 256;
const { tables } = multistack;

function columns(
  { median, low, high }: Estimate,
): Pick<Rate, "per_s" | "low_per_s" | "high_per_s"> {
  return { per_s: significant(median), low_per_s: significant(low), high_per_s: significant(high) };
}

/** What costs only its form: it takes the port from the packet, without a table. */
const noTable: HookModule = {
  default: (packet) => 2 + Math.max(0, packet.destinationPort - ECHO),
  constants: { ECHO },
};

/** Sends so many packets to each, and takes them: seldom, since looking at many ports takes time, too. */
function spread(from: Port, to: readonly Port[], packet: PacketTemplate): number {
  const wanted = PACKETS_EACH * to.length;
  for (let sent = 0; sent < wanted; sent += BATCH) from.send(packet, { count: BATCH });
  let taken = 0;
  for (const port of to) {
    let count = 0;
    while (count < PACKETS_EACH) {
      for (const _ of port.receive()) count++;
      // Another process may still be forwarding
      if (count < PACKETS_EACH && port.poll("read", 1000) === 0) {
        throw new Error("Packets are lost");
      }
    }
    taken += count;
  }
  return taken;
}

/** Packets a second from one port to all stacks in turn. */
export async function* muxRates(lab: Lab): AsyncGenerator<Rate> {
  for (const stacks of lab.pick([1, 8, 64], [1, 2, 4, 8, 16, 32, 64, 128])) {
    using netmap = lab.open();
    using bridge = netmap.bridge(lab.bridge(stacks));
    const names = ["nic", "host", ...Array.from({ length: stacks }, (_, i) => `stack${i}`)];
    const [nic, , ...ports] = names.map((name) => netmap.open(`${bridge.name}:${name}`));
    for (let i = 0; i < stacks; i++) {
      tables.owners.set([Protocol.UDP, SHARED.ip, ECHO + i], 2 + i);
    }
    const settings = [{ name: "no table", hook: noTable }, { name: "3-tuple", hook: multistack }]
      .flatMap(({ name, hook }) => FORMS[lab.backend].map((form) => ({ name, hook, form })));
    for (const { name, hook, form } of lab.steps(settings, ({ name }) => `${stacks}, ${name}`)) {
      await setHook(lab, bridge, hook, form);
      for (const bytes of PACKET_BYTES) {
        const packet = PacketTemplate.udp({
          srcMac: CLIENT.mac,
          dstMac: SHARED.mac,
          src: "10.0.0.1:1",
          dst: `10.0.0.2:${ECHO}`,
          length: bytes,
          vary: { dstPort: range(ECHO, ECHO + stacks - 1) },
        });
        // What is in new pages takes longer: once round all rings first
        for (let sent = 0; sent < ports[0].rxRings[0].slots; sent += PACKETS_EACH) {
          spread(nic, ports, packet);
        }
        const rate = measureRate(() => spread(nic, ports, packet), effortOf(lab));
        yield { what: "packets", how: `${name}, ${form}`, stacks, bytes, ...columns(rate) };
      }
    }
  }
}

/** Who gets what, then HTTP requests a second, over a user-level stack and over Linux. */
export async function* httpRates(lab: Lab): AsyncGenerator<Rate | Share> {
  using netmap = lab.open();
  using bridge = netmap.bridge(lab.bridge(200));
  const { client, host } = openEnds(netmap, bridge);
  // The second of two stacks answers HTTP
  const stacks = [client, host, openStack(netmap, bridge, 0), openStack(netmap, bridge, 1)];
  await setHook(lab, bridge, multistack, FORMS[lab.backend].at(-1));
  yield* shares(stacks);
  const effort = effortOf(lab);
  for (const bytes of lab.steps(RESPONSE_BYTES, (bytes) => `HTTP, ${bytes} bytes`)) {
    const round = (): number => {
      const responses = Array.from(
        { length: CONNECTIONS },
        () => get(client, SHARED.ip, HTTP + 1, bytes),
      );
      pollUntil(stacks, () => stacks.every(({ connections }) => connections === 0));
      const fault = responses.find(({ fault }) => fault !== undefined)?.fault;
      if (fault !== undefined) throw new Error(`A response is wrong: ${fault}`);
      return CONNECTIONS;
    };
    const user = columns(measureRate(round, effort));
    yield { what: "HTTP requests", how: "user-level stack", bytes, ...user };
    const linux = columns(await measureLoopback(bytes, CONNECTIONS, effort));
    yield { what: "HTTP requests", how: "Linux, loopback", bytes, ...linux };
  }
}
