/**
 * `-i tap:x`: packets to and from the host, through a TAP interface.
 *
 * @module
 */

import { NetmapError, type Tap } from "../../mod.ts";
import { dumpText } from "./format.ts";
import { OptionBit } from "./options.ts";
import { Pace, type Thread } from "./thread.ts";
import { packetsOf } from "./writers.ts";

/** Time between two attempts on an interface that is down or full, in milliseconds. */
const RETRY_MS = 10;

/** A wait looks so often whether the command is stopped, in milliseconds. */
const SLICE_MS = 50;

/** Sends until the count is reached, or the command stopped. */
export function transmitOnTap(thread: Thread, tap: Tap): void {
  const { job } = thread;
  thread.log("sender_body [1717]", `writing to tap ${tap.name}`);
  const { frame, template } = packetsOf(job);
  const first = new Uint8Array(frame);
  const pace = new Pace(thread);
  const count = job.options.count === 0 ? Infinity : job.options.count;
  const dump = (job.options.bits & OptionBit.DUMP) !== 0;
  while (thread.packets < count && !thread.isStopped) {
    const burst = Math.min(pace.next(), count - thread.packets);
    let sent = 0;
    for (; sent < burst && !thread.isStopped; sent++) {
      const packet = template?.next() ?? first;
      while (!write(thread, tap, packet) && !thread.isStopped) thread.sleep(RETRY_MS);
      if (thread.isStopped) break;
      thread.packets++;
      thread.bytes += packet.length;
      if (dump) show(thread, packet);
    }
    pace.spend(sent);
    if (sent > 0) thread.events++;
    thread.publish();
  }
}

/** False while the host takes none: the interface is down, or full. */
function write(thread: Thread, tap: Tap, packet: Uint8Array<ArrayBuffer>): boolean {
  try {
    return tap.write(packet);
  } catch (error) {
    if (!(error instanceof NetmapError) || error.code !== "EIO") throw error;
    const mend = `"ip link set ${tap.name} up"`;
    if (thread.packets === 0) thread.log("sender_body [1717]", `${tap.name} is down: ${mend}`, 1);
    return false;
  }
}

/** Receives until the count is reached, or the command stopped. */
export function receiveOnTap(thread: Thread, tap: Tap): void {
  const { options } = thread.job;
  thread.log("receiver_body [1939]", `reading from tap ${tap.name}`);
  const count = options.count === 0 ? Infinity : options.count;
  const dump = (options.bits & OptionBit.DUMP) !== 0;
  const frame = new Uint8Array(0x10000);
  let silentMs = 0;
  while (thread.packets < count && !thread.isStopped) {
    const bytes = tap.read(frame, SLICE_MS);
    if (bytes === 0) {
      silentMs += SLICE_MS;
      if (silentMs < 1000) continue;
      silentMs = 0;
      if (thread.packets === 0) {
        thread.log("receiver_body [1954]", "waiting for initial packets, poll returns 0 0", 1);
      } else if (options.leaveWhenSilent) {
        thread.endMs = thread.nowMs - 1000; // when the silence began
        return;
      }
      continue;
    }
    if (thread.packets === 0) thread.startMs = thread.nowMs;
    silentMs = 0;
    thread.packets++;
    thread.bytes += bytes;
    thread.events++;
    if (dump) show(thread, frame.subarray(0, bytes));
    thread.publish();
  }
}

function show(thread: Thread, bytes: Uint8Array): void {
  thread.print(dumpText({ ring: 0n, slot: 0, buffer: 0, flags: 0, bytes }));
}
