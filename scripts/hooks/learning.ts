/**
 * The learning bridge as a hook: who has been heard at a port is sent to there, the rest is flooded.
 *
 *     valet hook load vale0 scripts/hooks/learning.ts
 *
 * @module
 */

import { BROADCAST, type LookupPacket, LookupTable } from "../../mod.ts";

/** What the function names; `compile()` has to be told. */
export const tables = {
  /** Address to port. */
  stations: new LookupTable({ key: [48], capacity: 4096 }),
};
const { stations } = tables;

/** Groups are no stations, and what nobody has sent has no source. */
export default function learning(packet: LookupPacket): number {
  const isGroup = (packet.u8(6) & 1) !== 0;
  if (!isGroup && packet.sourceMac !== 0) stations.set(packet.sourceMac, packet.port);
  if (packet.isMulticast) return BROADCAST;
  return stations.get(packet.destinationMac) ?? BROADCAST;
}
