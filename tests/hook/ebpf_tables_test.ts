/** Tables as BPF maps: what scripts do with them, what programs do with them, and that both agree. */

import assert from "node:assert/strict";

import { ScriptTableHome, type TableLayout } from "../../ffi/table_home.ts";
import { toEbpf } from "../../hook/ebpf.ts";
import { loadEbpf } from "../../hook/ebpf_load.ts";
import { constant, load, StatementBuilder } from "../../hook/build_ir.ts";
import type { BpfProgram } from "../../hook/bpf.ts";
import type { Expression, HookProgram, Statement, TableCall } from "../../hook/ir.ts";
import { KernelTable } from "../../hook/table_kernel.ts";
import { ebpfTest } from "./ebpf_form.ts";
import { Random } from "./frames.ts";

const HERE = { line: 1, column: 1 };
const build = new StatementBuilder(HERE);
const FLOW = [48, 32, 16, 8] as const;

function layout(kind: TableLayout["kind"], more: Partial<TableLayout> = {}): TableLayout {
  return { kind, keyWords: 5, capacity: 8, ratePerSecond: 0, burst: 3, ...more };
}

/** The parts of a key stand in the packet one after the other, then comes the argument. */
const KEY: readonly Expression[] = [
  load(6, constant(0), HERE),
  load(4, constant(6), HERE),
  load(2, constant(10), HERE),
  load(1, constant(12), HERE),
];
const ARGUMENT = load(4, constant(13), HERE);

function call(method: TableCall["method"], table = 0, key = KEY): TableCall {
  const argument = method === "get" ? undefined : ARGUMENT;
  const lo = method === "get" ? -1 : 0, hi = method === "get" ? 0xffff_ffff : 1;
  return { op: "table", method, table, key, argument, position: HERE, lo, hi };
}

function programOf(body: readonly Statement[], tables: number): HookProgram {
  return {
    name: "tables",
    source: "",
    locals: [],
    tables: Array.from({ length: tables }, (_, i) => ({ name: `t${i}`, key: [...FLOW] })),
    body,
  };
}

function packet(mac: number, argument: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(17);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x0212);
  view.setUint32(2, mac);
  view.setUint32(6, 0x0a00_0001);
  view.setUint16(10, 53);
  view.setUint8(12, 17);
  view.setUint32(13, argument);
  return bytes;
}

/** The same key as words. */
function words(mac: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array([mac, 0x0212, 0x0a00_0001, 53, 17]);
}

/** Programs that do an operation each and say what it gave. */
function programs(table: KernelTable, layouts: TableLayout): Record<string, BpfProgram> {
  const run = (body: Statement[]): BpfProgram =>
    loadEbpf(toEbpf(programOf(body, 1), [layouts]), [table.map]);
  const effect = (method: "set" | "count"): Statement[] => [
    { op: "effect", value: call(method), position: HERE },
    build.return(constant(0)),
  ];
  return {
    get: run([
      build.return({ op: "and", left: call("get"), right: constant(255), lo: 0, hi: 255 }),
    ]),
    set: run(effect("set")),
    count: run(effect("count")),
    take: run([build.return(call("take"))]),
  };
}

ebpfTest("programs read what scripts put into a table, and the other way round", () => {
  using table = new KernelTable(layout("values"));
  const run = programs(table, layout("values"));
  assert.equal(run.get.run(packet(1, 0)).result, 255, "-1 & 255: absent");
  assert(table.set(words(1), 0x1234_5678));
  assert.equal(run.get.run(packet(1, 0)).result, 0x78);
  run.set.run(packet(1, 77));
  assert.equal(table.get(words(1)), 77);
  run.set.run(packet(2, 0xffff_ffff));
  assert.equal(table.get(words(2)), 0xffff_ffff);
  assert.equal(run.get.run(packet(2, 0)).result, 255);
  assert(table.delete(words(2)));
  assert(!table.delete(words(2)));
  assert.equal(table.get(words(2)), undefined);
  for (const one of Object.values(run)) one.close();
});

ebpfTest("nothing changes where there is no room", () => {
  using table = new KernelTable(layout("values", { capacity: 3 }));
  const run = programs(table, layout("values", { capacity: 3 }));
  for (const mac of [1, 2]) assert(table.set(words(mac), mac));
  run.set.run(packet(3, 3));
  assert(!table.set(words(4), 4));
  run.set.run(packet(5, 5));
  assert.deepEqual([...table.entries()].map(([, value]) => value).sort(), [1, 2, 3]);
  assert(table.set(words(3), 9), "one that is there");
  run.set.run(packet(1, 8));
  assert.deepEqual([...table.entries()].map(([, value]) => value).sort(), [2, 8, 9]);
  assert.equal(table.size, 3);
  table.clear();
  assert.equal(table.size, 0);
  for (const one of Object.values(run)) one.close();
});

ebpfTest("counters start at 0 and wrap around at 2^53", () => {
  const counters = layout("counters", { capacity: 2 });
  using table = new KernelTable(counters);
  const run = programs(table, counters);
  run.count.run(packet(1, 5));
  run.count.run(packet(1, 0xffff_ffff));
  assert(table.count(words(1), 2));
  assert.equal(table.get(words(1)), 0x1_0000_0006);
  assert.equal(run.get.run(packet(1, 0)).result, 255, "at most 2^32 - 1");
  table.set(words(2), Number.MAX_SAFE_INTEGER);
  run.count.run(packet(2, 3));
  assert.equal(table.get(words(2)), 2);
  run.count.run(packet(3, 1));
  assert(!table.count(words(3), 1), "there is no room");
  assert.equal(table.size, 2);
  for (const one of Object.values(run)) one.close();
});

ebpfTest("buckets without a rate are taken from as in a script's table", () => {
  const buckets = layout("buckets", { burst: 100 });
  using table = new KernelTable(buckets);
  const model = new ScriptTableHome(buckets);
  const run = programs(table, buckets);
  const random = new Random(4);
  for (let i = 0; i < 500; i++) {
    const mac = random.below(10), amount = random.pick([0, 1, 2, 30, 101, 0xffff_ffff]);
    const expected = model.take(words(mac), amount);
    const taken = random.once(2)
      ? table.take(words(mac), amount)
      : run.take.run(packet(mac, amount)).result === 1;
    assert.equal(taken, expected, `${amount} of ${mac} at ${i}`);
  }
  const tokens = (home: { entries(): Iterable<readonly [Uint32Array, number]> }) =>
    [...home.entries()].map(([key, value]) => `${key}: ${value}`).sort();
  assert.deepEqual(tokens(table), tokens(model));
  for (const one of Object.values(run)) one.close();
});

ebpfTest("buckets fill again with time, up to the burst", async () => {
  const buckets = layout("buckets", { burst: 50, ratePerSecond: 1000 });
  using table = new KernelTable(buckets);
  assert(table.take(words(1), 50));
  assert(!table.take(words(1), 50), "a millisecond gives no 50");
  const tokens = () => [...table.entries()][0][1];
  while (!table.take(words(1), 20)) await new Promise((done) => setTimeout(done, 1));
  assert(tokens() < 50, "what was taken is missing");
  for (let most = 0; most < 50;) {
    table.take(words(1), 0);
    most = tokens();
    assert(most <= 50);
    await new Promise((done) => setTimeout(done, 1));
  }
});

ebpfTest("a program asks several tables, one with what another one says", () => {
  using first = new KernelTable(layout("values")), second = new KernelTable(layout("values"));
  const inner: Expression = { ...call("get"), lo: 0 };
  const key: Expression[] = [{
    op: "max",
    left: inner,
    right: constant(0),
    lo: 0,
    hi: 0xffff_ffff,
  }];
  key.push(...KEY.slice(1));
  const sum: Expression = {
    op: "add",
    left: call("get", 1, key),
    right: call("get"),
    lo: -2,
    hi: 2 ** 33,
  };
  const body = [build.return({ op: "and", left: sum, right: constant(255), lo: 0, hi: 255 })];
  using program = loadEbpf(toEbpf(programOf(body, 2), [layout("values"), layout("values")]), [
    first.map,
    second.map,
  ]);
  assert.equal(program.run(packet(1, 0)).result, 254, "-1 + -1");
  first.set(words(1), 40);
  const derived = words(40);
  derived[1] = 0;
  second.set(derived, 2);
  assert.equal(program.run(packet(1, 0)).result, 42);
});
