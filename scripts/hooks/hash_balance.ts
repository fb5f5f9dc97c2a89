/**
 * A load balancer: what enters at port 0 is spread over the ports behind it, and what they send goes back
 * there. Both directions of a flow meet the same port.
 *
 *     valet hook load vale0 scripts/hooks/hash_balance.ts
 *
 * @module
 */

import type { LookupPacket } from "../../mod.ts";

/** What the function names; `compile()` has to be told. */
export const constants = {
  /** Where the traffic comes from. */
  FRONT: 0,
  /** How many ports share it: 1 to BACKENDS. */
  BACKENDS: 4,
};
const { FRONT, BACKENDS } = constants;

/** The hash adds what the two ends swap, so that it does not tell which is which. */
export default function hashBalance(packet: LookupPacket): number {
  if (packet.port !== FRONT) return FRONT;
  let hash = (packet.sourceIpv4 ^ packet.destinationIpv4) + packet.protocol;
  if (!packet.isFragment) hash += (packet.sourcePort + packet.destinationPort) * 0x10001;
  if (packet.isIpv6) {
    const start = packet.vlan === undefined ? 22 : 26;
    for (let at = start; at < start + 32; at += 4) hash += packet.u32(at);
  }
  // The finish of MurmurHash3 mixes all bits into the low ones
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return 1 + ((hash ^ (hash >>> 16)) >>> 0) % BACKENDS;
}
