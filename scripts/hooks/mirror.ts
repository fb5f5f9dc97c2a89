/**
 * A mirror, SPAN: the switch works as ever, and one port gets a copy of all that passes; what it sends
 * itself goes nowhere.
 *
 *     valet hook load vale0 scripts/hooks/mirror.ts
 *
 * @module
 */

import { DROP, LEARN, type LookupPacket } from "../../mod.ts";

/** What the function names; `compile()` has to be told. */
export const constants = {
  /** Port of the one who listens. */
  MONITOR: 2,
  /** Only what this port sends is mirrored; -1: what all send. */
  SOURCE: -1,
  /** Only this VLAN's packets are; 0: all. */
  VLAN: 0,
};
const { MONITOR, SOURCE, VLAN } = constants;

/** Broadcasts reach the monitor anyway, and once. */
export default function mirror(packet: LookupPacket): number {
  if (packet.port === MONITOR) return DROP;
  const isChosen = SOURCE < 0 || packet.port === SOURCE;
  if (isChosen && (VLAN === 0 || packet.vlan === VLAN)) packet.copyTo = MONITOR;
  return LEARN;
}
