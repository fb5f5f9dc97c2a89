/**
 * How many packets a second go from one port to another, filling, forwarding and reading included.
 *
 * @module
 */

import { type Bridge, BROADCAST, EtherType, PacketTemplate, type Port } from "../../mod.ts";

/** A measured rate, as `--json` shows it. */
export interface RateResult {
  /** Bytes of each frame. */
  frameBytes: number;
  /** Packets sent. */
  packets: number;
  /** Packets received: all of them. */
  received: number;
  /** Packets a second. */
  packetsPerSecond: number;
}

/** Addresses that nobody else has. */
const SENDER = "02:00:00:00:00:0a", RECEIVER = "02:00:00:00:00:0b";

/**
 * Packets between two looks at the receiver. A look gives back the slots of the look before, so twice as
 * many slots are taken: they must fit into the ring.
 */
const ROUND = 256;

/** The rate is the best of so many stretches, so that other programs disturb it less. */
const STRETCHES = 4;

/** Measures for so many seconds, after a tenth of that to warm up. */
export function measure(from: Port, to: Port, frameBytes: number, seconds: number): RateResult {
  const packet = PacketTemplate.udp({
    srcMac: SENDER,
    dstMac: RECEIVER,
    src: "10.0.0.1:1234",
    dst: "10.1.0.1:1234",
    length: frameBytes,
  });
  run(from, to, packet, seconds / 10);
  const result: RateResult = { frameBytes, packets: 0, received: 0, packetsPerSecond: 0 };
  for (let i = 0; i < STRETCHES; i++) {
    const { packets, received, elapsedMs } = run(from, to, packet, seconds / STRETCHES);
    result.packets += packets;
    result.received += received;
    result.packetsPerSecond = Math.max(result.packetsPerSecond, received / elapsedMs * 1000);
  }
  return result;
}

/** Lets the bridge learn where the receiver is. */
export function introduce(receiver: Port): void {
  receiver.send(PacketTemplate.arp({ srcMac: RECEIVER, src: "10.1.0.1", dst: "10.1.0.1" }));
}

/** Takes what is waiting. */
export function drain(port: Port): number {
  let count = 0;
  for (const packet of port.receive()) if (packet.length > 0) count++;
  return count;
}

/** The lookup of the tutorial, asked about a whole batch at once. */
export function useBatchLookup(bridge: Bridge): void {
  bridge.setLookup((batch) => {
    const next = batch.source + 1;
    for (let i = 0; i < batch.length; i++) {
      const isIpv4 = batch.etherTypeOf(i) === EtherType.IPV4;
      batch.setDestination(i, isIpv4 ? next : BROADCAST);
    }
  }, { batch: true });
}

function run(
  from: Port,
  to: Port,
  packet: PacketTemplate,
  seconds: number,
): { packets: number; received: number; elapsedMs: number } {
  let packets = 0, received = 0, elapsedMs = 0;
  const start = performance.now();
  while (elapsedMs < seconds * 1000) {
    packets += from.send(packet, { count: ROUND });
    received += drain(to);
    elapsedMs = performance.now() - start;
  }
  return { packets, received, elapsedMs };
}
