/** Each operation of the intermediate form as eBPF, in the running kernel, gives what the interpreter gives. */

import assert from "node:assert/strict";

import {
  binary,
  cond,
  constant,
  input,
  int32,
  load,
  StatementBuilder,
  uint32,
} from "../../hook/build_ir.ts";
import { toEbpf } from "../../hook/ebpf.ts";
import { ModuleResult, resultOf } from "../../hook/ebpf_result.ts";
import { loadEbpf } from "../../hook/ebpf_load.ts";
import { interpret } from "../../hook/interpret.ts";
import type { Expression, HookProgram, Operator, Statement } from "../../hook/ir.ts";
import { Names } from "../../hook/names.ts";
import { ebpfTest, Interfaces, interfacesProblem } from "./ebpf_form.ts";
import { Random } from "./frames.ts";

const HERE = { line: 1, column: 1 };
const build = new StatementBuilder(HERE);

/** A packet has two numbers of 48 bits, two of a byte, and says which byte of the result is wanted. */
const BYTES = 16;
const X = 0, Y = 6, SMALL = 12, OTHER = 13, BYTE = 14;
const word = (at: number): Expression => load(6, constant(at), HERE);
const byte = (at: number): Expression => load(1, constant(at), HERE);
const op = (operator: Operator, left: Expression, right: Expression | number): Expression =>
  binary(operator, left, typeof right === "number" ? constant(right) : right);

/** Signed, with 48 bits, 32 bits, or as many as are asked for. */
const signed = (at: number): Expression => op("sub", word(at), 2 ** 47);
const narrow = (at: number): Expression => int32(word(at));
const bits = (at: number, count: number): Expression => op("mod", word(at), 2 ** count);

function programOf(body: readonly Statement[], names = new Names()): HookProgram {
  return { name: "operation", source: "", locals: names.locals, tables: [], body };
}

/** Returns one byte of a value: the one whose number, times 8, is in the packet. */
function byteOf(value: Expression): Statement {
  const shift = byte(BYTE);
  const low = op("min", shift, 28), high = op("sub", shift, low);
  return build.return(op("and", op("shr", op("shr", value, low), op("min", high, 28)), 255));
}

const SPECIAL = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 2 ** 47];

function packets(count: number): Uint8Array<ArrayBuffer>[] {
  const random = new Random(3);
  const number = (): number =>
    random.once(2)
      ? random.next() * 2 ** 16 + random.below(2 ** 16)
      : (random.pick(SPECIAL) + 2 ** 47 * random.below(2) + 2 ** 48 - random.below(3)) % 2 ** 48;
  return Array.from({ length: count }, () => {
    const packet = new Uint8Array(BYTES);
    const view = new DataView(packet.buffer);
    for (const at of [X, Y]) {
      const value = random.once(6) ? random.below(9) : number();
      view.setUint16(at, Math.floor(value / 2 ** 32));
      view.setUint32(at + 2, value >>> 0);
    }
    packet[SMALL] = random.next();
    packet[OTHER] = random.next();
    packet[BYTE] = 8 * random.below(7);
    return packet;
  });
}

function assertSame(program: HookProgram, count = 400): void {
  using loaded = loadEbpf(toEbpf(program));
  for (const bytes of packets(count)) {
    const packet = { bytes, readable: BYTES, length: BYTES, port: 0, ring: 0, fragments: 1 };
    const expected = resultOf(interpret(program, packet).port);
    assert.equal(loaded.run(bytes.slice()).result, expected, bytes.toHex());
  }
}

const VALUES: Readonly<Record<string, Expression>> = {
  "add": op("add", signed(X), signed(Y)),
  "add a constant": op("add", signed(X), 0x1234),
  "add a long constant": op("add", signed(X), 2 ** 40 + 5),
  "sub": op("sub", signed(X), signed(Y)),
  "sub from a constant": op("sub", constant(-7), signed(Y)),
  "mul": op("mul", op("sub", bits(X, 26), 2 ** 25), bits(Y, 26)),
  "div": op("div", word(X), op("max", word(Y), 1)),
  "div by a constant": op("div", word(X), 1000),
  "mod": op("mod", word(X), op("max", bits(Y, 20), 1)),
  "mod by a long constant": op("mod", word(X), 2 ** 35 - 1),
  "imul": op("imul", narrow(X), narrow(Y)),
  "imul of unsigned": op("imul", uint32(word(X)), uint32(word(Y))),
  "imul by a constant": op("imul", narrow(X), -0x61c8_864f),
  "and": op("and", signed(X), signed(Y)),
  "and with a constant": op("and", signed(X), -256),
  "or": op("or", signed(X), signed(Y)),
  "xor": op("xor", signed(X), signed(Y)),
  "shl, int32": int32(op("shl", narrow(X), op("and", byte(SMALL), 31))),
  "shl, uint32": uint32(op("shl", narrow(X), op("and", byte(SMALL), 31))),
  "shr": op("shr", signed(X), op("and", byte(SMALL), 31)),
  "shr by a constant": op("shr", signed(X), 31),
  "min": op("min", signed(X), signed(Y)),
  "max": op("max", signed(X), signed(Y)),
  "max with a constant": op("max", signed(X), -1),
  "min with a long constant": op("min", signed(X), 2 ** 36),
  "int32": int32(signed(X)),
  "uint32": uint32(signed(X)),
  "cond": cond(op("lt", byte(SMALL), 128), signed(X), signed(Y)),
  "load of a byte": load(1, op("sub", byte(SMALL), 100), HERE),
  "load of two": load(2, op("mod", byte(SMALL), 20), HERE),
  "load of four": load(4, op("sub", op("mod", byte(SMALL), 24), 4), HERE),
  "load of six": load(6, op("mod", byte(SMALL), 20), HERE),
  "load far away": load(4, signed(X), HERE),
  "load at the end": load(2, constant(BYTES - 2), HERE),
  "load behind the end": load(2, constant(BYTES - 1), HERE),
  "load beyond what an offset holds": load(1, constant(40_000), HERE),
};

for (const [name, value] of Object.entries(VALUES)) {
  ebpfTest(`eBPF computes "${name}" as the interpreter does`, () => {
    assertSame(programOf([byteOf(value)]));
  });
}

for (const compare of ["eq", "ne", "lt", "le"] as const) {
  const cases: Record<string, [Expression, Expression]> = {
    "two numbers": [signed(X), signed(Y)],
    "small numbers": [op("and", byte(SMALL), 3), op("and", byte(OTHER), 3)],
    "a number and a constant": [op("and", byte(SMALL), 3), constant(2)],
    "a number and a long constant": [signed(X), constant(2 ** 32)],
  };
  for (const [title, [left, right]] of Object.entries(cases)) {
    ebpfTest(
      `eBPF compares ${title} with "${compare}" as the interpreter does`,
      () => {
        const test = op(compare, left, right);
        assertSame(programOf([byteOf(op("add", test, 3))]));
        assertSame(programOf([build.if(test, [build.return(constant(1))]), byteOf(constant(2))]));
        const inverse = cond(test, constant(0), constant(1));
        assertSame(
          programOf([build.if(inverse, [build.return(constant(1))]), byteOf(constant(2))]),
        );
      },
    );
  }
}

ebpfTest("eBPF combines conditions as the interpreter does", () => {
  const a = op("lt", byte(SMALL), 128), b = op("lt", byte(OTHER), 128);
  const c = op("eq", op("mod", byte(SMALL), 3), 0);
  for (
    const test of [
      cond(a, b, constant(0)),
      cond(a, constant(1), b),
      cond(a, constant(0), b),
      cond(a, b, c),
      cond(cond(a, b, c), cond(b, c, constant(1)), cond(c, constant(0), a)),
    ]
  ) {
    assertSame(programOf([build.if(test, [build.return(constant(1))], [byteOf(constant(2))])]));
    assertSame(programOf([byteOf(op("add", test, 1))]));
  }
});

ebpfTest("eBPF computes expressions that need more registers than there are", () => {
  const deep = (depth: number): Expression =>
    depth === 0
      ? byte(SMALL)
      : op("sub", op("add", byte(OTHER), depth), op("mul", op("add", byte(X), 1), deep(depth - 1)));
  assertSame(programOf([byteOf(int32(deep(5)))]));
});

ebpfTest("eBPF keeps more variables than fit into registers, also over loops", () => {
  const names = new Names();
  const sums = Array.from({ length: 30 }, (_, i) => names.local(`sum${i}`, 0, 2 ** 40));
  const turn = names.local("turn", 0, 10);
  const read = (local: typeof turn): Expression => ({
    op: "get",
    local,
    lo: local.lo,
    hi: local.hi,
  });
  const label = names.label();
  const total = sums.map(read).reduce((a, b) => op("add", a, b));
  assertSame(programOf([
    ...sums.map((sum, i) => build.set(sum, op("add", byte(i % BYTES), i))),
    build.set(turn, constant(0)),
    build.loop(label, 10, [
      build.if(op("le", op("mod", byte(SMALL), 9), read(turn)), [build.break(label)]),
      ...sums.map((sum, i) => build.set(sum, op("mod", op("mul", read(sum), i + 2), 1_000_003))),
      build.set(turn, op("add", read(turn), 1)),
    ]),
    byteOf(total),
  ], names));
});

Deno.test("eBPF refuses a hook that needs more stack than there is", () => {
  const names = new Names();
  const many = Array.from({ length: 70 }, (_, i) => names.local(`v${i}`, 0, 255));
  const sum = many.map((local): Expression => ({ op: "get", local, lo: 0, hi: 255 }))
    .reduce((a, b) => op("add", a, b));
  const body = [...many.map((local, i) => build.set(local, byte(i))), build.return(sum)];
  assert.throws(() => toEbpf(programOf(body, names)), {
    name: "StackError",
    message: /It needs more than the 512 bytes of stack/,
  });
});

ebpfTest(
  "eBPF returns what the module takes for port, BROADCAST, LEARN and garbage",
  () => {
    const results = [0, 253, 254, 255, 256, 4095, 0xffff_fffd, 0xffff_fffe, 0xffff_ffff];
    for (const result of results) {
      assertSame(programOf([build.return(constant(result))]), 1);
      const late = op("add", byte(BYTES + 1), result);
      assertSame(programOf([build.return(op("min", late, 0xffff_ffff))]), 1);
    }
    assert.equal(resultOf(0xffff_fffd), ModuleResult.LEARN);
    assert.equal(resultOf(256), ModuleResult.GARBAGE);
  },
);

ebpfTest("eBPF returns the ring so that each receiver's modulo gives the same", () => {
  const ring = (value: Expression): Statement => ({ op: "ring", value, position: HERE });
  for (const value of [0, 1, 15, 16, 720_719, 720_720, 0xffff_ffff]) {
    using loaded = loadEbpf(
      toEbpf(programOf([ring(op("add", byte(BYTES), value)), build.return(constant(7))])),
    );
    const { result } = loaded.run(new Uint8Array(BYTES));
    assert.equal(result & 0xfff, 7);
    const code = result >>> 12;
    for (let rings = 1; rings <= 16; rings++) {
      assert.equal((code - 1) % rings, value % rings, `${value} of ${rings}`);
    }
  }
});

ebpfTest("eBPF is told port, ring, length and fragments as c/uapi/valet_module.h says", (t) => {
  using interfaces = new Interfaces();
  const bytes = new Uint8Array(60);
  for (const name of ["port", "ring", "length", "fragments"] as const) {
    // Two programs for the lower and the upper byte
    for (const shift of [0, 8, 16]) {
      const value = op("and", op("shr", input(name), shift), 255);
      using loaded = loadEbpf(toEbpf(programOf([build.return(value)])));
      for (const context of interfaces.contexts) {
        const port = context.interfaceIndex === 1 ? 0 : 200;
        const packet = {
          port,
          ring: context.ring,
          length: context.length || 60,
          fragments: context.fragments || 1,
        };
        const { interfaceIndex } = context;
        const { result } = loaded.run(bytes.slice(), { interfaceIndex, queue: port });
        assert.equal(result, packet[name] >> shift & 255, `${t.name} ${name} ${interfaceIndex}`);
      }
    }
  }
}, interfacesProblem());
