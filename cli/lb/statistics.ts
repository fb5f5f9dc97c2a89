/**
 * The statistics of `lb`: one JSON object a pipe and one for all, with netmap's keys.
 *
 * Pure.
 *
 * @module
 */

import type { PipeCounts } from "./pipe.ts";

/** Bits in an "Mbps" of these statistics. */
const MEGA = 2 ** 20;

/** What is known of a pipe at a moment. */
export interface PipeSample extends PipeCounts {
  /** As it was opened. */
  readonly interface: string;
  /** Slots in its overflow queue. */
  readonly queued: number;
}

/** What is known of all at a moment. */
export interface LbSample {
  /** When, in milliseconds since 1970. */
  readonly nowMs: number;
  /** Name of the port whose packets are spread. */
  readonly interface: string;
  /** Packets received from it. */
  readonly received: number;
  /** Those of them whose hash is 0. */
  readonly nonIp: number;
  /** Extra buffers that have no packet. */
  readonly freeBuffers: number;
  /** The pipes. */
  readonly pipes: readonly PipeSample[];
}

/**
 * The lines, one a pipe and one for all.
 *
 * @param before the sample before, for the rates; undefined for the first: they are 0 then
 */
export function statisticsLines(before: LbSample | undefined, now: LbSample): string[] {
  const microseconds = before === undefined ? 0 : Math.round((now.nowMs - before.nowMs) * 1000);
  const ts = (Math.floor(now.nowMs * 1000) / 1e6).toFixed(6);
  const pipes = now.pipes.map((pipe, i) =>
    `{"ts":${ts},"interface":"${pipe.interface}","output_ring":${i},` +
    `"packets_forwarded":${pipe.packets},"packets_dropped":${pipe.dropped},` +
    `${rates(before?.pipes[i], pipe, microseconds)},"overflow_queue_size":${pipe.queued}}`
  );
  const sum = total(now.pipes);
  return [
    ...pipes,
    `{"ts":${ts},"interface":"${now.interface}","output_ring":null,` +
    `"packets_received":${now.received},"packets_forwarded":${sum.packets},` +
    `"packets_dropped":${sum.dropped},"non_ip_packets":${now.nonIp},` +
    `${rates(before && total(before.pipes), sum, microseconds)},` +
    `"free_buffer_slots":${now.freeBuffers}}`,
  ];
}

/** What all pipes have counted together. */
export function total(pipes: readonly PipeCounts[]): PipeCounts {
  const sum = { packets: 0, bytes: 0, dropped: 0, droppedBytes: 0 };
  for (const { packets, bytes, dropped, droppedBytes } of pipes) {
    sum.packets += packets;
    sum.bytes += bytes;
    sum.dropped += dropped;
    sum.droppedBytes += droppedBytes;
  }
  return sum;
}

function rates(before: PipeCounts | undefined, now: PipeCounts, microseconds: number): string {
  const rate = (key: keyof PipeCounts): number =>
    before === undefined || microseconds <= 0
      ? 0
      : Math.round((now[key] - before[key]) * 1e6 / microseconds);
  return `"data_forward_rate_Mbps":${(rate("bytes") * 8 / MEGA).toFixed(4)},` +
    `"data_drop_rate_Mbps":${(rate("droppedBytes") * 8 / MEGA).toFixed(4)},` +
    `"packet_forward_rate_kpps":${(rate("packets") / 1000).toFixed(4)},` +
    `"packet_drop_rate_kpps":${(rate("dropped") / 1000).toFixed(4)}`;
}
