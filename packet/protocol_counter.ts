import type { CaptureRecord } from "./captured_packet.ts";
import { viewOf } from "./bytes.ts";
import { PacketView } from "./packet_view.ts";
import { EtherType, Protocol } from "./protocols.ts";

// Module constants: properties of an object would be loads on the hot path
const { IPV4, IPV6, ARP } = EtherType;
const { ICMP, ICMPV6, UDP, TCP } = Protocol;

/** Packets by protocol, as {@linkcode ProtocolCounter} counts them. */
export interface ProtocolCounts {
  /** All packets; always `arp + ipv4 + ipv6 + other`. */
  packets: number;
  /** EtherType ARP. */
  arp: number;
  /** EtherType IPv4, also when the header behind it is damaged. */
  ipv4: number;
  /** EtherType IPv6, also when the header behind it is damaged. */
  ipv6: number;
  /** None of the three. */
  other: number;
  /** ICMP in IPv4. */
  icmp: number;
  /** ICMPv6 in IPv6. */
  icmpv6: number;
  /** UDP, fragments and DNS included. */
  udp: number;
  /** TCP, fragments included. */
  tcp: number;
  /** UDP from or to port 53. */
  dns: number;
}

/**
 * Counts packets by protocol. The network layer splits all packets up (`arp`, `ipv4`, `ipv6`,
 * `other`); `icmp`, `icmpv6`, `udp` and `tcp` are parts of the IP packets; `dns` is a part of
 * `udp`. VLAN tags are looked through.
 *
 * @example
 * ```ts
 * import { PacketTemplate, ProtocolCounter } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const counter = new ProtocolCounter();
 * counter.add(PacketTemplate.udp({ src: "10.0.0.1:9", dst: "10.0.0.2:53" }).next());
 * counter.add(PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" }).next());
 * const { packets, ipv4, udp, dns, arp } = counter;
 * assert.deepEqual([packets, ipv4, udp, dns, arp], [2, 1, 1, 1, 1]);
 * ```
 */
export class ProtocolCounter implements ProtocolCounts {
  /** See {@linkcode ProtocolCounts}. */
  packets = 0;
  /** See {@linkcode ProtocolCounts}. */
  arp = 0;
  /** See {@linkcode ProtocolCounts}. */
  ipv4 = 0;
  /** See {@linkcode ProtocolCounts}. */
  ipv6 = 0;
  /** See {@linkcode ProtocolCounts}. */
  other = 0;
  /** See {@linkcode ProtocolCounts}. */
  icmp = 0;
  /** See {@linkcode ProtocolCounts}. */
  icmpv6 = 0;
  /** See {@linkcode ProtocolCounts}. */
  udp = 0;
  /** See {@linkcode ProtocolCounts}. */
  tcp = 0;
  /** See {@linkcode ProtocolCounts}. */
  dns = 0;
  #view = new PacketView();

  /** Counts a frame. */
  add(frame: Uint8Array): void {
    this.addView(this.#view.attach(viewOf(frame), 0, frame.length));
    this.#view.detach();
  }

  /** Counts the packet that a view is attached to. Does not allocate. */
  addView(packet: PacketView): void {
    this.packets++;
    const etherType = packet.etherType;
    if (etherType === IPV4) this.ipv4++;
    else if (etherType === IPV6) this.ipv6++;
    else {
      if (etherType === ARP) this.arp++;
      else this.other++;
      return;
    }
    const protocol = packet.protocol;
    if (protocol === TCP) this.tcp++;
    else if (protocol === UDP) {
      this.udp++;
      if (packet.sourcePort === 53 || packet.destinationPort === 53) this.dns++;
    } else if (protocol === ICMP && etherType === IPV4) this.icmp++;
    else if (protocol === ICMPV6 && etherType === IPV6) this.icmpv6++;
  }

  /** Counts all packets of a capture; returns this counter. */
  addAll(records: Iterable<Pick<CaptureRecord, "data">>): this {
    for (const { data } of records) this.add(data);
    return this;
  }

  /** The counts as a plain object, also for `JSON.stringify()`. */
  toJSON(): ProtocolCounts {
    const { packets, arp, ipv4, ipv6, other, icmp, icmpv6, udp, tcp, dns } = this;
    return { packets, arp, ipv4, ipv6, other, icmp, icmpv6, udp, tcp, dns };
  }
}
