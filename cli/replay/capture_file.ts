/**
 * The capture file that is sent.
 *
 * @module
 */

import { LinkType, readCapture } from "../../mod.ts";
import type { Recorded } from "./schedule.ts";

/** A capture in memory. */
export interface LoadedCapture extends Recorded {
  /** The packets. */
  readonly packets: readonly Uint8Array[];
  /** Packets that were longer on the wire: the rest was not recorded. */
  readonly cut: number;
  /** Packets without a time. */
  readonly untimed: number;
}

/**
 * Reads a pcap or pcapng file.
 *
 * @throws {Error} if it cannot be read, or has packets that are no Ethernet frames, or none
 */
export function loadCapture(path: string): LoadedCapture {
  const packets: Uint8Array[] = [], times: number[] = [];
  let cut = 0, untimed = 0, firstSeconds = 0, firstNs = 0;
  try {
    for (const packet of readCapture(Deno.readFileSync(path))) {
      const { data, seconds, nanoseconds, originalLength, linkType } = packet;
      if (linkType !== LinkType.ETHERNET) {
        throw new Error(`packet ${packets.length + 1} is of link type ${linkType}, not Ethernet`);
      }
      if (data.length === 0) continue;
      if (packets.length === 0) [firstSeconds, firstNs] = [seconds, nanoseconds];
      // Relative to the first: nanoseconds since 1970 are more than a number can tell apart
      times.push((seconds - firstSeconds) * 1e9 + (nanoseconds - firstNs));
      packets.push(data);
      if (data.length < originalLength) cut++;
      if (seconds === 0 && nanoseconds === 0) untimed++;
    }
  } catch (error) {
    throw new Error(`Cannot read the capture "${path}": ${(error as Error).message}`);
  }
  if (packets.length === 0) {
    throw new Error(`Cannot read the capture "${path}": there is no packet in it`);
  }
  const lengths = Uint32Array.from(packets, ({ length }) => length);
  return { packets, timesNs: Float64Array.from(times), lengths, cut, untimed };
}
