/**
 * A trunk: port 0 carries all VLANs, each of the ports behind it belongs to one.
 *
 *     valet hook load vale0 scripts/hooks/vlan.ts
 *
 * Packets keep their tags. What is not tagged, or with another VLAN's tag, goes nowhere.
 *
 * @module
 */

import { DROP, type LookupPacket } from "../../mod.ts";

/** What the function names; `compile()` has to be told. */
export const constants = {
  /** Where all VLANs are. */
  TRUNK: 0,
  /** Port 1 has VLAN 101, port 2 VLAN 102 ... */
  BASE: 100,
  /** So many ports have VLANs. */
  VLANS: 8,
};
const { TRUNK, BASE, VLANS } = constants;

/** From the trunk to the VLAN's port, from there to the trunk. */
export default function vlan(packet: LookupPacket): number {
  const port = (packet.vlan ?? 0) - BASE;
  if (port < 1 || port > VLANS) return DROP;
  if (packet.port === TRUNK) return port;
  return packet.port === port ? TRUNK : DROP;
}
