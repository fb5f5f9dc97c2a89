import assert from "node:assert/strict";
import {
  arp,
  ethernet,
  formatMac,
  icmp,
  ipv4,
  ipv6,
  parseIpv6,
  parseMac,
  tcp,
  udp,
  vlan,
} from "../../packet/mod.ts";

/** Getter and setter pairs: module, field, largest value. */
const fields: [Record<string, unknown>, string, number][] = [
  [ethernet, "destination", 2 ** 48 - 1],
  [ethernet, "source", 2 ** 48 - 1],
  [ethernet, "etherType", 0xffff],
  [vlan, "protocol", 0xffff],
  [vlan, "id", 0xfff],
  [vlan, "priority", 7],
  [vlan, "dropEligible", 1],
  [vlan, "etherType", 0xffff],
  [arp, "hardwareType", 0xffff],
  [arp, "protocolType", 0xffff],
  [arp, "lengths", 0xffff],
  [arp, "operation", 0xffff],
  [arp, "senderMac", 2 ** 48 - 1],
  [arp, "senderIpv4", 2 ** 32 - 1],
  [arp, "targetMac", 2 ** 48 - 1],
  [arp, "targetIpv4", 2 ** 32 - 1],
  [ipv4, "version", 15],
  [ipv4, "headerLength", 60],
  [ipv4, "dscp", 63],
  [ipv4, "ecn", 3],
  [ipv4, "totalLength", 0xffff],
  [ipv4, "identification", 0xffff],
  [ipv4, "flags", 7],
  [ipv4, "fragmentOffset", 0x1fff],
  [ipv4, "ttl", 255],
  [ipv4, "protocol", 255],
  [ipv4, "checksum", 0xffff],
  [ipv4, "source", 2 ** 32 - 1],
  [ipv4, "destination", 2 ** 32 - 1],
  [ipv6, "version", 15],
  [ipv6, "trafficClass", 255],
  [ipv6, "flowLabel", 0xfffff],
  [ipv6, "payloadLength", 0xffff],
  [ipv6, "nextHeader", 255],
  [ipv6, "hopLimit", 255],
  [udp, "sourcePort", 0xffff],
  [udp, "destinationPort", 0xffff],
  [udp, "length", 0xffff],
  [udp, "checksum", 0xffff],
  [tcp, "sourcePort", 0xffff],
  [tcp, "destinationPort", 0xffff],
  [tcp, "sequence", 2 ** 32 - 1],
  [tcp, "acknowledgment", 2 ** 32 - 1],
  [tcp, "headerLength", 60],
  [tcp, "flags", 255],
  [tcp, "window", 0xffff],
  [tcp, "checksum", 0xffff],
  [tcp, "urgentPointer", 0xffff],
  [icmp, "type", 255],
  [icmp, "code", 255],
  [icmp, "checksum", 0xffff],
  [icmp, "identifier", 0xffff],
  [icmp, "sequence", 0xffff],
];

type Getter = (view: DataView, offset: number) => number;
type Setter = (view: DataView, offset: number, value: number) => void;

function pair(module: Record<string, unknown>, name: string): [Getter, Setter] {
  const setter = "set" + name[0].toUpperCase() + name.slice(1);
  return [module[name] as Getter, module[setter] as Setter];
}

Deno.test("each accessor reads what its setter wrote and leaves all other fields alone", () => {
  for (const [module, name, most] of fields) {
    const [get, set] = pair(module, name);
    const others = fields.filter(([other, field]) => other === module && field !== name);
    for (const factor of [0, 255, 37, 101]) {
      // All zero, alternating, and two patterns in which no byte is like the ones beside it
      const view = new DataView(Uint8Array.from({ length: 80 }, (_, i) => i * factor).buffer);
      const before = others.map(([, field]) => pair(module, field)[0](view, 5));
      for (const value of [most, 0, name === "headerLength" ? 20 : most >>> 1]) {
        set(view, 5, value);
        assert.equal(get(view, 5), value, name);
        assert.deepEqual(others.map(([, field]) => pair(module, field)[0](view, 5)), before, name);
      }
    }
  }
});

Deno.test("each setter refuses a value that its field cannot hold", () => {
  for (const [module, name, most] of fields) {
    const [, set] = pair(module, name);
    const view = new DataView(new ArrayBuffer(80));
    for (const bad of [-1, most + 1, 0.5, NaN]) {
      assert.throws(() => set(view, 0, bad), RangeError, `${name} ${bad}`);
    }
    assert.deepEqual(new Uint8Array(view.buffer), new Uint8Array(80));
  }
});

Deno.test("each accessor gives 0 outside the view, each setter throws there", () => {
  for (const [module, name] of fields) {
    const [get, set] = pair(module, name);
    const view = new DataView(new Uint8Array(64).fill(0xff).buffer);
    for (const offset of [64, 1000, -40]) {
      assert.equal(get(view, offset), 0, name);
      assert.throws(() => set(view, offset, 0), RangeError, name);
    }
    // Every cut through the header: no exception, and never more than the whole field
    for (let offset = 0; offset < 64; offset++) get(view, offset);
  }
});

Deno.test("header fields have the places that the standards give them", () => {
  // One packet of each kind, written down byte by byte
  const frame = Uint8Array.fromHex(
    "0200000000020200000000018100a0640800" + // Ethernet, tag: priority 5, identifier 100
      "45b8001c123440000711" + "0000" + "0a000001" + "0a000002" + // IPv4: DSCP 46, DF, ttl 7
      "04d2003500081a2b",
  );
  const view = new DataView(frame.buffer);
  assert.equal(formatMac(ethernet.destination(view, 0)), "02:00:00:00:00:02");
  assert.equal(ethernet.source(view, 0), parseMac("02:00:00:00:00:01"));
  assert.deepEqual([vlan.priority(view, 12), vlan.dropEligible(view, 12)], [5, 0]);
  assert.deepEqual([vlan.id(view, 12), vlan.etherType(view, 12)], [100, 0x0800]);
  assert.deepEqual([ipv4.version(view, 18), ipv4.headerLength(view, 18)], [4, 20]);
  assert.deepEqual([ipv4.dscp(view, 18), ipv4.ecn(view, 18)], [46, 0]);
  assert.deepEqual([ipv4.totalLength(view, 18), ipv4.identification(view, 18)], [28, 0x1234]);
  assert.deepEqual([ipv4.flags(view, 18), ipv4.fragmentOffset(view, 18)], [ipv4.DONT_FRAGMENT, 0]);
  assert.deepEqual([ipv4.ttl(view, 18), ipv4.protocol(view, 18)], [7, 17]);
  assert.deepEqual([ipv4.source(view, 18), ipv4.destination(view, 18)], [0x0a000001, 0x0a000002]);
  assert.deepEqual([udp.sourcePort(view, 38), udp.destinationPort(view, 38)], [1234, 53]);
  assert.deepEqual([udp.length(view, 38), udp.checksum(view, 38)], [8, 0x1a2b]);
});

Deno.test("ipv6 addresses are read and written as 16 bytes", () => {
  const view = new DataView(new ArrayBuffer(54));
  ipv6.setSource(view, 14, parseIpv6("2001:db8::1"));
  ipv6.setDestination(view, 14, parseIpv6("2001:db8::2"));
  assert.deepEqual(ipv6.source(view, 14), parseIpv6("2001:db8::1"));
  assert.deepEqual(ipv6.destination(view, 14), parseIpv6("2001:db8::2"));
  assert.deepEqual(ipv6.destination(view, 40), new Uint8Array(16));
  assert.throws(() => ipv6.setSource(view, 14, new Uint8Array(4)), RangeError);
});
