/** The recorded capture is what its README says. */

import assert from "node:assert/strict";
import { ProtocolCounter, readCapture, verifyChecksums } from "../../mod.ts";

const bytes = Deno.readFileSync(new URL("../data/tutorial.pcap", import.meta.url));
const packets = [...readCapture(bytes)];

Deno.test("tutorial.pcap holds the protocols that its README counts", () => {
  assert.deepEqual(new ProtocolCounter().addAll(packets).toJSON(), {
    packets: 378,
    arp: 10,
    ipv4: 286,
    ipv6: 82,
    other: 0,
    icmp: 54,
    icmpv6: 36,
    udp: 50,
    tcp: 228,
    dns: 14,
  });
  assert.ok(bytes.length < 2 ** 20);
});

Deno.test("tutorial.pcap has whole frames as they are on a wire, with right checksums", () => {
  for (const packet of packets) {
    assert.equal(packet.data.length, packet.originalLength);
    assert.ok(packet.data.length <= 1518, `${packet} is longer than Ethernet allows`);
    const { ipv4, transport } = verifyChecksums(packet.data);
    assert.ok(ipv4 !== false && transport !== false, `${packet} has a wrong checksum`);
  }
});

Deno.test("tutorial.pcap has only addresses for private use", () => {
  for (const packet of packets) {
    const addresses = `${packet}`.match(/\b(\d+\.){3}\d+|\b[0-9a-f]*:[0-9a-f:]+/g) ?? [];
    for (const address of addresses) {
      assert.match(address, /^(10\.|fd00:|fe80:|ff02:|::$|02:00:|\d+:)/, `${packet}`);
    }
  }
});
