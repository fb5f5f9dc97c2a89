/** Programs and maps of the kernel, and what is said when it refuses them. */

import assert from "node:assert/strict";

import { NetmapError } from "../../ffi/errors.ts";
import { BpfLoadError, BpfMap, BpfProgram, BpfUpdate } from "../../hook/bpf.ts";
import { Alu, Assembler } from "../../hook/ebpf_assembler.ts";
import { type EbpfCode, toEbpf } from "../../hook/ebpf.ts";
import { HookVerifierError, loadEbpf } from "../../hook/ebpf_load.ts";
import { compile } from "../../hook/mod.ts";
import { ebpfTest } from "./ebpf_form.ts";

function assemble(write: (asm: Assembler) => void): Uint8Array<ArrayBuffer> {
  const asm = new Assembler();
  write(asm);
  return asm.encode();
}

const FIVE = assemble((asm) => {
  asm.set(0, 5);
  asm.exit();
});

ebpfTest("BpfProgram.run() gives result and time, and the packet as the program left it", () => {
  using program = BpfProgram.load(assemble((asm) => {
    asm.load(4, 2, 1, 0);
    asm.load(4, 3, 1, 4);
    asm.move(0, 3);
    asm.alu(Alu.sub, 0, 2);
    asm.exit();
  }));
  const { result, nanoseconds } = program.run(new Uint8Array(60), { repeat: 1000 });
  assert.equal(result, 60);
  assert(nanoseconds < 100_000);
  const { id, verifiedInstructions } = program.info();
  assert(id > 0);
  assert.equal(verifiedInstructions, 5);
  assert.throws(() => program.run(new Uint8Array(13)), { name: "NetmapError", code: "EINVAL" });
  assert.throws(() => program.run(new Uint8Array(60), { queue: 1 }), { code: "EINVAL" });
  const options = { interfaceIndex: 0x7fff_fff0 };
  assert.throws(() => program.run(new Uint8Array(60), options), { code: "ENODEV" });
});

ebpfTest("BpfProgram can be closed twice and not be used afterwards", () => {
  const program = BpfProgram.load(FIVE, { name: "a name, too long and with signs" });
  assert.equal(program.run(new Uint8Array(14)).result, 5);
  program.close();
  program.close();
  assert.throws(() => program.run(new Uint8Array(14)), {
    message: /^Cannot use the eBPF program: Bad file descriptor \(EBADF\)\nHint: It was closed/,
  });
});

ebpfTest("BpfProgram.load() throws the verifier's words and its log", () => {
  const write = (asm: Assembler): void => {
    asm.load(4, 2, 1, 0);
    asm.load(1, 0, 2, 12);
    asm.exit();
  };
  assert.throws(() => BpfProgram.load(assemble(write)), (error) => {
    assert(error instanceof BpfLoadError && error instanceof NetmapError);
    assert.equal(error.code, "EACCES");
    assert.match(error.words!, /offset is outside of the packet/);
    assert.match(error.message, /Hint: The verifier says: .*outside of the packet/);
    assert.match(error.log, /1: \(71\)/);
    return true;
  });
});

ebpfTest("BpfProgram.load() has room for a long log", () => {
  const instructions = assemble((asm) => {
    for (let i = 0; i < 30_000; i++) asm.aluImmediate(Alu.mov, 0, i);
    asm.load(1, 0, 3, 0);
    asm.exit();
  });
  assert.throws(() => BpfProgram.load(instructions), (error) => {
    assert(error instanceof BpfLoadError);
    assert(error.log.length > 1_000_000);
    assert.match(error.words!, /R3 !read_ok/);
    return true;
  });
});

ebpfTest("a hook that the verifier refuses names the line", async () => {
  const source = `(packet) => {
  let sum = 0;
  for (let i = 0; i < 10; i++) sum += packet.u8(i);
  return sum;
}`;
  const { program } = await compile(source);
  const code = toEbpf(program);
  using loaded = loadEbpf(code);
  assert(loaded.fd > 0);
  // As if the comparison with the packet's end had been forgotten
  const instructions = code.instructions.slice();
  let broken = 0;
  for (let at = 0; at < instructions.length; at += 8) {
    if (instructions[at] !== 0x2d) continue;
    instructions.set([0xbf, 0x11, 0, 0, 0, 0, 0, 0], at);
    broken++;
  }
  assert(broken > 0);
  const wrong: EbpfCode = { ...code, instructions };
  assert.throws(() => loadEbpf(wrong), (error) => {
    assert(error instanceof HookVerifierError);
    assert.equal(error.code, "EACCES");
    assert.deepEqual([error.line, error.column], [3, 39]);
    assert.match(error.words, /offset is outside of the packet/);
    assert.match(
      error.message,
      /^Cannot load the hook "hook" into the kernel: its verifier says "R0 offset is outside of the packet" \(line 3, column 39\)\n {2}3 \| {3}for .*packet\.u8\(i\);\n {44}\^$/,
    );
    return true;
  });
});

ebpfTest("a hook that is too much for the verifier is told what to do", async () => {
  const source = `(packet) => {
  let a = 1, b = 2;
  for (let i = 0; i < 300; i++) {
    if (packet.u8(i) > 3) a = Math.imul(a, 5) >>> 8; else b = Math.imul(a, 7) >>> 9;
    for (let k = 0; k < 60; k++) if (packet.u8(i + a) > k) b = Math.imul(a ^ b, 3) >>> 7;
  }
  return (a ^ b) & 255;
}`;
  const { program } = await compile(source);
  assert.throws(() => loadEbpf(toEbpf(program)), (error) => {
    assert(error instanceof HookVerifierError);
    assert.match(error.words, /too large|too complex/);
    assert(error.line === 4 || error.line === 5 || error.line === 3);
    assert.match(error.message, /\nHint: .*give loops smaller bounds/);
    return true;
  });
});

ebpfTest("BpfMap keeps entries and says what is wrong", () => {
  using map = new BpfMap({ keyBytes: 4, valueBytes: 8, entries: 2, name: "test" });
  const key = (n: number): Uint8Array<ArrayBuffer> => new Uint8Array([n, 0, 0, 0]);
  const value = new Uint8Array(8);
  assert.equal(map.get(key(1), value), false);
  map.set(key(1), new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]));
  assert.equal(map.get(key(1), value), true);
  assert.equal(value.toHex(), "0102030405060708");
  assert.throws(() => map.set(key(1), value, BpfUpdate.NOEXIST), { code: "EEXIST" });
  assert.throws(() => map.set(key(2), value, BpfUpdate.EXIST), { code: "ENOENT" });
  map.set(key(2), value);
  assert.throws(() => map.set(key(3), value), { code: "E2BIG" });
  const found: number[] = [];
  const next = new Uint8Array(4);
  for (let more = map.next(undefined, next); more; more = map.next(next.slice(), next)) {
    found.push(next[0]);
  }
  assert.deepEqual(found.sort(), [1, 2]);
  assert.equal(map.delete(key(1)), true);
  assert.equal(map.delete(key(1)), false);
  assert.throws(() => map.get(new Uint8Array(3), value), {
    name: "RangeError",
    message: "Cannot use a key of 3 bytes: the map has 4",
  });
  assert.throws(() => map.set(key(1), new Uint8Array(9)), {
    message: "Cannot use a value of 9 bytes: the map has 8",
  });
  assert.throws(() => new BpfMap({ keyBytes: 0, valueBytes: 8, entries: 1 }), { code: "EINVAL" });
  map.close();
  assert.throws(() => map.get(key(1), value), { code: "EBADF" });
});

ebpfTest("without the capabilities the error names them", async () => {
  const program = new URL("./bpf_refused.ts", import.meta.url).pathname;
  const { stdout, stderr } = await new Deno.Command("setpriv", {
    args: [
      ...["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"],
      ...[Deno.execPath(), "run", "-A", "--no-check", program],
    ],
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.match(
    text,
    /^Cannot use eBPF: Operation not permitted \(EPERM\)\nHint: This process lacks CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN: run as root/,
    new TextDecoder().decode(stderr),
  );
  assert.match(text, /\nCannot make the eBPF map: Operation not permitted \(EPERM\)\nHint: This/);
  assert.match(
    text,
    /\nCannot load the eBPF program: Operation not permitted \(EPERM\)\nHint: This/,
  );
});
