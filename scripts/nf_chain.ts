/**
 * A chain of network functions: source - firewall - router - meter - sink, a VALE switch between each two.
 * A function gets a packet and says whether it goes on; it may change the packet where it lies.
 *
 *     deno run --allow-ffi scripts/nf_chain.ts
 *
 * @module
 */
// deno-lint-ignore-file no-console

import {
  Counter,
  increment,
  ipv4,
  Netmap,
  type Packet,
  PacketTemplate,
  updateChecksum,
} from "../mod.ts";

type NetworkFunction = (packet: Packet) => boolean;

const TELNET = 23;
const firewall: NetworkFunction = (packet) => packet.destinationPort !== TELNET;

const router: NetworkFunction = ({ isIpv4, ttl, view, networkOffset: ip }) => {
  if (!isIpv4 || ttl <= 1) return false;
  const before = view.getUint16(ip + 8);
  ipv4.setTtl(view, ip, ttl - 1);
  const sum = updateChecksum(ipv4.checksum(view, ip), before, view.getUint16(ip + 8));
  ipv4.setChecksum(view, ip, sum);
  return true;
};

const seen = new Counter();
const meter: NetworkFunction = (packet) => {
  seen.add(packet.length);
  return true;
};

using netmap = Netmap.open();
using closing = new DisposableStack();
const open = (name: string) => closing.use(netmap.open(name, { slots: 512 }));

// vale0 - firewall - vale1 - router - vale2 - meter - vale3
const stages = [firewall, router, meter].map((pass, i) => ({
  pass,
  from: open(`vale${i}:in`),
  to: open(`vale${i + 1}:out`),
}));
const source = open("vale0:source"), sink = open("vale3:sink");

function* passing(packets: Iterable<Packet>, pass: NetworkFunction): Generator<Packet> {
  for (const packet of packets) if (pass(packet)) yield packet;
}

// Every fourth packet is for port 23
const template = PacketTemplate.udp({
  src: "10.0.0.1:1234",
  dst: "10.1.0.1:20",
  ttl: 64,
  vary: { dstPort: increment(20, 1, 4) },
});
let received = 0, last = "";
for (let round = 0; round < 1000; round++) {
  source.send(template, { count: 200 });
  for (const { from, to, pass } of stages) to.sendMany(passing(from.receive(), pass));
  for (const packet of sink.receive()) {
    received++;
    last = `${packet}, ttl ${packet.ttl}`;
  }
}
console.log(`sent 200000 packets, ${seen} passed the meter, ${received} arrived`);
console.log(`the last: ${last}`);
