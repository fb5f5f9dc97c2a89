/**
 * Slows down who sends too much: each IPv4 source has a bucket of tokens, and each packet takes one.
 *
 *     valet hook load vale0 scripts/hooks/rate_limit.ts
 *
 * @module
 */

import { DROP, formatIpv4, LEARN, type LookupPacket, LookupTable } from "../../mod.ts";

/** What the function names; `compile()` has to be told. */
export const tables = {
  /** By source: 10,000 packets a second, 1,000 of them at once. */
  rate: new LookupTable({
    key: [32],
    kind: "buckets",
    ratePerSecond: 10_000,
    burst: 1000,
    capacity: 65_536,
  }),
  /** By source: packets that were dropped. */
  dropped: new LookupTable({ key: [32], kind: "counters", capacity: 65_536 }),
};
const { rate, dropped } = tables;

/** What is not IPv4 is let through. */
export default function rateLimit(packet: LookupPacket): number {
  if (!packet.isIpv4) return LEARN;
  if (rate.take(packet.sourceIpv4)) return LEARN;
  dropped.count(packet.sourceIpv4);
  return DROP;
}

/** What `valet hook stats` shows. */
export function stats(): Record<string, number> {
  return Object.fromEntries([...dropped].map(([key, packets]) => [formatIpv4(+key), packets]));
}
