/**
 * `-i null`: packets are made and thrown away; none ever come.
 *
 * @module
 */

import { Pace, type Thread } from "./thread.ts";
import { packetsOf } from "./writers.ts";

/** Makes packets until the count is reached, or the command stopped. */
export function transmitNowhere(thread: Thread): void {
  const { job } = thread;
  const { frame, template } = packetsOf(job);
  const buffer = new Uint8Array(0x10000);
  const pace = new Pace(thread);
  const count = job.count === 0 && job.options.count === 0 ? Infinity : job.count;
  while (thread.packets < count && !thread.isStopped) {
    const packets = Math.min(pace.next(), count - thread.packets);
    if (thread.isStopped) break;
    let bytes = 0;
    for (let i = 0; i < packets; i++) {
      if (template !== undefined) {
        bytes += template.writeTo(buffer);
      } else {
        buffer.set(frame);
        bytes += frame.length;
      }
    }
    pace.spend(packets);
    thread.packets += packets;
    thread.bytes += bytes;
    thread.events++;
    thread.publish();
  }
}

/** Waits until the command is stopped. */
export function receiveNothing(thread: Thread): void {
  while (!thread.isStopped) {
    thread.sleep(1000);
    if (!thread.isStopped) {
      thread.log("receiver_body [1954]", "waiting for initial packets, poll returns 0 0", 1);
    }
  }
}
