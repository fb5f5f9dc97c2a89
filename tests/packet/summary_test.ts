import assert from "node:assert/strict";
import fc from "fast-check";
import { hexdump, PacketTemplate, summary } from "../../packet/mod.ts";

/** A UDP datagram to port 53 that carries a DNS message in hexadecimal. */
function dns(message: string, dst = "10.0.0.2:53"): Uint8Array {
  const src = dst.endsWith(":53") ? "10.0.0.1:4000" : "10.0.0.1:53";
  return PacketTemplate.udp({ src, dst, payload: Uint8Array.fromHex(message) }).next();
}

const QUESTION = "076578616d706c6503636f6d0000010001";

const cases: [string, Uint8Array, string][] = [
  [
    "UDP over IPv4",
    PacketTemplate.udp({ src: "10.0.0.1:1234", dst: "10.1.0.1:1234", length: 60 }).next(),
    "IP 10.0.0.1.1234 > 10.1.0.1.1234: UDP, length 18",
  ],
  [
    "an ARP request",
    PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2", length: 42 }).next(),
    "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28",
  ],
  [
    "an ARP reply",
    PacketTemplate.arp({ operation: "reply", src: "10.0.0.1", dst: "10.0.0.2", length: 42 }).next(),
    "ARP, Reply 10.0.0.1 is-at 02:00:00:00:00:01, length 28",
  ],
  [
    "an ICMP echo reply",
    PacketTemplate.icmpEcho({ src: "10.0.0.1", dst: "10.0.0.2", reply: true, sequence: 3 }).next(),
    "IP 10.0.0.1 > 10.0.0.2: ICMP echo reply, id 1, seq 3, length 8",
  ],
  [
    "an ICMPv6 echo request",
    PacketTemplate.icmpEcho({ src: "fe80::1", dst: "ff02::1", payload: "12345678" }).next(),
    "IP6 fe80::1 > ff02::1: ICMP6, echo request, id 1, seq 1, length 16",
  ],
  [
    "TCP data",
    PacketTemplate.tcp({
      src: "10.0.0.1:4000",
      dst: "10.0.0.2:9999",
      flags: "PA",
      sequence: 0xffff_fffe,
      acknowledgment: 7,
      payload: "four",
    }).next(),
    "IP 10.0.0.1.4000 > 10.0.0.2.9999: Flags [P.], seq 4294967294:2, ack 7, win 65535, length 4",
  ],
  [
    "TCP without flags",
    PacketTemplate.tcp({ src: "[::1]:1", dst: "[::2]:2", flags: "" }).next(),
    "IP6 ::1.1 > ::2.2: Flags [none], win 65535, length 0",
  ],
  [
    "a DNS query",
    dns("1234010000010000000000" + "00" + QUESTION),
    "IP 10.0.0.1.4000 > 10.0.0.2.53: 4660+ A? example.com. (29)",
  ],
  [
    "a DNS query with EDNS",
    dns("1234010000010000000000" + "01" + QUESTION + "0000291000000000000000"),
    "IP 10.0.0.1.4000 > 10.0.0.2.53: 4660+ [1au] A? example.com. (40)",
  ],
  [
    "a DNS response with a compressed name",
    dns(
      "1234818000010002000000" + "00" + QUESTION +
        "c00c00050001000000050006" + "03777777c00c" + "c02900010001000000050004" + "0a000009",
      "10.0.0.2:4000",
    ),
    "IP 10.0.0.1.53 > 10.0.0.2.4000: 4660 2/0/0 CNAME www.example.com., A 10.0.0.9 (63)",
  ],
  [
    "a DNS name that is not there",
    dns("1234818300010000000000" + "00" + QUESTION, "10.0.0.2:4000"),
    "IP 10.0.0.1.53 > 10.0.0.2.4000: 4660 NXDomain 0/0/0 (29)",
  ],
  [
    "a DNS name with a control character",
    dns("1234010000010000000000" + "00" + "021b5b00" + "00010001"),
    "IP 10.0.0.1.4000 > 10.0.0.2.53: 4660+ A? \\27[. (20)",
  ],
  [
    "a DNS name with a space",
    dns("1234010000010000000000" + "00" + "0361206200" + "00010001"),
    "IP 10.0.0.1.4000 > 10.0.0.2.53: 4660+ A? a\\32b. (21)",
  ],
  [
    "a DNS name that points to itself",
    dns("1234010000010000000000" + "00" + "c00c" + "00010001"),
    "IP 10.0.0.1.4000 > 10.0.0.2.53: UDP, length 18",
  ],
  [
    "an unknown EtherType",
    Uint8Array.fromHex("ffffffffffff02000000000188b5" + "00".repeat(46)),
    "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype 0x88b5, length 60",
  ],
  [
    "a spanning tree frame",
    Uint8Array.fromHex("0180c20000000200000000010026" + "424203" + "00".repeat(43)),
    "02:00:00:00:00:01 > 01:80:c2:00:00:00, 802.3, length 60",
  ],
  ["nothing", new Uint8Array(0), "[|ether]"],
];

for (const [name, frame, line] of cases) {
  Deno.test(`summary() of ${name}`, () => assert.equal(summary(frame), line));
}

Deno.test("summary() tells in which header a packet ends", () => {
  const cut = (template: PacketTemplate, length: number) =>
    summary(template.next().subarray(0, length));
  const udp = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2", vlan: 9 });
  assert.equal(cut(udp, 13), "[|ether]");
  assert.equal(cut(udp, 17), "vlan 9, [|vlan]");
  assert.equal(cut(udp, 37), "vlan 9, IP [|ip]");
  assert.equal(cut(udp, 45), "vlan 9, IP 10.0.0.1 > 10.0.0.2: [|udp]");
  assert.equal(cut(udp, 46), "vlan 9, IP 10.0.0.1.1 > 10.0.0.2.2: UDP, length 0");
  const tcp = PacketTemplate.tcp({ src: "[::1]:1", dst: "[::2]:2" });
  assert.equal(cut(tcp, 53), "IP6 [|ip6]");
  assert.equal(cut(tcp, 73), "IP6 ::1 > ::2: [|tcp]");
  const arp = PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" });
  assert.equal(cut(arp, 41), "ARP [|arp]");
});

Deno.test("summary() shows later fragments with their offset", () => {
  const frame = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2", length: 60 }).next();
  frame.set([0x20, 0xb9], 20);
  assert.equal(summary(frame), "IP 10.0.0.1 > 10.0.0.2: udp fragment, offset 1480, length 26");
});

Deno.test("hexdump() writes what hexdump -C writes", () => {
  const bytes = Uint8Array.from({ length: 37 }, (_, i) => i + 30);
  assert.equal(
    hexdump(bytes),
    "00000000  1e 1f 20 21 22 23 24 25  26 27 28 29 2a 2b 2c 2d  |.. !\"#$%&'()*+,-|\n" +
      "00000010  2e 2f 30 31 32 33 34 35  36 37 38 39 3a 3b 3c 3d  |./0123456789:;<=|\n" +
      "00000020  3e 3f 40 41 42                                    |>?@AB|",
  );
  assert.equal(hexdump(new Uint8Array(0)), "");
});

Deno.test("hexdump() holds each byte once, in order, at its position", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(1e9), (bytes, offset) => {
    const lines = hexdump(bytes, { offset }).split("\n").filter((line) => line !== "");
    const hex = lines.map((line) => line.slice(10, 59).replaceAll(" ", "")).join("");
    assert.equal(hex, bytes.toHex());
    lines.forEach((line, i) => assert.equal(parseInt(line.slice(0, 8), 16), offset + i * 16));
  }));
});

Deno.test("hexdump() refuses an offset that its column cannot show", () => {
  assert.throws(() => hexdump(new Uint8Array(1), { offset: -1 }), RangeError);
  assert.throws(() => hexdump(new Uint8Array(1), { offset: 2 ** 32 }), RangeError);
});
