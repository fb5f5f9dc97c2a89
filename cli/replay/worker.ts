/**
 * The thread that sends: a Worker, so that nothing else is done between two packets.
 *
 * @module
 */

import { type BackendName, Histogram, Netmap, type Port } from "../../mod.ts";
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

/** Packets that are gone through, without being sent, before the first. */
const REHEARSALS = 5000;

/** A wait for room looks so often whether the command was stopped, in milliseconds. */
const SLICE_MS = 50;

class Replay {
  readonly #job: ReplayJob;
  readonly #port: Port;
  readonly #shared: Shared;
  readonly #late = new Histogram();
  #packets = 0;
  #bytes = 0;

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
    this.#rehearse(new Schedule(capture, options));
    const schedule = new Schedule(capture, options);
    let pending = schedule.advance();
    const begin = performance.now();
    while (pending && !this.#shared.isStopped) {
      this.#waitUntil(begin + schedule.dueNs / 1e6);
      if (this.#shared.isStopped) break;
      const now = performance.now();
      let count = 0;
      do {
        const packet = capture.packets[schedule.index];
        if (!ring.put(packet)) break;
        count++;
        this.#bytes += packet.length;
        this.#late.record(Math.max(0, (now - begin) * 1e6 - schedule.dueNs));
        pending = schedule.advance();
      } while (pending && count < batch && begin + schedule.dueNs / 1e6 <= now);
      this.#port.txSync();
      this.#packets += count;
      if (count === 0) this.#port.poll("write", SLICE_MS);
      this.#shared.set(0, this.#packets, this.#bytes, 0);
    }
    const seconds = (performance.now() - begin) / 1000;
    this.#drain();
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      lost: schedule.lost,
      seconds,
      cut: capture.cut,
      late: this.#late.toJSON(),
      lateText: `${this.#late}`,
    };
  }

  /** Has the code compiled before the first packet: it would be late otherwise. */
  #rehearse(schedule: Schedule): void {
    for (let i = 0; i < REHEARSALS && schedule.advance(); i++) {
      this.#waitUntil(performance.now() + 1e-3);
    }
  }

  /** Sleeps, the last millisecond awake: sleeping ends some hundred microseconds late. */
  #waitUntil(dueMs: number): void {
    for (;;) {
      const leftMs = dueMs - performance.now();
      if (leftMs <= 0 || this.#shared.isStopped) return;
      if (leftMs > SPIN_MS) this.#shared.sleep(leftMs - SPIN_MS);
    }
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
