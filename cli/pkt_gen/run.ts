/**
 * The main thread of pkt-gen: opens, starts and ends the others, and reports what they do.
 *
 * @module
 */

import { type Netmap, parsePortName, RegisterMode } from "../../mod.ts";
import type { Context } from "../context.ts";
import { logLine, nowMs } from "../log_line.ts";
import { openNetmap } from "../open.ts";
import { sleep } from "../sleep.ts";
import { Crew, type WorkTime } from "./crew.ts";
import { MovingStats, packetRate, type Report, reportText, summaryText } from "./format.ts";
import { interfaceFacts, readPacket } from "./interface.ts";
import type { Job, OpenedPort } from "./job.ts";
import { OptionBit, type Options } from "./options.ts";
import { describeRange, isVarying, parseMacRange } from "./ranges.ts";
import { mostThreads, queuesOf, ringOf } from "./rings.ts";

/** Reports on less time than this mean nothing, in microseconds. */
const SHORT_US = 10_000;

/** Does what the options say. */
export async function runPktGen(options: Options, context: Context): Promise<void> {
  const command = new PktGen(options, context);
  try {
    await command.run();
  } finally {
    await command.close();
  }
}

class PktGen {
  readonly #options: Options;
  readonly #context: Context;
  readonly #crew: Crew;
  readonly #isSender: boolean;
  /** Which rings the name asks for. */
  readonly #mode: RegisterMode;
  #netmap: Netmap | undefined;

  constructor(options: Options, context: Context) {
    const { device, name, run } = options;
    this.#isSender = run === "tx" || run === "txseq";
    this.#mode = device === "netmap" ? parsePortName(name).mode : RegisterMode.ALL_NIC;
    this.#options = options;
    this.#context = context;
    this.#crew = new Crew(options.threads, context);
  }

  async run(): Promise<void> {
    const { signal } = this.#context;
    this.#introduce();
    const job = await this.#prepare();
    const opened = await this.#openFirst(job);
    this.#present(opened, job);
    for (let thread = 1; thread < this.#options.threads; thread++) {
      await this.#crew.open(this.#jobOf(thread, job, opened));
    }
    const { waitSeconds } = this.#options;
    this.#log("start_threads [2695]", `Wait ${waitSeconds} secs for phy reset`);
    await sleep(waitSeconds * 1000, signal);
    this.#log("start_threads [2697]", "Ready...");
    const interrupted = (): void => {
      this.#log("sigint_h [574]", "received control-C on thread main");
      this.#crew.shared.stop();
    };
    if (signal.aborted) interrupted();
    signal.addEventListener("abort", interrupted);
    try {
      this.#crew.start();
      await this.#report();
    } finally {
      signal.removeEventListener("abort", interrupted);
    }
  }

  async close(): Promise<void> {
    await this.#crew.close();
    this.#netmap?.close();
  }

  #log(where: string, text: string): void {
    this.#context.stderr.write(logLine(where, text, nowMs()));
  }

  /** What is known before anything is opened. */
  #introduce(): void {
    const { givenName, isDefaultBurst, cpus, source, destination, run } = this.#options;
    const burst = run === "ping" || run === "pong" ? 1 : 512;
    this.#log("main [3036]", `interface is ${givenName}`);
    if (isDefaultBurst) this.#log("main [3159]", `using default burst size: ${burst}`);
    this.#log("main [3167]", `running on ${cpus} cpus (have ${navigator.hardwareConcurrency})`);
    this.#log("extract_ip_range [477]", describeRange(source));
    this.#log("extract_ip_range [477]", describeRange(destination));
    if (this.#options.shape !== undefined) {
      const { txRings, txSlots, rxRings, rxSlots } = this.#options.shape;
      this.#log(
        "main [3123]",
        "WARNING: the 'C' option is deprecated, use '@conf:' in the port's name instead",
      );
      this.#log(
        "parse_nmr_config [666]",
        `txr ${txRings} txd ${txSlots} rxr ${rxRings} rxd ${rxSlots}`,
      );
    }
  }

  /** Opens netmap, and finds out what the packets are made from. */
  async #prepare(): Promise<Job> {
    const options = this.#options, context = this.#context;
    const packet = options.packetFile === undefined || options.run !== "tx"
      ? undefined
      : readPacket(context.path(options.packetFile));
    if (packet !== undefined && options.leastBytes > packet.length) {
      throw new Error(
        `Cannot send at least ${options.leastBytes} of ${packet.length} bytes: the packet in ` +
          `"${options.packetFile}" is shorter`,
      );
    }
    if (options.device === "netmap") this.#netmap = await openNetmap(context);
    const facts = interfaceFacts(options.name, this.#netmap?.backend === "kernel");
    const bytes = packet?.length ?? options.bytes;
    if (this.#isSender && bytes > facts.mostBytes) {
      throw new Error(
        `Cannot send packets of ${bytes} bytes on "${options.name}": its MTU allows ` +
          `${facts.mostBytes}\nHint: A smaller -l, or a larger MTU: "ip link set ... mtu ..."`,
      );
    }
    return {
      thread: 0,
      options,
      count: this.#countOf(0),
      backend: this.#netmap?.backend ?? "embedded",
      instance: context.instance,
      ring: options.threads > 1 ? ringOf(0, this.#mode) : undefined,
      frame: {
        family: options.family,
        bytes: options.bytes,
        source: options.source,
        destination: options.destination,
        sourceMac: options.sourceMac ?? parseMacRange(facts.mac),
        destinationMac: options.destinationMac,
        payload: (options.bits & OptionBit.INDIRECT) === 0 ? "direct" : "indirect",
      },
      packet,
      shared: this.#crew.shared.buffer,
    };
  }

  /** The share of a thread; the first ones have what cannot be divided. */
  #countOf(thread: number): number {
    const { count, threads } = this.#options;
    return Math.floor(count / threads) + (thread < count % threads ? 1 : 0);
  }

  #jobOf(thread: number, first: Job, { rings }: OpenedPort): Job {
    const { own } = queuesOf(rings, this.#isSender);
    return {
      ...first,
      thread,
      count: this.#countOf(thread),
      ring: ringOf(thread, this.#mode, own),
    };
  }

  async #openFirst(job: Job): Promise<OpenedPort> {
    if (this.#options.device === "tap") {
      this.#log("main [3207]", `want to use tap ${this.#options.name}`);
    }
    const opened = await this.#crew.open(job);
    if (opened.tapName !== undefined) {
      this.#log("tap_alloc [2919]", `new name is ${opened.tapName}`);
    }
    const { threads, name } = this.#options;
    const rings = mostThreads(queuesOf(opened.rings, this.#isSender), this.#mode);
    if (threads > rings) {
      throw new Error(
        `Cannot use ${threads} threads on "${name}": it has ${rings} ring${
          rings === 1 ? "" : "s"
        }, and each thread needs one\nHint: A port that is made by opening it can have more: ` +
          `"-i vale0:a@conf:rings=${threads}"`,
      );
    }
    return opened;
  }

  /** What is known once the port is open. */
  #present(opened: OpenedPort, { frame }: Job): void {
    const { device, run, name, threads, cpus, verbose, burst, ratePps } = this.#options;
    const isSender = this.#isSender;
    if (opened.warning !== undefined) this.#log("get_vnet_hdr_len [1207]", opened.warning);
    if (opened.headerBytes > 0 && this.#options.headerBytes === 0) {
      this.#log(
        "get_vnet_hdr_len [1213]",
        `Port requires virtio-net header, length = ${opened.headerBytes}`,
      );
    }
    if (verbose > 0) { for (const line of opened.layout) this.#log("main [3301]", line); }
    if (device === "netmap") {
      const verb = isSender ? "Sending on" : run.startsWith("rx") ? "Receiving from" : "Working on";
      const { source, destination, sourceMac, destinationMac } = frame;
      const { own, host } = queuesOf(opened.rings, isSender);
      this.#context.stdout.write(
        `${verb} ${name}: ${own + host} queues, ${threads} threads and ${cpus} cpus.\n` +
          (isSender
            ? `${source.text} -> ${destination.text} (${sourceMac.text} -> ${destinationMac.text})\n`
            : ""),
      );
    }
    this.#presentBits();
    if (!isSender) return;
    const period = ratePps > 0 ? Math.floor(1e9 * burst / ratePps) : 0;
    this.#log(
      "main [3369]",
      `Sending ${burst} packets every  ${Math.floor(period / 1e9)}.` +
        `${String(period % 1e9).padStart(9, "0")} s`,
    );
  }

  #presentBits(): void {
    const { source, destination } = this.#options;
    const bits = this.#options.bits |
      (isVarying(source) || isVarying(destination) ? OptionBit.COPY : 0);
    if (bits === 0) return;
    const names = [
      [OptionBit.PREFETCH, " prefetch"],
      [OptionBit.ACCESS, " access"],
      [OptionBit.MEMCPY, " memcpy"],
      [OptionBit.INDIRECT, " indirect"],
      [OptionBit.COPY, " copy"],
      [OptionBit.RUBBISH, " rubbish "],
    ] as const;
    const text = names.map(([bit, name]) => (bits & bit) === 0 ? "" : name).join("");
    this.#log("main [3342]", `--- SPECIAL OPTIONS:${text}\n`);
  }

  /** Reports each interval until all have ended, then sums up. */
  async #report(): Promise<void> {
    const { shared } = this.#crew;
    const { reportMs, scaled } = this.#options;
    const stats = (this.#options.bits & OptionBit.STATS) === 0
      ? undefined
      : new MovingStats(scaled);
    let times: WorkTime[] | undefined, failure: unknown;
    const ended = this.#crew.ended().then((all) => times = all, (error) => {
      failure = error;
      shared.stop();
    });
    let before = { packets: 0, bytes: 0, events: 0 }, beforeMs = performance.now(), reports = 0;
    while (true) {
      await race(ended, reportMs);
      const isLast = times !== undefined || failure !== undefined;
      const ms = performance.now(), microseconds = Math.round((ms - beforeMs) * 1000);
      if (microseconds >= SHORT_US || (isLast && reports === 0)) {
        const sums = shared.sums;
        this.#reportSince(before, sums, Math.max(microseconds, 1), stats);
        before = sums;
        beforeMs = ms;
        reports++;
      }
      if (isLast) break;
    }
    this.#sumUp(times);
    if (failure !== undefined) throw failure;
  }

  #reportSince(
    before: Omit<Report, "microseconds" | "minSpace">,
    sums: Omit<Report, "microseconds" | "minSpace">,
    microseconds: number,
    stats: MovingStats | undefined,
  ): void {
    const report: Report = {
      packets: sums.packets - before.packets,
      bytes: sums.bytes - before.bytes,
      events: sums.events - before.events,
      microseconds,
      minSpace: this.#crew.shared.takeMinSpace(),
    };
    const text = stats?.add(packetRate(report)) ?? "";
    this.#log("main_thread [2781]", reportText(report, text, this.#options));
  }

  /** The lines on stdout; the time is from the last begin to the last end, as in netmap's. */
  #sumUp(times: WorkTime[] | undefined): void {
    const { run } = this.#options;
    if (run === "ping" || run === "pong") return;
    const seconds = times === undefined ? 0 : Math.max(...times.map(({ endMs }) => endMs)) / 1000 -
      Math.max(...times.map(({ startMs }) => startMs)) / 1000;
    this.#context.stdout.write(
      summaryText(
        this.#isSender ? "Sent" : "Received",
        this.#crew.shared.sums,
        Math.max(seconds, 0),
        this.#options,
      ),
    );
  }
}

/** Waits until the promise is settled, at most so long. */
async function race(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const time = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([promise, time]);
  clearTimeout(timer);
}
