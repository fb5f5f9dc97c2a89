import assert from "node:assert/strict";
import {
  increment,
  list,
  PacketTemplate,
  PacketView,
  random,
  range,
  type UdpOptions,
  type VaryOptions,
} from "../../packet/mod.ts";

const UDP: UdpOptions = { src: "10.0.0.1:1234", dst: "10.1.0.1:1234" };

function attach(frame: Uint8Array): PacketView {
  return new PacketView().attach(new DataView(frame.buffer), 0, frame.length);
}

/** One value of each of the next packets. */
function take<T>(template: PacketTemplate, count: number, read: (packet: PacketView) => T): T[] {
  return [...template.packets(count)].map((frame) => read(attach(frame)));
}

Deno.test("PacketTemplate.writeTo() refuses a buffer without room and changes nothing", () => {
  const template = PacketTemplate.udp({ ...UDP, length: 60, vary: { srcPort: increment(1) } });
  const buffer = new Uint8Array(100);
  for (const offset of [41, -1, NaN]) {
    assert.throws(() => template.writeTo(buffer, offset), {
      name: "RangeError",
      message: `Cannot write a packet of 60 bytes at ${offset}: the array has 100 bytes`,
    });
    assert.throws(() => template.patch(buffer, offset), RangeError);
  }
  assert.ok(buffer.every((byte) => byte === 0));
  assert.equal(take(template, 1, (packet) => packet.sourcePort)[0], 1);
});

Deno.test("PacketTemplate.patchAll() refuses places without room and changes nothing", () => {
  const template = PacketTemplate.udp({ ...UDP, length: 60, vary: { srcPort: increment(1) } });
  const buffer = new Uint8Array(200), lengths = new Uint32Array(2);
  for (const offset of [141, -1]) {
    assert.throws(() => template.patchAll(buffer, Int32Array.of(0, offset), lengths, 2), {
      name: "RangeError",
      message: `Cannot write a packet of 60 bytes at ${offset}: the array has 200 bytes`,
    });
  }
  for (const count of [3, -1, 257, NaN]) {
    assert.throws(() => template.patchAll(buffer, Int32Array.of(0, 60), lengths, count), {
      name: "RangeError",
      message: `Cannot patch ${count} packets: at most 256, and as many as there are places for`,
    });
  }
  template.patchAll(buffer, new Int32Array(0), lengths, 0);
  assert.ok(buffer.every((byte) => byte === 0));
  assert.equal(take(template, 1, (packet) => packet.sourcePort)[0], 1);
});

Deno.test("PacketTemplate.writeTo() refuses an array whose memory is gone", () => {
  const buffer = new Uint8Array(100);
  buffer.buffer.transfer();
  assert.throws(() => PacketTemplate.udp(UDP).writeTo(buffer), RangeError);
});

// Every mistake has an error that names it
const mistakes: [string, () => unknown, string, RegExp][] = [
  [
    "an address that is none",
    () => PacketTemplate.udp({ ...UDP, src: "10.0.0" }),
    "SyntaxError",
    /"10\.0\.0"/,
  ],
  ["IPv4 to IPv6", () => PacketTemplate.udp({ ...UDP, dst: "::1" }), "TypeError", /one is IPv6/],
  ["a port for ICMP", () => PacketTemplate.icmpEcho(UDP), "TypeError", /ICMP has none/],
  ["a MAC that is none", () => PacketTemplate.udp({ ...UDP, srcMac: "x" }), "SyntaxError", /"x"/],
  ["a VLAN too large", () => PacketTemplate.udp({ ...UDP, vlan: 4096 }), "RangeError", /4096/],
  [
    "a priority without VLAN",
    () => PacketTemplate.udp({ ...UDP, vlanPriority: 1 }),
    "TypeError",
    /without vlan/,
  ],
  ["a time to live too large", () => PacketTemplate.udp({ ...UDP, ttl: 256 }), "RangeError", /256/],
  [
    "a length below the headers",
    () => PacketTemplate.udp({ ...UDP, length: 41 }),
    "RangeError",
    /41 bytes.* need 42/,
  ],
  [
    "a length beyond a slot",
    () => PacketTemplate.udp({ ...UDP, length: 65536 }),
    "RangeError",
    /65536/,
  ],
  [
    "a length that is not whole",
    () => PacketTemplate.udp({ ...UDP, length: 60.5 }),
    "RangeError",
    /60.5/,
  ],
  ["unknown TCP flags", () => PacketTemplate.tcp({ ...UDP, flags: "SX" }), "SyntaxError", /"SX"/],
  [
    "a frame that is too short",
    () => PacketTemplate.raw(new Uint8Array(13)),
    "RangeError",
    /13 bytes/,
  ],
  ["an empty list", () => list([]), "RangeError", /empty/],
  ["a step that is not whole", () => increment(0, 0.5), "RangeError", /0\.5/],
  ["a count of 0", () => increment(0, 1, 0), "RangeError", /count 0/],
  ["a seed below 0", () => random(0, 1, { seed: -1 }), "RangeError", /seed -1/],
  ["every 0", () => range(0, 1, { every: 0 }), "RangeError", /every 0/],
];

function vary(options: VaryOptions): () => unknown {
  return () => PacketTemplate.udp({ ...UDP, vary: options });
}

const varyMistakes: [string, () => unknown, string, RegExp][] = [
  [
    "an unknown field",
    vary({ port: increment(0) } as VaryOptions),
    "TypeError",
    /"port": the fields are srcMac,/,
  ],
  [
    "a field of another header",
    vary({ acknowledgment: increment(0) }),
    "TypeError",
    /acknowledgment: the packet has no TCP/,
  ],
  ["a VLAN without tag", vary({ vlan: increment(0) }), "TypeError", /no VLAN tag/],
  ["a port too large", vary({ srcPort: list([65536]) }), "RangeError", /srcPort to 65536/],
  [
    "an increment that leaves the field",
    vary({ srcPort: increment(65535, 1, 2) }),
    "RangeError",
    /65536/,
  ],
  ["a text for a port", vary({ srcPort: list(["80"]) }), "TypeError", /"80": expected a number/],
  ["IPv6 for IPv4", vary({ src: list(["::1"]) }), "SyntaxError", /"::1"/],
  [
    "random upside down",
    vary({ srcPort: random(2, 1) }),
    "RangeError",
    /minimum 2 is above maximum 1/,
  ],
  [
    "a payload number beyond the payload",
    vary({ payload: { offset: 0, bits: 8, values: increment(0) } }),
    "RangeError",
    /payload has 0 bytes/,
  ],
  [
    "a payload number of 24 bits",
    vary({ payload: { offset: 0, bits: 24 as 32, values: increment(0) } }),
    "RangeError",
    /24 bits/,
  ],
  [
    "a length below the headers",
    vary({ length: range(41, 60) }),
    "RangeError",
    /down to 41.* need 42/,
  ],
  ["an endless length", vary({ length: increment(60) }), "RangeError", /without a count/],
];

for (const [name, run, kind, message] of [...mistakes, ...varyMistakes]) {
  Deno.test(`PacketTemplate throws a ${kind} for ${name}`, () => {
    assert.throws(run, { name: kind, message });
  });
}

Deno.test("PacketTemplate refuses two payload numbers over each other and two lengths", () => {
  const values = increment(0);
  assert.throws(
    () =>
      PacketTemplate.udp({
        ...UDP,
        payload: "payload",
        vary: { payload: [{ offset: 0, bits: 32, values }, { offset: 3, bits: 16, values }] },
      }),
    { name: "RangeError", message: /bytes 42 to 45 and from byte 45/ },
  );
  assert.throws(
    () => PacketTemplate.udp({ ...UDP, length: 60, vary: { length: list([60]) } }),
    TypeError,
  );
});

Deno.test("PacketTemplate varies the last byte of the payload and refuses the one behind it", () => {
  const make = (offset: number, bits: 8 | 16): PacketTemplate => {
    const payload = { offset, bits, values: increment(1) };
    return PacketTemplate.udp({ ...UDP, length: 60, vary: { payload } });
  };
  assert.equal(make(17, 8).next()[59], 1);
  assert.equal(make(16, 16).next()[59], 1);
  for (const [offset, bits] of [[18, 8], [17, 16], [-1, 8], [0.5, 8]] as const) {
    assert.throws(() => make(offset, bits), {
      name: "RangeError",
      message: `Cannot vary payload byte ${offset}: the payload has 18 bytes`,
    });
  }
});

Deno.test("PacketTemplate refuses IPv6 ranges wider than 48 bits", () => {
  const options = { src: "::1", dst: "::2", vary: { src: range("2001:db8::", "2001:db9::") } };
  assert.throws(() => PacketTemplate.udp(options), {
    name: "RangeError",
    message: "Cannot vary src: all addresses must lie in 2001:db8::/80",
  });
});

Deno.test("PacketTemplate refuses to vary the length of a padded frame or a fragment", () => {
  const padded = PacketTemplate.udp(UDP).next();
  const change = { vary: { length: range(50, 60) } };
  assert.throws(() => PacketTemplate.raw(padded, change), {
    name: "TypeError",
    message: /padding/,
  });
  const fragment = PacketTemplate.udp({ ...UDP, length: 60 }).next();
  fragment[20] = 0x20;
  assert.throws(() => PacketTemplate.raw(fragment, change), TypeError);
});
