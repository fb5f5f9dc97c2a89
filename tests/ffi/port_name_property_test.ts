// Shows with random parts and random texts that writing and reading port names agree.

import assert from "node:assert/strict";
import fc from "fast-check";
import { RegisterMode } from "../../ffi/constants.ts";
import {
  formatPortName,
  parsePortName,
  type PortName,
  type PortParts,
} from "../../ffi/port_name.ts";

const { ALL_NIC, NIC_SW, ONE_NIC, ONE_SW, SW } = RegisterMode;

const word = fc.string({ unit: fc.constantFrom(..."abzAZ019_"), minLength: 1, maxLength: 11 });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const path = fc.string({ unit: fc.constantFrom(..."a/=:{-^ é"), minLength: 1 });

const interfaceName = word.filter((name) => !name.startsWith("vale"));
const ports: fc.Arbitrary<Pick<PortParts, "bridge" | "interface">> = fc.oneof(
  fc.record({ interface: interfaceName }),
  fc.record({ bridge: word.map((id) => `vale${id}`), interface: word }),
);
const rings: fc.Arbitrary<Pick<PortParts, "mode" | "ringIndex">> = fc.oneof(
  fc.record({ mode: fc.constantFrom(ALL_NIC, SW, NIC_SW) }),
  fc.record({
    mode: fc.constantFrom(ONE_NIC, ONE_SW),
    ringIndex: fc.integer({ min: 0, max: 4094 }),
  }),
);
const bool = fc.boolean();
const others: fc.Arbitrary<Omit<PortParts, "bridge" | "interface" | "mode">> = fc.record({
  pipe: fc.record({ role: fc.constantFrom("master" as const, "slave" as const), id: word }),
  flags: fc.record({
    exclusive: bool,
    zeroCopyMonitor: bool,
    monitorTx: bool,
    monitorRx: bool,
    rxOnly: bool,
    txOnly: bool,
  }, { requiredKeys: [] }),
  memoryId: fc.integer({ min: 1, max: 0xffff }),
  share: fc.oneof(interfaceName, word.map((name) => `vale0:${name}`)),
  config: fc.record({
    txSlots: u32,
    rxSlots: u32,
    txRings: u16,
    rxRings: u16,
    hostTxRings: u16,
    hostRxRings: u16,
  }, { requiredKeys: [] }),
  extmem: fc.record({ file: path, ifNum: u32, bufSize: u32 }, { requiredKeys: ["file"] }),
  offset: fc.record({
    initial: fc.integer({ min: 0, max: 65536 }),
    bits: fc.integer({ min: 0, max: 64 }),
  }, { requiredKeys: ["initial"] }),
}, { requiredKeys: [] });

Deno.test("formatPortName() and parsePortName() are each other's reverse", () => {
  fc.assert(
    fc.property(ports, rings, others, (port, ring, other) => {
      const parts: PortParts = { ...port, ...ring, ...other };
      const text = formatPortName(parts);
      const parsed = parsePortName(text);
      for (const [key, value] of Object.entries(parts)) {
        const got = parsed[key as keyof PortParts];
        if (typeof value === "object") {
          assert.deepEqual({ ...(got as object), ...value }, got, text);
        } else assert.equal(got, value, text);
      }
      assert.equal(formatPortName(parsed), text);
    }),
    { numRuns: 500 },
  );
});

const tokens = fc.constantFrom(
  ..."netmap: vale vale0: eth0 a : - -1 ^ * /x /RT @ @1 @0 { } 1 @conf: rings=2 slots= , = x".split(
    " ",
  ),
  ..."@share= @share=vale0:b @extmem=/f @extmem:file=/f, buf-num=3 @offset=1 bits=4 +conf: \n é"
    .split(" "),
);
const almostNames = fc.array(tokens, { maxLength: 9 }).map((list) => list.join(""));

Deno.test("parsePortName() throws nothing but SyntaxError, and what it takes can be formatted", () => {
  let taken = 0;
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    almostNames,
    almostNames.map((t) => `vale0:a${t}`),
  );
  fc.assert(
    fc.property(texts, (text) => {
      let port: PortName;
      try {
        port = parsePortName(text);
      } catch (error) {
        assert.ok(error instanceof SyntaxError, String(error));
        const { position } = error.cause as { position: number };
        assert.ok(position >= 0 && position <= text.length);
        return;
      }
      taken++;
      const again = parsePortName(formatPortName(port));
      assert.deepEqual({ ...again, text }, port);
    }),
    { numRuns: 3000 },
  );
  assert.ok(taken > 100, `only ${taken} texts were port names`);
});
