/**
 * What pkt-gen looks up outside netmap: a network interface's address and MTU, a packet in a file.
 *
 * @module
 */

import { LinkType, parsePortName, readCapture } from "../../mod.ts";

/** Bytes of an Ethernet header, which an MTU does not count. */
const ETHERNET_BYTES = 14;

/** What is known about an interface. */
export interface InterfaceFacts {
  /** Its own address; zeros when it has none. */
  readonly mac: string;
  /** Bytes of the longest packet that it can send. */
  readonly mostBytes: number;
}

/**
 * Looks an interface up.
 *
 * @param portName "netmap:eth0", "vale0:a"
 * @param isSystemInterface ports are interfaces of the system: with netmap in the kernel
 * @throws {SyntaxError} if it is no port name
 */
export function interfaceFacts(portName: string, isSystemInterface: boolean): InterfaceFacts {
  const facts = { mac: "00:00:00:00:00:00", mostBytes: Infinity };
  if (!isSystemInterface) return facts;
  const { bridge, interface: name, pipe } = parsePortName(portName);
  if (bridge !== undefined || pipe !== undefined) return facts;
  const mac = attribute(name, "address"), mtu = Number(attribute(name, "mtu"));
  return {
    mac: /^[0-9a-f:]{17}$/.test(mac) ? mac : facts.mac,
    mostBytes: mtu > 0 ? mtu + ETHERNET_BYTES : facts.mostBytes,
  };
}

/** A file of /sys/class/net, "" if it cannot be read. */
function attribute(name: string, file: string): string {
  try {
    return Deno.readTextFileSync(`/sys/class/net/${name}/${file}`).trim();
  } catch {
    return "";
  }
}

/**
 * The first packet of a capture file.
 *
 * @throws {Error} if there is none
 */
export function readPacket(path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(path);
  } catch (error) {
    throw new Error(`Cannot read packet file "${path}": ${(error as Error).message}`);
  }
  let packet;
  try {
    [packet] = readCapture(bytes);
  } catch (error) {
    throw new Error(`Cannot read packet file "${path}": ${(error as Error).message}`);
  }
  if (packet === undefined || packet.data.length === 0) {
    throw new Error(`Cannot read packet file "${path}": there is no packet in it`);
  }
  if (packet.linkType !== LinkType.ETHERNET) {
    throw new Error(
      `Cannot send the packet in "${path}": it is of link type ${packet.linkType}, not Ethernet`,
    );
  }
  return packet.data.slice();
}
