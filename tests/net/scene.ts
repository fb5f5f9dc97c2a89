/**
 * Network namespaces that are joined by nothing but a bridge, for tests with real network stacks:
 *
 *     red            eth0 --veth-- p0 \
 *     10.1.X.1                         switch: only the ends p0, p1 ... of the pairs; no addresses
 *     blue           eth0 --veth-- p1 /
 *     10.1.X.2
 *
 * The bridge is in the test's process or in a daemon, which are in neither of them, and attaches p0, p1
 * by the name of their namespace. No packet of a test leaves the namespaces that it made.
 *
 * `VALET_NET_SECONDS` is how long each measurement runs (default 1), for the numbers that tests print.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type AttachOptions, type Bridge, type DeviceKind, Netmap } from "../../mod.ts";
import { useTestDaemon } from "../contract/daemon.ts";
import { Sniffer } from "./sniffer.ts";

/** Seconds that a measurement runs. */
export const SECONDS = Number(Deno.env.get("VALET_NET_SECONDS") ?? 1);

const noDaemon = await useTestDaemon();
// The daemon ends when nobody is connected for a while
const kept = noDaemon === undefined ? Netmap.open({ backend: "daemon" }) : undefined;
addEventListener("unload", () => kept?.close());

const seed: string = crypto.randomUUID().slice(0, 4);
let count = 0;

function whyMissing(): string | undefined {
  if (Deno.uid() !== 0) return "only root can make network namespaces";
  for (const tool of ["ip", "ping", "iperf3"]) {
    try {
      new Deno.Command(tool, {
        args: [tool === "ip" ? "-V" : "-h"],
        stdout: "null",
        stderr: "null",
      })
        .outputSync();
    } catch {
      return `there is no ${tool} (Debian: iproute2, iputils-ping, iperf3)`;
    }
  }
  try {
    ip("netns", "add", `vt${seed}`);
    ip("netns", "del", `vt${seed}`);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Runs ip(8), and returns what it prints. */
export function ip(...args: string[]): string {
  return run(["ip", ...args]);
}

/** Runs a program, and returns what it prints; throws with it when it fails. */
export function run(command: readonly string[], check = true): string {
  const { success, stdout, stderr } = new Deno.Command(command[0], { args: command.slice(1) })
    .outputSync();
  const text = new TextDecoder().decode(stdout);
  if (success || !check) return text;
  throw new Error(`${command.join(" ")}: ${text}${new TextDecoder().decode(stderr)}`);
}

/** Waits until something holds. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !holds();) {
    if (Date.now() > end) assert.fail(`Still not so after 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** How an interface of the switch's namespace looks: flags, MTU, promiscuity, queueing disciplines. */
export function look(scene: Scene, name: string): string {
  const text = ip("-n", scene.namespace, "-d", "link", "show", name) +
    run(["tc", "-n", scene.namespace, "qdisc", "show", "dev", name]);
  return text + run(["ip", "netns", "exec", scene.namespace, "ethtool", "-k", name]);
}

/** A host: a namespace with a network stack. */
export class Host {
  /** Its namespace. */
  readonly namespace: string;
  /** Its addresses. */
  readonly ip4: string;
  /** The same. */
  readonly ip6: string;
  /** Its interface. */
  readonly device: string;

  /** Made by the scene. */
  constructor(namespace: string, number: number, ip4 = `10.213.0.${number}`, device = "eth0") {
    this.namespace = namespace;
    this.ip4 = ip4;
    this.ip6 = `fd00:213::${number}`;
    this.device = device;
  }

  /** Brings its interface up, with its addresses. */
  bringUp(mtu = 1500): void {
    const { namespace, device } = this;
    ip("-n", namespace, "addr", "add", `${this.ip4}/24`, "dev", device);
    ip("-n", namespace, "addr", "add", `${this.ip6}/64`, "dev", device, "nodad");
    ip("-n", namespace, "link", "set", device, "mtu", `${mtu}`, "up");
    ip("-n", namespace, "link", "set", "lo", "up");
  }

  /** What runs a program there. */
  command(...command: string[]): string[] {
    return ["ip", "netns", "exec", this.namespace, ...command];
  }

  /** Runs a program there, and returns what it prints. */
  run(...command: string[]): string {
    return run(this.command(...command));
  }

  /**
   * Runs ping(8); how many of `count` were answered. ping itself waits for no longer than two round trips
   * once it has seen one, so on a loaded machine the replies that the system has had count.
   */
  ping(to: string, options: { count?: number; size?: number; flood?: boolean } = {}): number {
    const { count = 3, size = 56, flood = false } = options;
    const args = ["-q", "-n", "-c", `${count}`, "-s", `${size}`, "-W", "5"];
    args.push(...flood ? ["-f"] : ["-i", "0.05"]);
    const before = this.#echoReplies(to);
    run(this.command("ping", ...args, to), false);
    const received = () => this.#echoReplies(to) - before;
    for (const end = Date.now() + 20_000; received() < count && Date.now() < end;) {
      run(["sleep", "0.1"]);
    }
    return received();
  }

  /**
   * As `ping()`, while the caller's own thread goes on: how many of `count` were answered, the last within
   * `seconds`.
   */
  async pingLater(
    to: string,
    options: { count?: number; size?: number; seconds?: number } = {},
  ): Promise<number> {
    const { count = 3, size = 56, seconds = 10 } = options;
    const args = ["-q", "-n", "-c", `${count}`, "-s", `${size}`, "-i", "0.05", "-W", `${seconds}`];
    const before = this.#echoReplies(to), end = Date.now() + seconds * 1000;
    await new Deno.Command("ip", { args: this.command("ping", ...args, to).slice(1) }).output();
    const received = () => this.#echoReplies(to) - before;
    while (received() < count && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return Math.min(received(), count); // an earlier one may have been answered as well
  }

  /** Hears the frames of an EtherType that reach its interface from now on. */
  sniffer(etherType: number, name = "eth0"): Promise<Sniffer> {
    return Sniffer.open(etherType, name, this.command());
  }

  /** Whether one ping is answered within a second. */
  reaches(to: string): boolean {
    return / 1 received/.test(
      run(this.command("ping", "-q", "-n", "-c", "1", "-W", "1", to), false),
    );
  }

  #echoReplies(to: string): number {
    if (to.includes(":")) {
      return Number(/^Icmp6InEchoReplies\s+(\d+)/m.exec(this.run("cat", "/proc/net/snmp6"))?.[1]);
    }
    const lines = this.run("grep", "^Icmp:", "/proc/net/snmp").split("\n").map((line) =>
      line.split(" ")
    );
    return Number(lines[1][lines[0].indexOf("InEchoReps")]);
  }

  /**
   * Measures with iperf3: bits a second that arrived, and what was lost of UDP on the way, in percent.
   * What reached a host whose program was too slow to read it was not lost there.
   */
  async iperf(server: Host, ...args: string[]): Promise<{ rate: number; lost: number }> {
    const unread = this.#unread() + server.#unread();
    const serving = new Deno.Command("ip", {
      args: server.command("iperf3", "-s", "-1", "-B", server.ip4).slice(1),
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until("iperf3 listens", () => server.run("ss", "-Hltn").includes(`${server.ip4}:5201`));
    const { stdout } = await new Deno.Command("ip", {
      args: this.command("iperf3", "-J", "-c", server.ip4, "-t", `${SECONDS}`, ...args).slice(1),
    }).output();
    const text = new TextDecoder().decode(stdout);
    await serving.status;
    const { sum, sum_received } = JSON.parse(text).end;
    const lost = (sum?.lost_packets ?? 0) - (this.#unread() + server.#unread() - unread);
    return {
      rate: (sum_received ?? sum).bits_per_second,
      lost: Math.max(0, lost) / (sum?.packets ?? 1) * 100,
    };
  }

  /** UDP packets that its programs did not read in time. */
  #unread(): number {
    const lines = this.run("grep", "^Udp:", "/proc/net/snmp").split("\n").map((line) =>
      line.split(" ")
    );
    return Number(lines[1][lines[0].indexOf("RcvbufErrors")]);
  }
}

/** What veth interfaces can be reached through. */
export const DEVICES: readonly DeviceKind[] = ["af_xdp", "af_packet"];

/** What hosts can be joined through: with "tap" the interface is one end, and the port the other. */
export const JOINS: readonly DeviceKind[] = [...DEVICES, "tap"];

/** Of both ends of a host's link. */
export interface HostOptions {
  /** Bytes; default: 1500. */
  mtu?: number | undefined;
  /** Receive queues, and as many transmit queues; default: 1. */
  queues?: number | undefined;
}

/** What is there for one test. Closing it takes everything away. */
export class Scene implements AsyncDisposable {
  /** Where the ends of the pairs are. */
  readonly namespace: string;
  /** The netmap. */
  readonly netmap: Netmap;
  /** Name of its engine, when that is in this process. */
  readonly instance: string;
  /** The bridge. */
  readonly bridge: Bridge;
  /** Those that have been made. */
  readonly hosts: Host[] = [];
  readonly #name = `vt${seed}${(count++).toString(36)}`;

  /** Made for each test. */
  constructor(backend: "embedded" | "daemon") {
    this.namespace = `${this.#name}s`;
    ip("netns", "add", this.namespace);
    this.instance = this.#name;
    this.netmap = Netmap.open({ backend, instance: this.instance });
    this.bridge = this.netmap.bridge("vale0");
  }

  /** Makes a host, whose link ends in `p0`, `p1` ... of the switch's namespace. */
  host(options: HostOptions = {}): Host {
    const { mtu = 1500, queues } = options;
    const host = this.#newHost(), number = this.hosts.indexOf(host), { namespace } = host;
    const shape = ["mtu", `${mtu}`];
    if (queues !== undefined) shape.push("numrxqueues", `${queues}`, "numtxqueues", `${queues}`);
    const link = ["link", "add", `p${number}`, ...shape, "type", "veth"];
    ip("-n", this.namespace, ...link, "peer", "name", "eth0", ...shape, "netns", namespace);
    host.bringUp(mtu);
    ip("-n", this.namespace, "link", "set", `p${number}`, "up");
    return host;
  }

  /**
   * Makes a host whose interface is one that attaching makes: TAP's other end. With `stays` it is one
   * that was there before.
   */
  tapHost(options: { mtu?: number | undefined; stays?: boolean } = {}): Host {
    const host = this.#newHost(`t${this.hosts.length}`), { namespace, device } = host;
    if (options.stays) ip("-n", namespace, "tuntap", "add", device, "mode", "tap");
    this.bridge.attach(device, { namespace, device: "tap" });
    host.bringUp(options.mtu);
    return host;
  }

  #newHost(device?: string): Host {
    const number = this.hosts.length;
    const host = new Host(`${this.#name}h${number}`, number + 1, undefined, device);
    this.hosts.push(host);
    ip("netns", "add", host.namespace);
    return host;
  }

  /** The system that has the other ends of the links, as a host with an address of its own. */
  systemHost(ip4: string): Host {
    return new Host(this.namespace, 0, ip4);
  }

  /** Attaches the other end of a host's link. */
  attach(host: Host, options: AttachOptions = {}): number {
    const { namespace } = this;
    return this.bridge.attach(`p${this.hosts.indexOf(host)}`, { namespace, ...options });
  }

  /** The port of a host that has been joined. */
  portOf(host: Host): string {
    return host.device === "eth0" ? `p${this.hosts.indexOf(host)}` : host.device;
  }

  /** Hosts that the bridge joins. */
  joined(number: number, options: AttachOptions & HostOptions = {}): Host[] {
    const { mtu, queues, ...attach } = options;
    return Array.from({ length: number }, () => {
      if (attach.device === "tap") return this.tapHost({ mtu });
      const host = this.host({ mtu, queues });
      this.attach(host, attach);
      return host;
    });
  }

  /** Detaches all that is attached. */
  detachAll(): void {
    for (const port of this.bridge.ports()) {
      if (!port.interface.endsWith("^")) this.bridge.detach(port.interface);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    try {
      this.detachAll();
      this.netmap.close();
    } finally {
      for (const { namespace } of this.hosts) run(["ip", "netns", "del", namespace], false);
      run(["ip", "netns", "del", this.namespace], false);
    }
    return Promise.resolve();
  }
}

const missing = whyMissing();

/** A test for the engine in this process, and for the daemon. */
export function testNet(
  name: string,
  body: (scene: Scene) => void | Promise<void>,
  lacks?: (backend: "embedded" | "daemon") => string | undefined,
): void {
  for (const backend of ["embedded", "daemon"] as const) {
    const why = missing ?? (backend === "daemon" ? noDaemon : undefined) ?? lacks?.(backend);
    Deno.test({
      name: `${backend}: ${name}${why === undefined ? "" : ` (skipped: ${why})`}`,
      ignore: why !== undefined,
      // What starts the daemon ends at some time during the first test
      sanitizeOps: false,
      sanitizeResources: false,
      fn: async () => {
        await using scene = new Scene(backend);
        await body(scene);
      },
    });
  }
}
