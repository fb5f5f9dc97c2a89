/**
 * Several network stacks on one NIC, as MultiStack does: each connection end, protocol, address and port,
 * belongs to the stack that has asked for it; the rest is the host's.
 *
 *     valet hook load vale0 scripts/hooks/multistack.ts
 *
 * @module
 */

import { DROP, type LookupPacket, LookupTable } from "../../mod.ts";

/** What the function names; `compile()` has to be told. */
export const constants = {
  /** Port of the NIC. */
  NIC: 0,
  /** Port of the host's own stack. */
  HOST: 1,
};
/** The same: who has asked for what. Key: protocol, address, port; value: index of the stack's port. */
export const tables = { owners: new LookupTable({ key: [8, 32, 16], capacity: 65_536 }) };
const { NIC, HOST } = constants;
const { owners } = tables;

/** Fragments, of which only the first has ports, are the host's. Stacks send from what they own, the host as it likes. */
export default function multistack(packet: LookupPacket): number {
  if (packet.port === HOST) return NIC;
  if (!packet.isIpv4 || packet.isFragment) return packet.port === NIC ? HOST : DROP;
  if (packet.port === NIC) {
    return owners.get([packet.protocol, packet.destinationIpv4, packet.destinationPort]) ?? HOST;
  }
  const owner = owners.get([packet.protocol, packet.sourceIpv4, packet.sourcePort]) ?? HOST;
  return owner === packet.port ? NIC : DROP;
}
