/**
 * Two network namespaces that stand for two hosts, red and blue, and a third one, in which what joins
 * them is. No packet leaves them.
 */

import { atSignal } from "../at_signal.ts";
import { attempt, run } from "./command.ts";

/** A host: a namespace with a network stack and one interface. */
export interface Host {
  /** Its namespace. */
  namespace: string;
  /** Its interface. */
  device: string;
  /** Its address. */
  ip4: string;
}

/** The three namespaces. */
export class Hosts implements AsyncDisposable {
  /** Where the switch is. */
  readonly middle: string;
  /** The two. */
  readonly red: Host;
  /** The two. */
  readonly blue: Host;
  readonly #forget: () => void;

  private constructor(seed: string) {
    this.middle = `vb${seed}m`;
    this.red = { namespace: `vb${seed}r`, device: "eth0", ip4: "10.214.0.1" };
    this.blue = { namespace: `vb${seed}b`, device: "eth1", ip4: "10.214.0.2" };
    this.#forget = atSignal(() => {
      for (const namespace of this.#namespaces()) {
        new Deno.Command("ip", { args: ["netns", "del", namespace] }).outputSync();
      }
    });
  }

  /** Makes the namespaces; their interfaces come with what joins them. */
  static async make(): Promise<Hosts> {
    const hosts = new Hosts(crypto.randomUUID().slice(0, 5));
    for (const namespace of hosts.#namespaces()) {
      await run("ip", "netns", "add", namespace);
      await run("ip", "-n", namespace, "link", "set", "lo", "up");
    }
    return hosts;
  }

  /** Pairs of veth whose other ends are p0 and p1 in the middle. */
  async linkByVeth(): Promise<void> {
    for (const [i, { namespace, device }] of [this.red, this.blue].entries()) {
      const peer = ["peer", "name", device, "netns", namespace];
      await run("ip", "-n", this.middle, "link", "add", `p${i}`, "type", "veth", ...peer);
      await run("ip", "-n", this.middle, "link", "set", `p${i}`, "up");
    }
  }

  /** One pair of veth, an end for each. */
  async linkDirectly(): Promise<void> {
    const [a, b] = [this.red, this.blue];
    const peer = ["peer", "name", b.device, "netns", b.namespace];
    await run("ip", "-n", a.namespace, "link", "add", a.device, "type", "veth", ...peer);
  }

  /** Gives the hosts their addresses, and waits until one reaches the other: both are learned then. */
  async bringUp(): Promise<void> {
    for (const { namespace, device, ip4 } of [this.red, this.blue]) {
      await run("ip", "-n", namespace, "addr", "add", `${ip4}/24`, "dev", device);
      await run("ip", "-n", namespace, "link", "set", device, "up");
    }
    // The first ones may come before a new interface is ready
    const ping = ["ping", "-n", "-q", "-c", "3", "-i", "0.05", "-w", "10", this.blue.ip4];
    await run(...this.inside(this.red, ...ping));
  }

  /** What runs a program on a host, or in the middle. */
  inside(where: Host | string, ...command: readonly string[]): string[] {
    const namespace = typeof where === "string" ? where : where.namespace;
    return ["ip", "netns", "exec", namespace, ...command];
  }

  /** A host's Ethernet address. */
  async mac({ namespace, device }: Host): Promise<string> {
    const [{ address }] = JSON.parse(
      await run("ip", "-n", namespace, "-j", "link", "show", device),
    );
    return address;
  }

  /** Frames that a host's interface has received. */
  async received({ namespace, device }: Host): Promise<number> {
    const text = await run("ip", "-n", namespace, "-s", "-j", "link", "show", device);
    return JSON.parse(text)[0].stats64.rx.packets;
  }

  /** Takes them away, and all that is in them. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const namespace of this.#namespaces()) await attempt("ip", "netns", "del", namespace);
    this.#forget();
  }

  #namespaces(): string[] {
    return [this.middle, this.red.namespace, this.blue.namespace];
  }
}
