/**
 * A mirror, SPAN: what two ports say to each other a third one hears as well; it says nothing itself.
 *
 *     valet hook load vale0 scripts/hooks/mirror.ts
 *
 * A lookup names one port, or all: on a bridge of these three ports, all is the other one and the monitor.
 * Beware: all, of a bridge with more ports, is more ports.
 *
 * @module
 */

import { BROADCAST, DROP, type LookupPacket } from "../../mod.ts";

/** What the function names; `compile()` has to be told. */
export const constants = {
  /** Port of the one who listens. The two others are 0 and 1. */
  MONITOR: 2,
  /** This VLAN's packets are mirrored; 0: all are. */
  VLAN: 0,
};
const { MONITOR, VLAN } = constants;

/** What is not to be mirrored goes from 0 to 1 and from 1 to 0. */
export default function mirror(packet: LookupPacket): number {
  if (packet.port >= MONITOR) return DROP;
  if (VLAN === 0 || packet.vlan === VLAN) return BROADCAST;
  return 1 - packet.port;
}
