/**
 * The thread that sends: a Worker, so that nothing else is done between two packets.
 *
 * @module
 */

import { type BackendName, Histogram, Netmap, type Port, type TxRing } from "../../mod.ts";
import { pinThread } from "../pkt_gen/affinity.ts";
import { Shared } from "../pkt_gen/job.ts";
import { failureText } from "../port_hints.ts";
import { loadCapture } from "./capture_file.ts";
import { Schedule, type ScheduleOptions } from "./schedule.ts";

/** What the thread is to do. */
export interface ReplayJob {
  /** Absolute path of the capture. */
  readonly file: string;
  /** Name of the port. */
  readonly port: string;
  /** Which netmap. */
  readonly backend: BackendName;
  /** Which engine. */
  readonly instance: string;
  /** When packets are sent. */
  readonly schedule: ScheduleOptions;
  /** Most packets that are due together in one batch. */
  readonly batch: number;
  /** Seconds to wait for the link. */
  readonly waitSeconds: number;
  /** CPU to stay on; undefined: any. */
  readonly cpu: number | undefined;
  /** Counters, and whether to stop. */
  readonly shared: SharedArrayBuffer;
}

/** How it went. */
export interface ReplayFigures {
  /** Packets sent. */
  readonly packets: number;
  /** Their bytes. */
  readonly bytes: number;
  /** Packets that the loss model took. */
  readonly lost: number;
  /** From the first packet to the last. */
  readonly seconds: number;
  /** Packets that were cut short when they were recorded. */
  readonly cut: number;
  /** How much later than planned packets were sent, in nanoseconds: figures and a line. */
  readonly late: Record<string, number | null>;
  /** See `late`. */
  readonly lateText: string;
}

/** What the thread says. */
export type ReplayNews =
  | { readonly is: "ready" }
  | { readonly is: "done"; readonly figures: ReplayFigures }
  | { readonly is: "failed"; readonly message: string };

/** So long before a packet is due, the thread stops sleeping and looks at the clock. */
const SPIN_MS = 1;

/** Packets that are sent to nobody before the first: what compiles the code that sends. */
const REHEARSALS = 5000;

/** A wait for room looks so often whether the command was stopped, in milliseconds. */
const SLICE_MS = 50;

/** Sends packets on the first ring of a port, each when its schedule says so. */
class Pacer {
  readonly #port: Port;
  readonly #ring: TxRing;
  readonly #packets: readonly Uint8Array[];
  readonly #schedule: Schedule;
  readonly #batch: number;
  readonly #shared: Shared;
  readonly late = new Histogram();
  packets = 0;
  bytes = 0;
  seconds = 0;

  constructor(
    port: Port,
    packets: readonly Uint8Array[],
    schedule: Schedule,
    batch: number,
    shared: Shared,
  ) {
    [this.#port, this.#ring, this.#packets] = [port, port.txRings[0], packets];
    [this.#schedule, this.#batch, this.#shared] = [schedule, batch, shared];
  }

  /**
   * Each packet is in its slot before its time: then only the sync is left to do. Of 60 bytes at distances of
   * 100 us, on two cores with the receiver on the other, half were off by 5.8 us with both done then and
   * buffers in memory that nobody had used yet, by 0.4 us so.
   */
  run(): void {
    const schedule = this.#schedule;
    let pending = schedule.advance();
    const begin = performance.now();
    while (pending && !this.#shared.isStopped) {
      let { dueNs } = schedule, bytes = this.#put(), count = 1;
      if (bytes === 0) {
        this.#port.poll("write", SLICE_MS);
        continue;
      }
      pending = schedule.advance();
      this.#waitUntil(begin + dueNs / 1e6);
      if (this.#shared.isStopped) break;
      const nowNs = (performance.now() - begin) * 1e6;
      this.late.record(Math.max(0, nowNs - dueNs));
      for (; pending && count < this.#batch && schedule.dueNs <= nowNs; count++) {
        dueNs = schedule.dueNs;
        const more = this.#put();
        if (more === 0) break;
        bytes += more;
        this.late.record(nowNs - dueNs);
        pending = schedule.advance();
      }
      this.#port.txSync();
      this.packets += count;
      this.bytes += bytes;
      this.#shared.set(0, this.packets, this.bytes, 0);
    }
    this.seconds = (performance.now() - begin) / 1000;
  }

  /** Its bytes; 0 when there is no room. */
  #put(): number {
    const packet = this.#packets[this.#schedule.index];
    return this.#ring.put(packet) ? packet.length : 0;
  }

  /** Sleeps, the last millisecond awake: sleeping ends some hundred microseconds late. */
  #waitUntil(dueMs: number): void {
    for (;;) {
      const leftMs = dueMs - performance.now();
      if (leftMs <= 0 || this.#shared.isStopped) return;
      if (leftMs > SPIN_MS) this.#shared.sleep(leftMs - SPIN_MS);
    }
  }
}

class Replay {
  readonly #job: ReplayJob;
  readonly #port: Port;
  readonly #shared: Shared;

  constructor(job: ReplayJob, port: Port) {
    this.#job = job;
    this.#port = port;
    this.#shared = new Shared(job.shared);
  }

  run(): ReplayFigures {
    const { file, schedule: options, batch, waitSeconds } = this.#job;
    const capture = loadCapture(file);
    if (options.pace.kind === "recorded" && capture.untimed === capture.packets.length) {
      throw new Error(
        `Cannot replay "${file}": its packets have no times\nHint: --pps or --rate sends them`,
      );
    }
    const [ring] = this.#port.txRings;
    for (const { length } of capture.packets) ring.checkLength(length);
    if (waitSeconds > 0) this.#shared.sleep(waitSeconds * 1000);
    // Memory that nobody has used yet is slow at first
    for (let slot = 0; slot < ring.slots; slot++) ring.bytes(slot).fill(0);
    rehearse();
    const schedule = new Schedule(capture, options);
    const pacer = new Pacer(this.#port, capture.packets, schedule, batch, this.#shared);
    pacer.run();
    this.#drain();
    const { packets, bytes, seconds, late } = pacer;
    return {
      packets,
      bytes,
      lost: schedule.lost,
      seconds,
      cut: capture.cut,
      late: late.toJSON(),
      lateText: `${late}`,
    };
  }

  /** Waits until what was sent has gone, where that takes time: at NICs and pipes. */
  #drain(): void {
    const [ring] = this.#port.txRings;
    const { pipe, bridge } = this.#port.portName;
    if (pipe !== undefined || bridge !== undefined) return;
    while (!this.#shared.isStopped && ring.next(ring.tail) !== ring.head) {
      this.#shared.sleep(1);
      this.#port.txSync();
    }
  }
}

/** Has the code compiled before the first packet, which would be late otherwise. */
function rehearse(): void {
  using netmap = Netmap.open({ backend: "embedded", instance: "replay's rehearsal" });
  using port = netmap.open("vale0:nobody@conf:slots=64");
  const recorded = { timesNs: new Float64Array(1), lengths: new Uint32Array([60]) };
  const schedule = new Schedule(recorded, {
    pace: { kind: "packets", perSecond: 1e6 },
    delay: undefined,
    loss: undefined,
    loops: REHEARSALS,
    seed: 0,
  });
  new Pacer(port, [new Uint8Array(60)], schedule, 8, Shared.create(1)).run();
}

function replay(job: ReplayJob): ReplayFigures {
  const netmap = Netmap.open({ backend: job.backend, instance: job.instance });
  try {
    const port = netmap.open(job.port);
    if (job.cpu !== undefined) pinThread(job.cpu);
    return new Replay(job, port).run();
  } catch (error) {
    throw new Error(failureText(error, job.backend === "kernel"), { cause: error });
  } finally {
    netmap.close();
  }
}

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ReplayJob>) => void) | null;
  postMessage(news: ReplayNews): void;
};

scope.onmessage = ({ data: job }) => {
  try {
    scope.postMessage({ is: "done", figures: replay(job) });
  } catch (error) {
    scope.postMessage({ is: "failed", message: (error as Error).message });
  }
};

scope.postMessage({ is: "ready" });
