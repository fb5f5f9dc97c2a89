/**
 * Several user-level stacks that share one address, behind the hook `scripts/hooks/multistack.ts`.
 *
 * @module
 */

import { type Bridge, type Netmap, parseIpv4, type Port, Protocol } from "../../../mod.ts";
import { constants, tables } from "../../hooks/multistack.ts";
import { responder } from "../stack/http.ts";
import { Stack } from "../stack/stack.ts";

/** Stack number i owns UDP port ECHO + i, or TCP port HTTP + i. */
export const ECHO = 7000, HTTP = 8000;

/** What the stacks share, and who asks them. */
export interface Address {
  readonly mac: number;
  readonly ip: number;
}

/** The address, unless told otherwise, and the client's. */
export const SHARED: Address = { mac: 0x0200_0000_0002, ip: parseIpv4("10.0.0.2") };
/** The client's. */
export const CLIENT: Address = { mac: 0x0200_0000_0001, ip: parseIpv4("10.0.0.1") };

/** Opens a stack of its own behind the bridge: even ones echo UDP, odd ones answer HTTP. */
export function openStack(netmap: Netmap, bridge: Bridge, i: number, address = SHARED): Stack {
  const stack = new Stack(openAt(netmap, bridge, 2 + i, `stack${i}`), {
    ...address,
    isHost: false,
  });
  const isEcho = i % 2 === 0,
    [protocol, number] = isEcho ? [Protocol.UDP, ECHO + i] : [Protocol.TCP, HTTP + i];
  tables.owners.set([protocol, address.ip, number], 2 + i);
  if (isEcho) stack.serveUdp(number, (bytes) => bytes.slice());
  else stack.listen(number, responder);
  return stack;
}

/** Opens the client, on the port of the NIC, and the host's stack. */
export function openEnds(netmap: Netmap, bridge: Bridge): { client: Stack; host: Stack } {
  const client = new Stack(openAt(netmap, bridge, constants.NIC, "nic"), CLIENT);
  const host = new Stack(openAt(netmap, bridge, constants.HOST, "host"), SHARED);
  client.addNeighbour(SHARED.ip, SHARED.mac);
  return { client, host };
}

/** The hook knows ports by their number. */
function openAt(netmap: Netmap, bridge: Bridge, index: number, name: string): Port {
  const port = netmap.open(`${bridge.name}:${name}`);
  const entry = bridge.ports().find((one) => one.interface === name);
  if (entry?.portIndex === index) return port;
  port.close();
  throw new Error(
    `Cannot use ${bridge.name}: ${name} is its port ${entry?.portIndex}, not ${index}`,
  );
}
