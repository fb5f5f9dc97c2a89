/**
 * Network functions one after the other, all run by this thread.
 *
 * @module
 */

import {
  ethernet,
  ipv4,
  type Netmap,
  type Packet,
  PacketTemplate,
  type Port,
} from "../../../mod.ts";
import { updateChecksum } from "../../../mod.ts";
import type { Lab } from "./experiment.ts";

/** Slots of each ring. */
const SLOTS = 512;
/** Bridges that links share: netmap's kernel module has no more of them. */
const BRIDGES = 8;
/** How long to wait for packets that are somewhere else, in milliseconds. */
const PATIENCE_MS = 1000;

/** A network function of the chain: gets packets at one port, and sends those that go on at the other. */
export interface Stage {
  readonly from: Port;
  readonly to: Port;
  /** Number of the link where it sends. */
  readonly link: number;
}

/** Source, stages, sink: a link between each two is two ports of a switch, of 8 at most, or a pipe. */
export interface Chain {
  readonly source: Port;
  readonly stages: readonly Stage[];
  readonly sink: Port;
}

/** Addresses of who sends into a link, and who takes what comes out of it. */
const ends = (link: number): { srcMac: number; dstMac: number } => ({
  srcMac: 0x0200_0000_0000 + link,
  dstMac: 0x0200_0000_0100 + link,
});

const template = PacketTemplate.udp({
  ...{ ...ends(0), src: "10.0.0.1:1234", dst: "10.0.0.2:1234", length: 60, ttl: 64 },
});

const LINKS: Readonly<Record<"VALE" | "pipes", (lab: Lab, link: number) => [string, string]>> = {
  VALE: (lab, link) =>
    (["in", "out"] as const).map((end) => `${lab.bridge(link % BRIDGES)}:${end}${link}`) as [
      string,
      string,
    ],
  // Each pipe in memory of its own
  pipes: (lab, link) => [`${lab.bridge()}:link${link}{1`, `${lab.bridge()}:link${link}}1`],
};

/** Opens all ports of a chain of so many functions. */
export function openChain(
  netmap: Netmap,
  lab: Lab,
  over: "VALE" | "pipes",
  functions: number,
): Chain {
  const links = Array.from(
    { length: functions + 1 },
    (_, link) => LINKS[over](lab, link).map((name) => netmap.open(name, { slots: SLOTS })),
  );
  // The switches learn where links end
  links.forEach(([, out], link) =>
    out.send(PacketTemplate.arp({ srcMac: ends(link).dstMac, src: "10.0.0.2", dst: "10.0.0.2" }))
  );
  return {
    source: links[0][0],
    stages: links.slice(1).map(([to], i) => ({ from: links[i][1], to, link: i + 1 })),
    sink: links[functions][1],
  };
}

/** What each function does: a router's work, on the packet where it lies. */
function* routed(packets: Iterable<Packet>, link: number): Generator<Packet> {
  const { srcMac, dstMac } = ends(link);
  for (const packet of packets) {
    const { view, offset, networkOffset: ip, ttl } = packet;
    if (!packet.isIpv4 || ttl <= 1) continue;
    const before = view.getUint16(ip + 8);
    ipv4.setTtl(view, ip, ttl - 1);
    ipv4.setChecksum(
      view,
      ip,
      updateChecksum(ipv4.checksum(view, ip), before, view.getUint16(ip + 8)),
    );
    ethernet.setSource(view, offset, srcMac);
    ethernet.setDestination(view, offset, dstMac);
    yield packet;
  }
}

/** Lets each function work once, and takes what has come out. */
function step({ stages, sink }: Chain): number {
  for (const { from, to, link } of stages) to.sendMany(routed(from.receive(), link));
  let count = 0;
  // What the switches have learned from comes out as well
  for (const packet of sink.receive()) if (packet.isIpv4) count++;
  return count;
}

/**
 * Sends a batch all the way. Returns how many packets have come out: all.
 *
 * @throws {Error} if some do not
 */
export function passThrough(chain: Chain, batch: number): number {
  const sent = chain.source.send(template, { count: batch });
  let received = step(chain), idleSince = 0;
  while (received < sent) {
    const more = step(chain);
    received += more;
    if (more > 0) idleSince = 0;
    else if (idleSince === 0) idleSince = performance.now();
    else if (performance.now() - idleSince > PATIENCE_MS) {
      throw new Error(`Of ${sent} packets ${sent - received} have not come through the chain`);
    }
  }
  if (received > sent) throw new Error(`${sent} packets have become ${received} in the chain`);
  return received;
}
