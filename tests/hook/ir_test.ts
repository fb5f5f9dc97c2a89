/** What the front end makes of functions. */

import assert from "node:assert/strict";

import { interpret } from "../../hook/interpret.ts";
import { compile, type CompileOptions } from "../../hook/mod.ts";
import { printProgram } from "../../hook/print.ts";
import { randomFrames } from "./frames.ts";

const GOLDEN: readonly { name: string; source: string; ir: string }[] = [
  {
    name: "constants are computed at once",
    source:
      `(packet) => ((1 << 31) >>> 28) * 3 + Math.imul(7, -1)  + (LIMIT > 5 ? 10 : packet.port)`,
    ir: `\
hook hook
  return 27
`,
  },
  {
    name: "only what needs wrapping is wrapped",
    source:
      `(packet) => ((packet.u32(0) ^ packet.u8(4)) & 0xff) + ((packet.u32(0) | 1) >>> 0) % 16`,
    ir: `\
hook hook
  return (((int32(load4(0)) ^ load1(4)) & 255) + ((load4(0) | 1) % 16))
`,
  },
  {
    name: "a division by what may be 0 gives 0",
    source: `(packet) => (packet.u16(0) / packet.u8(2)) | 0`,
    ir: `\
hook hook
  v0 value 0..255
  return (v0 := load1(2); ((v0 != 0) ? (load2(0) / v0) : 0))
`,
  },
  {
    name: "a result that may be no port is checked",
    source: `(packet) => packet.port - 1`,
    ir: `\
hook hook
  v0 result -1..4294967294
  return (v0 := (port - 1); ((0 <= v0) ? v0 : 4294967295))
`,
  },
  {
    name: "a value that may be absent is -1",
    source:
      `(packet) => { const found = stations.get(packet.u16(0)); if (found === undefined) return BROADCAST; stations.set(packet.u16(2), packet.port); return found; }`,
    ir: `\
hook hook
  v0 found -1..4294967295
  v0 = table0.get(load2(0))
  if (v0 == -1) {
    return 254
  }
  table0.set(load2(2), port)
  return v0
`,
  },
  {
    name: "what a loop adds up has bounds",
    source: `(packet) => {
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    if (packet.u8(i) === 9) continue;
    if (sum > 300) break;
    sum += packet.u8(i);
  }
  return sum;
}`,
    ir: `\
hook hook
  v0 sum 0..555
  v1 i 0..4
  v0 = 0
  v1 = 0
  loop L0 at most 5 {
    if (4 <= v1) {
      break L0
    }
    block L1 {
      if (load1(v1) == 9) {
        break L1
      }
      if (300 < v0) {
        break L0
      }
      v0 = (v0 + load1(v1))
    }
    v1 = (v1 + 1)
  }
  return v0
`,
  },
  {
    name: "a switch is a chain of conditions",
    source: `(packet) => {
  let port = 1;
  switch (packet.u8(0)) {
    case 1:
    case 2:
      port = 7;
      break;
    case 3:
      return 9;
    default:
      port = packet.u8(1);
  }
  return port;
}`,
    ir: `\
hook hook
  v0 port 0..255
  v1 chosen 0..255
  v0 = 1
  v1 = load1(0)
  block L0 {
    if ((v1 == 1) ? 1 : (v1 == 2)) {
      v0 = 7
      break L0
    } else {
      if (v1 == 3) {
        return 9
      } else {
        v0 = load1(1)
      }
    }
  }
  return v0
`,
  },
  {
    name: "what is never reached is left out",
    source: `(packet) => {
  const debug = false;
  if (debug) return 1;
  const low = packet.u8(0) & 7;
  if (low < 8) return low;
  return 3;
}`,
    ir: `\
hook hook
  v0 low 0..7
  v0 = (load1(0) & 7)
  return v0
`,
  },
  {
    name: "the ring that was chosen can be read",
    source:
      `(packet) => { if (packet.isMulticast) packet.ring = packet.ring & 1; return packet.ring % 8; }`,
    ir: `\
hook hook
  v0 ring 0..4294967295
  v0 = ring
  if ((6 <= readable) ? (load1(0) & 1) : 0) {
    v0 = (v0 & 1)
    ring v0
  }
  return (v0 % 8)
`,
  },
  {
    name: "a section that finds headers stands where it is needed",
    source: `(packet) => { if (packet.length < 60) return DROP; return packet.etherType & 7; }`,
    ir: `\
hook hook
  v0 etherType 0..65535
  v1 at 14..46
  v2 tags 0..8
  v3 type 0..65535
  if (length < 60) {
    return 255
  }
  v0 = 0
  block L0 {
    if (readable < 14) {
      break L0
    }
    v1 = 14
    v2 = 0
    v3 = load2(12)
    loop L1 at most 9 {
      if ((((v3 == 33024) ? 1 : (v3 == 34984)) ? 1 : (v3 == 37120)) == 0) {
        break L1
      }
      if (v2 == 8) {
        break L0
      }
      v1 = (v1 + 4)
      if (readable < v1) {
        break L0
      }
      v3 = load2((v1 - 2))
      v2 = (v2 + 1)
    }
    v0 = v3
  }
  return (v0 & 7)
`,
  },
  {
    name: "two calls of tables are made in order",
    source: `(packet) => rate.take(packet.port) && rate.take(1, 5) ? 1 : 2`,
    ir: `\
hook hook
  return ((table0.take(port, 1) ? table0.take(1, 5) : 0) ? 1 : 2)
`,
  },
];

const OPTIONS: CompileOptions = {
  constants: { LIMIT: 7 },
  tables: { stations: { key: [16] }, rate: { key: [32], kind: "buckets" } },
};

Deno.test("compile() makes the intermediate form that it always made", async () => {
  for (const { name, source, ir } of GOLDEN) {
    const { program } = await compile(source, OPTIONS);
    const text = printProgram(program).replace(/table1/g, "table0");
    assert.equal(text, ir, name);
  }
});

Deno.test("interpret() refuses values beyond their bounds and loops beyond their rounds", async () => {
  const source =
    "(packet) => { let n = 1; for (let i = 0; i < 3; i++) n += packet.u8(i); return n; }";
  const { program } = await compile(source);
  const [frame] = randomFrames(1, 1);
  const packet = { ...frame, readable: frame.bytes.length };
  assert(interpret(program, packet).port >= 1);
  const last = structuredClone(program);
  Object.assign(last.body.at(-1)!, { value: { op: "const", value: 1, lo: 2, hi: 3 } });
  assert.throws(() => interpret(last, packet), /gives 1, not 2 to 3/);
  const loop = structuredClone(program);
  Object.assign(loop.body.find(({ op }) => op === "loop")!, { bound: 2 });
  assert.throws(() => interpret(loop, packet), /more than 2 rounds/);
});
