/** The bytes of instructions, as RFC 9669 has them. `llvm-mc -arch=bpfel -mcpu=v3` of LLVM 14 agrees with those it knows. */

import assert from "node:assert/strict";

import { Alu, Assembler, Jump, Label } from "../../hook/ebpf_assembler.ts";

/** Instructions in hexadecimal, with their 8 bytes as code, registers, offset, immediate. */
function assemble(write: (asm: Assembler) => void): string[] {
  const asm = new Assembler();
  write(asm);
  return asm.encode().toHex().match(/.{16}/g) ?? [];
}

Deno.test("Assembler encodes each instruction as the RFC says", () => {
  const cases: Record<string, (asm: Assembler) => void> = {
    b701000005000000: (asm) => asm.set(1, 5), // r1 = 5
    b7010000ffffffff: (asm) => asm.set(1, -1), // r1 = -1
    b4030000ffffffff: (asm) => asm.set(3, 0xffff_ffff), // w3 = -1
    bf21000000000000: (asm) => asm.move(1, 2), // r1 = r2
    "0f98000000000000": (asm) => asm.alu(Alu.add, 8, 9), // r8 += r9
    "1702000007000000": (asm) => asm.aluImmediate(Alu.sub, 2, 7), // r2 -= 7
    "2c21000000000000": (asm) => asm.alu32(Alu.mul, 1, 2), // w1 *= w2
    "3f21000000000000": (asm) => asm.alu(Alu.div, 1, 2), // r1 /= r2
    "9701000007000000": (asm) => asm.aluImmediate(Alu.mod, 1, 7), // r1 %= 7
    c704000020000000: (asm) => asm.aluImmediate(Alu.arsh, 4, 32), // r4 s>>= 32
    dc01000010000000: (asm) => asm.fromNetwork(1, 16), // r1 = be16 r1
    dc05000020000000: (asm) => asm.fromNetwork(5, 32), // r5 = be32 r5
    "71120c0000000000": (asm) => asm.load(1, 2, 1, 12), // r2 = *(u8 *)(r1 + 12)
    "6912feff00000000": (asm) => asm.load(2, 2, 1, -2), // r2 = *(u16 *)(r1 - 2)
    "6116000000000000": (asm) => asm.load(4, 6, 1, 0), // r6 = *(u32 *)(r1 + 0)
    "79a1f8ff00000000": (asm) => asm.load(8, 1, 10, -8), // r1 = *(u64 *)(r10 - 8)
    "7b1af8ff00000000": (asm) => asm.store(8, 10, -8, 1), // *(u64 *)(r10 - 8) = r1
    "631afcff00000000": (asm) => asm.store(4, 10, -4, 1), // *(u32 *)(r10 - 4) = w1
    "7a0af0ff03000000": (asm) => asm.storeImmediate(8, 10, -16, 3), // *(u64 *)(r10 - 16) = 3
    db20000000000000: (asm) => asm.atomicAdd(0, 0, 2), // lock *(u64 *)(r0 + 0) += r2
    db320000f1000000: (asm) => asm.compareExchange(2, 0, 3), // r0 = cmpxchg_64(r2 + 0, r0, r3)
    "8500000001000000": (asm) => asm.call(1), // call 1
    "9500000000000000": (asm) => asm.exit(), // exit
  };
  for (const [bytes, write] of Object.entries(cases)) {
    assert.deepEqual(assemble(write), [bytes], String(write));
  }
});

Deno.test("Assembler puts numbers beyond 32 bits into two instructions", () => {
  assert.deepEqual(assemble((asm) => asm.set(1, 0x1_0000_0002)), [
    "1801000002000000",
    "0000000001000000",
  ]);
  assert.deepEqual(assemble((asm) => asm.set(1, -0x8000_0001)), [
    "18010000ffffff7f",
    "00000000ffffffff",
  ]);
});

Deno.test("Assembler keeps where maps are referred to", () => {
  const asm = new Assembler();
  asm.set(1, 2 ** 40);
  asm.map(1, 3);
  assert.deepEqual(asm.maps, [{ instruction: 2, table: 3 }]);
  assert.equal(asm.encode().toHex().slice(32, 48), "1811000000000000");
});

Deno.test("Assembler resolves jumps in both directions", () => {
  const bytes = assemble((asm) => {
    const again = new Label(), end = new Label();
    asm.place(again);
    asm.jumpIfImmediate(Jump.eq, 1, 0, end);
    asm.jumpIf(Jump.sgt, 1, 2, again);
    asm.jump(again);
    asm.place(end);
    asm.exit();
  });
  assert.deepEqual(bytes, [
    "1501020000000000", // if r1 == 0 goto +2
    "6d21feff00000000", // if r1 s> r2 goto -2
    "0500fdff00000000", // goto -3
    "9500000000000000",
  ]);
});

Deno.test("Assembler leaves out what cannot be reached, and jumps to the next instruction", () => {
  const bytes = assemble((asm) => {
    const next = new Label(), never = new Label(), end = new Label();
    asm.jump(next);
    asm.place(next);
    asm.set(0, 1);
    asm.jump(end);
    asm.set(0, 2);
    asm.jump(never);
    asm.place(never);
    asm.set(0, 3);
    asm.place(end);
    asm.exit();
    asm.set(0, 4);
  });
  assert.deepEqual(bytes, ["b700000001000000", "9500000000000000"]);
});

Deno.test("Assembler refuses a jump that is too far", () => {
  const asm = new Assembler();
  const end = new Label();
  asm.jumpIfImmediate(Jump.eq, 1, 0, end);
  for (let i = 0; i < 0x8000; i++) asm.set(0, i);
  asm.place(end);
  asm.exit();
  assert.throws(() => asm.encode(), {
    name: "RangeError",
    message: "Cannot encode a program of 32770 instructions: a jump leads over 32768 of them",
  });
});

Deno.test("Assembler remembers where instructions come from", () => {
  const asm = new Assembler();
  asm.position = { line: 3, column: 4 };
  asm.set(0, 2 ** 40);
  asm.position = undefined;
  asm.exit();
  assert.deepEqual(asm.positions(), [{ line: 3, column: 4 }, { line: 3, column: 4 }, undefined]);
});
