/**
 * `-f ping`: sends probes and measures how long the answers take.
 *
 * @module
 */

import { Histogram, type Port, type RxRing, type TxRing } from "../../mod.ts";
import { bucketsText } from "./format.ts";
import { buildFrame, headerBytes } from "./frame.ts";
import { probeOffset, Probes, writeProbe } from "./probe.ts";
import { Pace, type Thread } from "./thread.ts";
import { freeSlots } from "./rx.ts";
import { askForReport, reportsNeeded } from "./tx.ts";

/** How long an answer may take, in milliseconds; then the next probe is sent. */
const PATIENCE_MS = 3000;

/** How long the answers to the last probes may take. */
const LAST_MS = 1000;

/** Send times are kept of so many probes: as many as `Probes` looks back. */
const SENT_TIMES = 1 << 16;

/** Sends probes until the count is reached, or the command stopped. */
export function ping(thread: Thread, port: Port, header: number): void {
  const pinger = new Pinger(thread, port, header);
  const pace = new Pace(thread);
  const count = thread.job.count === 0 ? Infinity : thread.job.count;
  while (pinger.probes.sent < count && !thread.isStopped) {
    const limit = Math.min(pace.next(), count - pinger.probes.sent);
    const sent = thread.isStopped ? 0 : pinger.send(limit);
    pace.spend(sent);
    if (sent > 0) thread.events++;
    port.txSync();
    thread.publish();
    if (pinger.receive(PATIENCE_MS)) pinger.reportEachSecond();
  }
  // Answers to the last probes may still be on their way
  const end = performance.now() + LAST_MS;
  while (pinger.probes.lost > 0 && !thread.isStopped) {
    const leftMs = end - performance.now();
    if (leftMs <= 0 || !pinger.receive(leftMs)) break;
  }
  pinger.summary();
}

/** One run of ping. */
class Pinger {
  readonly probes: Probes = new Probes();
  readonly #thread: Thread;
  readonly #port: Port;
  readonly #header: number;
  readonly #frame: Uint8Array;
  readonly #probeAt: number;
  readonly #ring: TxRing;
  readonly #sentAt = new Float64Array(SENT_TIMES);
  readonly #all = new Histogram();
  #part = new Interval();
  #reportAt: number;

  constructor(thread: Thread, port: Port, header: number) {
    const { family } = thread.job.options;
    this.#thread = thread;
    this.#port = port;
    this.#header = header;
    const frame = buildFrame(thread.job.frame);
    this.#frame = new Uint8Array(header + frame.length);
    this.#frame.set(frame, header);
    this.#ring = port.txRings[0];
    this.#ring.checkLength(this.#frame.length);
    if (this.#frame.length > this.#ring.slotBytes) {
      throw new Error(
        `Cannot send probes of ${this.#frame.length} bytes: a buffer has ${this.#ring.slotBytes}` +
          "\nHint: A smaller -l",
      );
    }
    this.#probeAt = header + headerBytes(family);
    this.#reportAt = performance.now() + 1000;
  }

  /** Sends up to so many probes; returns how many there was room for. */
  send(limit: number): number {
    const ring = this.#ring, thread = this.#thread, frame = this.#frame;
    const { u8, view } = ring.region;
    const probes = Math.min(limit, ring.space);
    if (probes === 0) thread.log("ping_body [1444]", "-- ouch, cannot send", 1);
    let slot = ring.head;
    for (let i = 0; i < probes; i++, slot = ring.next(slot)) {
      const offset = ring.bufferOffset(slot);
      u8.set(frame, offset);
      const now = performance.now(), sinceEpoch = performance.timeOrigin + now;
      const seconds = Math.floor(sinceEpoch / 1000);
      const nanoseconds = Math.floor((sinceEpoch - seconds * 1000) * 1e6);
      writeProbe(view, offset + this.#probeAt, this.probes.sent >>> 0, seconds, nanoseconds);
      ring.setLength(slot, frame.length);
      ring.setSlotFlags(slot, 0);
      this.#sentAt[this.probes.sent & (SENT_TIMES - 1)] = now;
      this.probes.send(nanoseconds);
    }
    ring.publish(slot);
    if (probes > 0 && reportsNeeded(this.#port)) askForReport(ring);
    thread.packets = this.probes.sent;
    thread.bytes = this.probes.sent * frame.length;
    return probes;
  }

  /** Takes the answers that are there, or come within some time; false if none did. */
  receive(timeoutMs: number): boolean {
    const thread = this.#thread;
    if (!thread.wait(this.#port, "read", timeoutMs)) {
      if (!thread.isStopped) {
        thread.log("ping_body [1476]", `poll error on queue ${thread.job.thread}: timeout`);
      }
      return false;
    }
    let space = 0;
    for (const ring of this.#port.rxRings) {
      space += freeSlots(ring);
      this.#take(ring);
    }
    thread.noteSpace(space);
    return true;
  }

  #take(ring: RxRing): void {
    const { view } = ring.region;
    const { tail } = ring;
    let slot = ring.head;
    for (; slot !== tail; slot = ring.next(slot)) {
      const now = performance.now();
      const offset = ring.bufferOffset(slot) + this.#header;
      const at = probeOffset(view, offset, ring.length(slot) - this.#header);
      if (at < 0) {
        this.probes.strays++;
        continue;
      }
      const sequence = view.getUint32(at, true), nanoseconds = view.getUint32(at + 8, true);
      const verdict = this.probes.receive(sequence, nanoseconds);
      if (verdict === "stray" || verdict === "duplicate") continue;
      const tookNs = Math.max(0, (now - this.#sentAt[sequence & (SENT_TIMES - 1)]) * 1e6);
      this.#all.record(tookNs);
      this.#part.record(Math.floor(tookNs));
    }
    ring.publish(slot);
  }

  /** The lines of each second. */
  reportEachSecond(): void {
    const now = performance.now();
    if (now < this.#reportAt) return;
    const { count, min, sum, buckets } = this.#part;
    if (count > 0) {
      const mean = Math.floor(sum / count);
      this.#thread.log("ping_body [1533]", `count ${count} RTT: min ${min} av ${mean} ns`);
      this.#thread.log("ping_body [1549]", bucketsText(buckets));
    }
    this.#part = new Interval();
    this.#reportAt = now + 1000;
  }

  /** The lines at the end, over all answers. */
  summary(): void {
    const { sent, answered, lost, duplicates, reordered, strays } = this.probes;
    const all = this.#all;
    if (sent === 0) return;
    if (answered > 0) {
      this.#thread.log(
        "ping_body [1566]",
        `RTT over ${answered} packets: min ${all.min} av ${Math.floor(all.mean)} ns`,
      );
      const at = (percent: number): number => all.percentile(percent);
      this.#thread.log(
        "ping_body [1566]",
        `RTT percentiles: 50 ${at(50)} 90 ${at(90)} 99 ${at(99)} 99.9 ${
          at(99.9)
        } max ${all.max} ns`,
      );
    }
    this.#thread.log(
      "ping_body [1566]",
      `Answered ${answered} of ${sent}: ${lost} lost ${duplicates} duplicates ` +
        `${reordered} out of order ${strays} other packets`,
    );
  }
}

/** The answers of a second. */
class Interval {
  count = 0;
  min = Infinity;
  sum = 0;
  /** Bucket `k` counts from 2^k to below 2^(k+1) ns. */
  readonly buckets = new Float64Array(64);

  record(ns: number): void {
    this.count++;
    this.sum += ns;
    if (ns < this.min) this.min = ns;
    this.buckets[ns < 1 ? 0 : Math.floor(Math.log2(ns))]++;
  }
}
