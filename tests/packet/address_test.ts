import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import {
  formatEndpoint,
  formatIpv4,
  formatIpv6,
  formatMac,
  parseEndpoint,
  parseIpv4,
  parseIpv6,
  parseMac,
} from "../../packet/mod.ts";

const ipv6Bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
/** Addresses with many zero groups, where `::` has its corner cases. */
const sparseIpv6 = fc.array(fc.constantFrom(0, 0, 0, 1, 0xffff, 0x0db8), {
  minLength: 8,
  maxLength: 8,
}).map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255])));

Deno.test("parseMac() reads what formatMac() writes", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (mac) => {
    assert.equal(parseMac(formatMac(mac)), mac);
    assert.equal(parseMac(formatMac(mac).toUpperCase().replaceAll(":", "-")), mac);
  }));
});

Deno.test("parseMac() names the text that it cannot read", () => {
  const bad = ["", "02:00:00:00:00", "02:00:00:00:00:00:00", "02:00-00:00:00:01", "2:0:0:0:0:1"];
  for (const text of [...bad, "0200.0000.0001", "02:00:00:00:00:0g", " 02:00:00:00:00:01"]) {
    assert.throws(() => parseMac(text), {
      name: "SyntaxError",
      message: `Cannot parse MAC address "${text}": expected six pairs of hexadecimal digits, ` +
        `as in "02:00:00:00:00:01"`,
    });
  }
});

Deno.test("addresses and ports reach from their smallest to their largest value", () => {
  assert.equal(formatMac(0), "00:00:00:00:00:00");
  assert.equal(formatMac(2 ** 48 - 1), "ff:ff:ff:ff:ff:ff");
  assert.equal(formatIpv4(2 ** 32 - 1), "255.255.255.255");
  assert.equal(parseEndpoint("0.0.0.0:65535").port, 65535);
  assert.equal(parseEndpoint("[::]:0").port, 0);
});

Deno.test("formatMac() refuses what is not a 48-bit number", () => {
  for (const bad of [-1, 2 ** 48, 1.5, NaN]) assert.throws(() => formatMac(bad), RangeError);
});

Deno.test("parseIpv4() reads what formatIpv4() writes", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (address) => {
    assert.equal(parseIpv4(formatIpv4(address)), address);
  }));
});

Deno.test("parseIpv4() accepts exactly what node:net calls IPv4", () => {
  const part = fc.oneof(
    fc.integer({ min: 0, max: 300 }).map(String),
    fc.constantFrom("", "00", "01", "0x1", "1e1", " 1", "-1", "255", "256"),
  );
  const text = fc.array(part, { minLength: 3, maxLength: 5 }).map((parts) => parts.join("."));
  fc.assert(fc.property(text, (text) => {
    if (isIPv4(text)) assert.equal(formatIpv4(parseIpv4(text)), text);
    else assert.throws(() => parseIpv4(text), SyntaxError);
  }));
});

Deno.test("parseIpv4() names the text that it cannot read", () => {
  assert.throws(() => parseIpv4("10.0.0.256"), {
    name: "SyntaxError",
    message: 'Cannot parse IPv4 address "10.0.0.256": expected four numbers from 0 to 255, ' +
      'as in "10.0.0.1"',
  });
});

Deno.test("formatIpv4() refuses what is not a 32-bit number", () => {
  for (const bad of [-1, 2 ** 32, 1.5, NaN]) assert.throws(() => formatIpv4(bad), RangeError);
});

// RFC 5952, sections 1, 4 and 5
for (
  const [text, canonical] of [
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:0db8::0001", "2001:db8::1"],
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:DB8:AAAA::AAAA", "2001:db8:aaaa::aaaa"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["fe80:0:0:0:0:0:0:0", "fe80::"],
    ["::ffff:c000:0201", "::ffff:192.0.2.1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ]
) {
  Deno.test(`formatIpv6() writes ${text} as ${canonical}`, () => {
    assert.equal(formatIpv6(parseIpv6(text)), canonical);
  });
}

Deno.test("parseIpv6() reads what formatIpv6() writes", () => {
  fc.assert(fc.property(fc.oneof(ipv6Bytes, sparseIpv6), (bytes) => {
    assert.deepEqual(parseIpv6(formatIpv6(bytes)), bytes);
  }));
});

Deno.test("formatIpv6() writes what the URL standard writes, but for mapped addresses", () => {
  fc.assert(fc.property(fc.oneof(ipv6Bytes, sparseIpv6), (bytes) => {
    const text = formatIpv6(bytes);
    fc.pre(!text.includes("."));
    assert.equal(
      new URL(`http://[${bytes.toHex().match(/.{4}/g)?.join(":")}]`).hostname,
      `[${text}]`,
    );
  }));
});

Deno.test("parseIpv6() accepts exactly what node:net calls IPv6", () => {
  const part = fc.constantFrom("", "", "0", "1", "ffff", "12345", "g", "1.2.3.4", "1.2.3");
  const text = fc.array(part, { maxLength: 10 }).map((parts) => parts.join(":"));
  fc.assert(
    fc.property(text, (text) => {
      if (isIPv6(text)) assert.equal(parseIpv6(text).length, 16);
      else assert.throws(() => parseIpv6(text), SyntaxError);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("parseIpv6() refuses a zone and names the text", () => {
  assert.throws(() => parseIpv6("fe80::1%eth0"), {
    name: "SyntaxError",
    message: 'Cannot parse IPv6 address "fe80::1%eth0": expected up to eight groups of ' +
      'hexadecimal digits, as in "2001:db8::1"',
  });
});

Deno.test("formatIpv6() refuses an array that ends too early", () => {
  assert.throws(() => formatIpv6(new Uint8Array(16), 1), RangeError);
  assert.throws(() => formatIpv6(new Uint8Array(15)), RangeError);
});

Deno.test("parseEndpoint() reads what formatEndpoint() writes", () => {
  const port = fc.option(fc.integer({ min: 0, max: 65535 }), { nil: undefined });
  const endpoint = fc.oneof(
    fc.record({ family: fc.constant(4 as const), address: fc.ipV4(), port }),
    fc.record({
      family: fc.constant(6 as const),
      address: ipv6Bytes.map((b) => formatIpv6(b)),
      port,
    }),
  );
  fc.assert(fc.property(endpoint, (endpoint) => {
    assert.deepEqual(parseEndpoint(formatEndpoint(endpoint)), { ...endpoint });
  }));
});

Deno.test("parseEndpoint() names the part that it cannot read", () => {
  assert.throws(() => parseEndpoint("10.0.0.1:65536"), {
    name: "SyntaxError",
    message: 'Cannot parse port "65536" of "10.0.0.1:65536": expected a number from 0 to 65535',
  });
  for (const text of ["", ":53", "10.0.0.1:", "10.0.0.1:5a", "[::1]53", "[::1]:", "[10.0.0.1]:5"]) {
    assert.throws(() => parseEndpoint(text), SyntaxError, text);
  }
});
