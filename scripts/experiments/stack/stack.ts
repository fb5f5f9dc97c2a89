/**
 * A small user-level network stack on a port: ARP, ICMP echo, UDP, and a minimal TCP. It works when it is
 * polled, on the thread that polls it.
 *
 * @module
 */

import {
  arp,
  ethernet,
  EtherType,
  fillChecksums,
  formatIpv4,
  icmp,
  IcmpType,
  ipv4,
  type Packet,
  PacketTemplate,
  type Port,
  Protocol,
  tcp,
  TcpFlag,
  udp,
} from "../../../mod.ts";
import { Connection, type Ends, type Handlers, MSS, type Segment, type TcpState } from "./tcp.ts";

const ETHERNET = 14, IP = 20, TCP = 20;
const NO_DATA = new Uint8Array();

/** Answers a datagram; it is gone after the call. */
export type DatagramHandler = (bytes: Uint8Array) => Uint8Array | undefined;

/** What a stack is made with. */
export interface StackOptions {
  readonly mac: number;
  readonly ip: number;
  /**
   * Whether it answers for all of its address: ARP, pings, resets for what nobody expects. Several stacks that
   * share an address leave that to one of them. Default: true.
   */
  readonly isHost?: boolean | undefined;
}

/** A stack. */
export class Stack {
  readonly port: Port;
  readonly mac: number;
  readonly ip: number;
  readonly #isHost: boolean;
  readonly #datagrams = new Map<number, DatagramHandler>();
  readonly #listeners = new Map<number, () => Handlers>();
  readonly #connections = new Map<string, Connection>();
  readonly #neighbours = new Map<number, number>();
  readonly #handedOn = new Set<string>();
  #out: Uint8Array[] = [];
  #nextPort = 10_000;
  /** Packets and bytes that it has received and sent. */
  readonly counts = { received: 0, receivedBytes: 0, sent: 0, sentBytes: 0 };

  constructor(port: Port, { mac, ip, isHost = true }: StackOptions) {
    this.port = port;
    this.mac = mac;
    this.ip = ip;
    this.#isHost = isHost;
  }

  /** Connections that are not over. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Answers datagrams to a UDP port. */
  serveUdp(port: number, handler: DatagramHandler): void {
    this.#datagrams.set(port, handler);
  }

  /** Accepts connections to a TCP port; each gets handlers of its own. */
  listen(port: number, handlers: () => Handlers): void {
    this.#listeners.set(port, handlers);
  }

  /** Tells it where somebody is, instead of asking by ARP, which it does not. */
  addNeighbour(ip: number, mac: number): void {
    this.#neighbours.set(ip, mac);
  }

  /** Connects to a neighbour. */
  connect(remoteIp: number, remotePort: number, handlers: Handlers): Connection {
    const remoteMac = this.#neighbours.get(remoteIp);
    if (remoteMac === undefined) throw new Error(`${formatIpv4(remoteIp)} is no neighbour`);
    const localPort = this.#nextPort;
    this.#nextPort = localPort === 60_000 ? 10_000 : localPort + 1;
    const ends = { localIp: this.ip, localPort, remoteMac, remoteIp, remotePort };
    return this.#add(Connection.open(ends, handlers, this.#transmit));
  }

  /** Gives an established connection away: what still comes for it here is not answered. */
  handOn(connection: Connection): TcpState {
    const state = connection.state();
    const key = keyOf(connection.ends);
    this.#handedOn.add(key);
    this.#connections.delete(key);
    connection.abandon();
    return state;
  }

  /** Goes on with a connection that another stack has established; its end here is this stack's address. */
  adopt(state: TcpState, handlers: Handlers): Connection {
    return this.#add(Connection.adopt({ ...state, localIp: this.ip }, handlers, this.#transmit));
  }

  /** Takes what has come, and sends what is to be sent. Returns how many packets came. */
  poll(now: number = performance.now()): number {
    let count = 0;
    for (const packet of this.port.receive()) {
      count++;
      this.counts.receivedBytes += packet.length;
      if (packet.isIpv4) this.#receive(packet);
      else if (packet.isArp && this.#isHost) this.#answerArp(packet);
    }
    this.counts.received += count;
    for (const [key, connection] of this.#connections) {
      connection.poll(now);
      if (connection.isClosed) this.#connections.delete(key);
    }
    if (this.#out.length > 0) this.port.sendMany(this.#out);
    this.#out = [];
    return count;
  }

  #add(connection: Connection): Connection {
    const key = keyOf(connection.ends);
    this.#handedOn.delete(key);
    this.#connections.set(key, connection);
    return connection;
  }

  #send(frame: Uint8Array): void {
    this.counts.sent++;
    this.counts.sentBytes += frame.length;
    this.#out.push(frame);
  }

  #answerArp(packet: Packet): void {
    if (packet.destinationIpv4 !== this.ip || packet.arpOperation !== arp.REQUEST) return;
    const dst = formatIpv4(packet.sourceIpv4), src = formatIpv4(this.ip);
    const options = { src, dst, srcMac: this.mac, dstMac: packet.sourceMac, operation: "reply" };
    this.#send(PacketTemplate.arp(options as Parameters<typeof PacketTemplate.arp>[0]).next());
  }

  #receive(packet: Packet): void {
    if (packet.destinationIpv4 !== this.ip || packet.isFragment || packet.transportOffset < 0) {
      return;
    }
    const { protocol } = packet;
    if (protocol === Protocol.TCP) this.#receiveTcp(packet);
    else if (protocol === Protocol.UDP) this.#receiveUdp(packet);
    else if (protocol === Protocol.ICMP && this.#isHost) this.#answerEcho(packet);
  }

  #answerEcho(packet: Packet): void {
    const frame = packet.copy(), view = new DataView(frame.buffer);
    const at = packet.transportOffset - packet.offset;
    if (icmp.type(view, at) !== IcmpType.ECHO_REQUEST) return;
    icmp.setType(view, at, IcmpType.ECHO_REPLY);
    this.#turnAround(frame, view, packet);
  }

  /** Sends a packet back to where it came from. */
  #turnAround(frame: Uint8Array, view: DataView, packet: Packet): void {
    ethernet.setDestination(view, 0, packet.sourceMac);
    ethernet.setSource(view, 0, this.mac);
    ipv4.setSource(view, ETHERNET, packet.destinationIpv4);
    ipv4.setDestination(view, ETHERNET, packet.sourceIpv4);
    fillChecksums(frame);
    this.#send(frame);
  }

  #receiveUdp(packet: Packet): void {
    const handler = this.#datagrams.get(packet.destinationPort);
    const answer = handler?.(dataOf(packet));
    if (answer === undefined) return;
    const length = IP + udp.HEADER_LENGTH + answer.length;
    const frame = new Uint8Array(Math.max(60, ETHERNET + length)),
      view = new DataView(frame.buffer);
    ethernet.setEtherType(view, 0, EtherType.IPV4);
    writeIp(view, length, Protocol.UDP);
    udp.setSourcePort(view, ETHERNET + IP, packet.destinationPort);
    udp.setDestinationPort(view, ETHERNET + IP, packet.sourcePort);
    udp.setLength(view, ETHERNET + IP, length - IP);
    frame.set(answer, ETHERNET + IP + udp.HEADER_LENGTH);
    this.#turnAround(frame, view, packet);
  }

  #receiveTcp(packet: Packet): void {
    const ends = {
      localIp: this.ip,
      localPort: packet.destinationPort,
      remoteMac: packet.sourceMac,
      remoteIp: packet.sourceIpv4,
      remotePort: packet.sourcePort,
    };
    const key = keyOf(ends), segment = segmentOf(packet);
    const isSyn = (segment.flags & TcpFlag.SYN) !== 0;
    const connection = this.#connections.get(key);
    if (connection !== undefined) return connection.receive(segment);
    const handlers = isSyn ? this.#listeners.get(packet.destinationPort) : undefined;
    if (handlers !== undefined) {
      this.#add(Connection.open(ends, handlers(), this.#transmit, segment));
    } else if (!(segment.flags & TcpFlag.RST) && this.#isHost && !this.#handedOn.has(key)) {
      const expected = segment.sequence + segment.data.length + (isSyn ? 1 : 0);
      const reset = { ends, expected, window: 0 };
      this.#transmit(reset, segment.acknowledgment, TcpFlag.RST | TcpFlag.ACK, NO_DATA);
    }
  }

  readonly #transmit = (
    { ends, expected, window }: { ends: Ends; expected: number; window: number },
    sequence: number,
    flags: number,
    data: Uint8Array,
  ): void => {
    const options = flags & TcpFlag.SYN ? 4 : 0;
    const length = IP + TCP + options + data.length, at = ETHERNET + IP;
    const frame = new Uint8Array(Math.max(60, ETHERNET + length)),
      view = new DataView(frame.buffer);
    ethernet.setDestination(view, 0, ends.remoteMac);
    ethernet.setSource(view, 0, this.mac);
    ethernet.setEtherType(view, 0, EtherType.IPV4);
    writeIp(view, length, Protocol.TCP);
    ipv4.setSource(view, ETHERNET, ends.localIp);
    ipv4.setDestination(view, ETHERNET, ends.remoteIp);
    tcp.setSourcePort(view, at, ends.localPort);
    tcp.setDestinationPort(view, at, ends.remotePort);
    tcp.setSequence(view, at, sequence);
    tcp.setAcknowledgment(view, at, expected >>> 0);
    tcp.setHeaderLength(view, at, TCP + options);
    tcp.setFlags(view, at, flags);
    tcp.setWindow(view, at, window);
    if (options > 0) view.setUint32(at + TCP, 0x0204_0000 | MSS);
    frame.set(data, at + TCP + options);
    fillChecksums(frame);
    this.#send(frame);
  };
}

/** Longest time without any packet, in milliseconds. */
const STUCK_MS = 10_000;
/** What is slept on while nothing comes, and for how long in milliseconds: somebody else forwards. */
const NOBODY = new Int32Array(new SharedArrayBuffer(4)), IDLE_MS = 0.02;

/**
 * Polls stacks until something holds.
 *
 * @throws {Error} if nothing comes any more before that
 */
export function pollUntil(stacks: readonly Stack[], holds: () => boolean): void {
  let lastMs = performance.now();
  while (!holds()) {
    const now = performance.now();
    let packets = 0;
    for (const stack of stacks) packets += stack.poll(now);
    if (packets > 0) lastMs = now;
    else if (now - lastMs > STUCK_MS) throw new Error("A connection does not get on");
    else if (stacks[0].port.backend !== "embedded") Atomics.wait(NOBODY, 0, 0, IDLE_MS);
  }
}

function keyOf({ localPort, remoteIp, remotePort }: Ends): string {
  return `${localPort} ${remoteIp} ${remotePort}`;
}

function writeIp(view: DataView, length: number, protocol: number): void {
  ipv4.setVersion(view, ETHERNET, 4);
  ipv4.setHeaderLength(view, ETHERNET, IP);
  ipv4.setTotalLength(view, ETHERNET, length);
  ipv4.setFlags(view, ETHERNET, 2); // do not fragment
  ipv4.setTtl(view, ETHERNET, 64);
  ipv4.setProtocol(view, ETHERNET, protocol);
}

function dataOf({ view, payloadOffset, payloadLength }: Packet): Uint8Array {
  if (payloadLength === 0) return NO_DATA;
  return new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset + payloadOffset, payloadLength);
}

function segmentOf(packet: Packet): Segment {
  const { view, transportOffset: at } = packet;
  const flags = packet.tcpFlags;
  return {
    sequence: tcp.sequence(view, at),
    acknowledgment: tcp.acknowledgment(view, at),
    flags,
    window: tcp.window(view, at),
    mss: flags & TcpFlag.SYN ? mssOf(view, at) : undefined,
    data: dataOf(packet),
  };
}

/** The option "maximum segment size". */
function mssOf(view: DataView, at: number): number | undefined {
  const end = Math.min(at + tcp.headerLength(view, at), view.byteLength);
  for (let i = at + TCP; i + 1 < end;) {
    const kind = view.getUint8(i), length = kind === 1 ? 1 : view.getUint8(i + 1);
    if (kind === 0 || length === 0) return undefined;
    if (kind === 2 && i + 4 <= end) return view.getUint16(i + 2);
    i += length;
  }
  return undefined;
}
