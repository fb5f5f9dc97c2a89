/**
 * The mSwitch tutorial, on a real capture: interfaces are made and attached to a VALE switch, traffic is
 * learned and switched, a lookup written in TypeScript takes over, and everything is taken down again.
 * Each count is compared with what the capture says that it has to be.
 *
 *     deno task demo
 *     deno run --allow-ffi --allow-read scripts/tutorial.ts [--json] [--pcap FILE]
 *
 * The same script runs on valet's own engine and on a kernel with netmap.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  type Bridge,
  BROADCAST,
  EtherType,
  formatRate,
  Netmap,
  type Port,
  type ProtocolCounts,
} from "../mod.ts";
import { type Capture, type Frame, leaveOutLong, loadCapture, mac } from "./tutorial/capture.ts";
import { type Expectation, ipv4ToNextPort, LearningBridge } from "./tutorial/expect.ts";
import { ifSupported, Journal, portsOn, type Step, tableFaults } from "./tutorial/journal.ts";
import { drain, introduce, measure, type RateResult, useBatchLookup } from "./tutorial/rates.ts";
import { longestFrame, replay } from "./tutorial/replay.ts";
import { grouped, Report, write } from "./tutorial/report.ts";

const USAGE = `Usage: deno task demo [--json] [--pcap FILE] [--backend NAME] [--seconds N]

  --json          print one JSON object, and no text
  --pcap FILE     replay your own capture (pcap or pcapng)
  --backend NAME  auto (default), kernel or embedded
  --seconds N     how long to measure each rate; default: 0.4
`;

const OWN_CAPTURE = fileURLToPath(new URL("../tests/data/tutorial.pcap", import.meta.url));
const BRIDGE = "vale0";
const NAMES = ["vi0", "vi1", "vi2"];

/** The lookup of the tutorial: IPv4 goes to the next port, everything else to all. */
const ipv4Lookup = (packet: { etherType: number; port: number }): number =>
  packet.etherType === EtherType.IPV4 ? packet.port + 1 : BROADCAST;

/** What the command line says. */
interface Options {
  json: boolean;
  pcap: string;
  backend: "auto" | "kernel" | "embedded";
  seconds: number;
}

/** What `--json` prints. */
interface Result {
  ok: boolean;
  backend: string;
  reason: string;
  capture: { file: string; bytes: number; skipped: number; notes: string[] } & ProtocolCounts;
  steps: Step[];
  rates: Record<string, RateResult>;
  faults: string[];
}

class Tutorial {
  readonly #report: Report;
  readonly #netmap: Netmap;
  readonly #bridge: Bridge;
  readonly #journal: Journal;
  /** What the bridge has to know by now. */
  readonly #model: LearningBridge;
  /** Interfaces that outlast the ports: not on the kernel, which never lets go of one that was used. */
  readonly #hasInterfaces: boolean;
  readonly #rates: Record<string, RateResult> = {};
  readonly #created: string[] = [];
  readonly #ports: Port[] = [];
  #capture: Capture | undefined;

  constructor(netmap: Netmap, report: Report) {
    this.#netmap = netmap;
    this.#report = report;
    this.#bridge = netmap.bridge(BRIDGE);
    this.#journal = new Journal(this.#bridge);
    this.#hasInterfaces = netmap.backend !== "kernel";
    this.#model = new LearningBridge(netmap.backend === "kernel");
  }

  /** All steps. */
  run(file: string, seconds: number): void {
    this.#report.line(`\n${this.#netmap.reason}`);
    this.#load(file);
    try {
      this.#createInterfaces();
      this.#learn(
        "learning",
        "each packet enters at its sender's port, the switch learns who is where",
      );
      this.#lookUp();
      this.#learnAgain();
      this.#measure(seconds);
    } finally {
      this.#remove();
    }
  }

  #load(file: string): void {
    const { frames, bytes, counts, notes, stations } = this.#capture = loadCapture(file);
    const report = this.#report;
    report.title("capture", file === OWN_CAPTURE ? "tests/data/tutorial.pcap" : file);
    report.line(`   ${grouped(frames.length)} packets, ${grouped(bytes)} bytes`);
    for (const text of notes) report.line(`   ${text}.`);
    const { arp, ipv4, ipv6, other, icmp, icmpv6, udp, tcp } = counts;
    report.table(
      ["ARP", "IPv4", "IPv6", "other", "ICMP", "ICMPv6", "UDP", "TCP"],
      [[arp, ipv4, ipv6, other, icmp, icmpv6, udp, tcp]],
    );
    const [first, ...rest] = stations.map(mac);
    report.line(`   at vi0: ${first}, the busiest station`);
    report.line(`   at vi1: ${rest.length === 0 ? "nobody" : listed(rest)}`);
    report.line("   at vi2: nobody; it only listens");
  }

  #createInterfaces(): void {
    const netmap = this.#netmap, report = this.#report;
    const others = portsOn(netmap, BRIDGE);
    if (others.length > 0) {
      throw new Error(`Cannot use ${BRIDGE}: ${others.join(", ")} belong to somebody else`);
    }
    report.title("interfaces", `${NAMES.join(", ")} are created and attached to ${BRIDGE}`);
    if (this.#hasInterfaces) {
      for (const name of NAMES) {
        netmap.createInterface(name);
        this.#created.push(name);
        this.#bridge.attach(name);
      }
    } else {
      report.line(
        "   Here they are ephemeral: open() creates and attaches them, close() removes them. A persistent\n" +
          "   interface cannot be detached from netmap's module once it was used (netmap issue 882).",
      );
    }
    for (const name of NAMES) this.#ports.push(netmap.open(`${BRIDGE}:${name}`));
    for (const { name, portIndex } of this.#bridge.ports()) {
      report.line(`   port ${portIndex}: ${name}`);
    }
    const told = this.#capture!.notes.length;
    this.#capture = leaveOutLong(this.#capture!, longestFrame(this.#ports[0]));
    for (const text of this.#capture.notes.slice(told)) report.line(`   ${text}.`);
  }

  #replay(name: string, from: (frame: Frame) => number, expected: Expectation): void {
    const { frames } = this.#capture!;
    this.#journal.begin();
    const result = replay(this.#ports, frames, from, expected, (done) => {
      this.#report.progress(name, done / frames.length);
    });
    this.#report.ports(result.ports);
    this.#journal.add(name, result, expected);
  }

  #learn(name: string, text: string): void {
    const { frames, stations } = this.#capture!;
    const portOf = (frame: Frame): number => frame.source === stations[0] ? 0 : 1;
    const report = this.#report;
    const expected = this.#model.replay(frames, portOf, NAMES.length);
    report.title(name, text);
    this.#replay(name, portOf, expected);
    const back = expected.dropped.reduce((sum, count) => sum + count);
    if (back > 0) {
      report.line(`   ${grouped(back)} go nowhere: both stations are at the same port.`);
    }
    const faults = tableFaults(this.#bridge, this.#model);
    for (const fault of faults ?? []) this.#journal.fault(name, fault);
    report.line(
      faults === undefined
        ? "   Which stations it has learned is not to be seen: netmap's module does not show its table."
        : `   Learned: ${
          listed(this.#model.table.map(({ mac, port }) => `${mac} at ${NAMES[port]}`))
        }.`,
    );
  }

  #lookUp(): void {
    const report = this.#report;
    report.title("lookup", "a function in TypeScript decides; all packets enter at vi0");
    const lookup = ifSupported(() => this.#bridge.lookup = ipv4Lookup);
    if (lookup === undefined) {
      const reason = "netmap's module calls no TypeScript";
      const mend = "Lookups need valet's engine (--backend embedded), or valet's lookup module.";
      report.line(`   Left out: ${reason}.\n   ${mend}`);
      return this.#journal.skip("lookup", reason);
    }
    report.line("   (packet) => packet.etherType === EtherType.IPV4 ? packet.port + 1 : BROADCAST");
    this.#replay("lookup", () => 0, ipv4ToNextPort(this.#capture!.frames, NAMES.length));
    if (this.#journal.steps.at(-1)!.ok) {
      report.line("   vi1 got everything; vi2 saw no IPv4, and all the rest.");
    }
  }

  #learnAgain(): void {
    // Where there are no lookups in TypeScript this is what the bridge does anyway
    ifSupported(() => this.#bridge.lookup = "learning");
    const isTaken = this.#journal.steps.at(-1)!.skipped === undefined;
    const text = `${isTaken ? "the lookup is taken back; " : ""}the stations are still known`;
    this.#learn("learning again", text);
  }

  #measure(seconds: number): void {
    const report = this.#report, bridge = this.#bridge, rates = this.#rates;
    const [from, to, other] = this.#ports;
    report.title("rates", "vi0 to vi1 on one thread: fill, forward, read");
    introduce(to);
    this.#ports.forEach(drain);
    const add = (name: string, frameBytes: number): void => {
      report.progress(name, Object.keys(rates).length / 4);
      rates[`${name}_${frameBytes}`] = measure(from, to, frameBytes, seconds);
    };
    add("learning", 60);
    add("learning", 1514);
    if (ifSupported(() => bridge.lookup = ipv4Lookup) !== undefined) {
      add("lookup", 60);
      useBatchLookup(bridge);
      add("lookup_batch", 60);
      bridge.lookup = "learning";
    }
    report.progress("rates", 1);
    const rows = Object.entries(rates).map(([name, { frameBytes, packetsPerSecond }]) => [
      name.replace(/_\d+$/, "").replace("_batch", ", by batch"),
      `${frameBytes} bytes`,
      formatRate(packetsPerSecond),
      formatRate(packetsPerSecond * frameBytes * 8, "bit/s"),
    ]);
    report.table(["switched by", "frames", "packets", "bits"], rows);
    for (const [name, { packets, received }] of Object.entries(rates)) {
      if (packets === received) continue;
      this.#journal.fault(name, `vi1 received ${received} packets, expected ${packets}`);
    }
    const strays = drain(other);
    if (strays > 0) this.#journal.fault("rates", `vi2 received ${strays} packets, expected 0`);
  }

  #remove(): void {
    const netmap = this.#netmap, report = this.#report;
    for (const port of this.#ports) port.close();
    for (const { interface: name } of this.#bridge.ports()) {
      if (this.#created.includes(name)) this.#bridge.detach(name);
    }
    for (const name of this.#created) netmap.removeInterface(name);
    const left = portsOn(netmap, BRIDGE);
    report.title("the end", `${NAMES.join(", ")} are detached and removed`);
    if (left.length > 0) this.#journal.fault("the end", `${left.join(", ")} are still there`);
  }

  /** What `--json` prints. */
  toJSON(): Result {
    const { steps, faults } = this.#journal;
    const { file, bytes, counts, skipped, notes } = this.#capture!;
    return {
      ok: faults.length === 0,
      backend: this.#netmap.backend,
      reason: this.#netmap.reason,
      capture: { file, bytes, skipped, notes, ...counts },
      steps,
      rates: this.#rates,
      faults,
    };
  }
}

/** A few of them, and how many more there are. */
function listed(items: readonly string[]): string {
  const more = items.length > 4 ? ` and ${items.length - 4} more` : "";
  return items.slice(0, 4).join(", ") + more;
}

/** What the command line says; undefined for --help. */
function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: "boolean", default: false },
      pcap: { type: "string", default: OWN_CAPTURE },
      backend: { type: "string", default: "auto" },
      seconds: { type: "string", default: "0.4" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { json, pcap, backend, help } = values;
  const seconds = Number(values.seconds);
  if (!["auto", "kernel", "embedded"].includes(backend)) {
    throw new Error(`Cannot use "${backend}" as --backend: it is auto, kernel or embedded`);
  }
  if (!(seconds > 0 && seconds <= 60)) {
    throw new Error(`Cannot use "${values.seconds}" as --seconds: it is more than 0, 60 at most`);
  }
  return help ? undefined : { json, pcap, backend: backend as Options["backend"], seconds };
}

/** Runs the tutorial; the exit status. */
function main(args: string[]): number {
  let options: Options | undefined;
  try {
    options = readOptions(args);
  } catch (error) {
    write(Deno.stderr, `${textOf(error)}\n\n${USAGE}`);
    return 2;
  }
  if (options === undefined) {
    write(Deno.stdout, USAGE);
    return 0;
  }
  const { json, backend, pcap, seconds } = options;
  const report = new Report(json);
  try {
    using netmap = Netmap.open({ backend });
    const tutorial = new Tutorial(netmap, report);
    tutorial.run(pcap, seconds);
    const result = tutorial.toJSON();
    if (json) write(Deno.stdout, `${JSON.stringify(result)}\n`);
    report.end(result.faults);
    return result.ok ? 0 : 1;
  } catch (error) {
    if (json) write(Deno.stdout, `${JSON.stringify({ ok: false, error: textOf(error) })}\n`);
    report.fault(textOf(error));
    return 1;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

Deno.exit(main(Deno.args));
