/**
 * `-f tx`: sends packets.
 *
 * @module
 */

import type { Port, TxRing } from "../../mod.ts";
import { OptionBit } from "./options.ts";
import { Pace, type Thread } from "./thread.ts";
import { cutPacket, dumpSlots, packetsOf, type Writer, writerFor } from "./writers.ts";

/** Sends until the count is reached, or the command stopped. */
export function transmit(thread: Thread, port: Port, headerBytes: number): void {
  const { job } = thread;
  const { options } = job;
  const rings = port.txRings;
  thread.log("sender_body [1702]", `start, thread ${job.thread}`);
  const packets = packetsOf(job);
  const packetBytes = packets.frame.length + (job.packet === undefined ? headerBytes : 0);
  const cut = cutPacket(packetBytes, options, rings[0].slotBytes);
  thread.log("sender_body [1760]", `frags ${cut.fragments} frag_size ${cut.bytes}`);
  const writer = writerFor(port, job, packets, cut, headerBytes);
  const sender = new Sender(thread, port, writer);
  const pace = new Pace(thread);
  const count = job.count === 0 && options.count === 0 ? Infinity : job.count;
  let silentMs = 0;
  while (thread.packets < count && !thread.isStopped) {
    let limit = pace.next();
    const before = thread.packets;
    for (const ring of rings) {
      const sent = sender.send(ring, Math.min(limit, count - thread.packets));
      pace.spend(sent);
      if (options.ratePps > 0) limit -= sent;
      if (limit <= 0 || thread.packets >= count) break;
    }
    port.txSync();
    thread.publish();
    if (thread.packets !== before || thread.isStopped) {
      silentMs = 0;
    } else if (!thread.wait(port, "write", 100)) {
      silentMs += 100;
      if (silentMs % 2000 === 0) {
        thread.log("sender_body [1797]", `poll error on queue ${job.thread}: timeout`);
      }
    }
  }
  finish(thread, port, "sender_body [1848]");
}

/** Puts a writer's packets into rings, and counts and shows them. */
class Sender {
  readonly #thread: Thread;
  readonly #writer: Writer;
  readonly #dump: boolean;
  readonly #reports: boolean;

  constructor(thread: Thread, port: Port, writer: Writer) {
    this.#thread = thread;
    this.#writer = writer;
    this.#dump = (thread.job.options.bits & OptionBit.DUMP) !== 0;
    this.#reports = reportsNeeded(port);
  }

  send(ring: TxRing, count: number): number {
    const { head } = ring;
    const sent = this.#writer.write(ring, count);
    if (sent === 0) return 0;
    const thread = this.#thread;
    thread.packets += sent;
    thread.bytes += this.#writer.bytesWritten;
    thread.events++;
    if (this.#reports) askForReport(ring);
    if (this.#dump) dumpSlots(thread, ring, head, ring.head);
    return sent;
  }
}

/** Drivers of NICs tell that slots are free again when they are asked to; nobody else listens. */
export function reportsNeeded({ backend, bridge }: Port): boolean {
  return backend === "kernel" && bridge === undefined;
}

const REPORT = 2;

/** Asks for an interrupt after the last slot before head. */
export function askForReport(ring: TxRing): void {
  const last = (ring.head + ring.slots - 1) % ring.slots;
  ring.setSlotFlags(last, ring.slotFlags(last) | REPORT);
}

/** Sends what is left, and waits until it has gone. */
export function finish(thread: Thread, port: Port, where: string): void {
  for (const ring of port.txRings) {
    thread.log(
      where,
      `flush tail ${ring.tail} head ${ring.head} on thread ${thread.job.thread}`,
    );
  }
  port.txSync();
  for (const ring of port.txRings) {
    while (!thread.isStopped && ring.next(ring.tail) !== ring.head) {
      thread.log(
        where,
        `pending tx tail ${ring.tail} head ${ring.head} on ring ${ring.index}`,
        5,
      );
      thread.sleep(1);
      port.txSync();
    }
  }
}
