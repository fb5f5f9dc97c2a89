/** Hooks with tables decide and store the same in all forms. */

import assert from "node:assert/strict";

import { interpret } from "../../hook/interpret.ts";
import { compile, HookBuildError } from "../../hook/mod.ts";
import { BROADCAST, DROP, type Lookup, LookupTable } from "../../mod.ts";
import { FrameSet } from "./forms.ts";
import { randomFrames } from "./frames.ts";

const stations = new LookupTable({ key: [48], capacity: 4096 });
const flows = new LookupTable({ key: [32, 16, 8], capacity: 1 << 14 });
const lengths = new LookupTable({ key: [8], kind: "counters" });
const rate = new LookupTable({ key: [32], kind: "buckets", burst: 500 });
const small = new LookupTable({ key: [16], capacity: 5 });
const TABLES = { stations, flows, lengths, rate, small };

const lookup: Lookup = (packet) => {
  stations.set(packet.sourceMac, packet.port);
  lengths.count(packet.protocol, packet.length);
  lengths.count(0);
  small.set(packet.etherType, packet.ttl);
  if (!rate.take(packet.port % 4, packet.u8(0) & 15) || !rate.take(9)) return DROP;
  const flow = flows.get([packet.sourceIpv4, packet.sourcePort, packet.protocol]);
  if (flow !== undefined && flow > 2) return flow;
  flows.set([packet.sourceIpv4, packet.sourcePort, packet.protocol], (flow ?? 0) + 1);
  if ((lengths.get(packet.protocol) ?? 0) > 100_000) return small.get(packet.etherType) ?? 7;
  return stations.get(packet.destinationMac) ?? BROADCAST;
};

function stored(): unknown {
  const all = Object.values(TABLES).map((table) =>
    [...table.entries()].map(([key, value]) => `${key}: ${value}`).sort()
  );
  for (const table of Object.values(TABLES)) table.clear();
  return all;
}

Deno.test("hooks with tables decide and store the same in all forms", async () => {
  const hook = await compile(lookup, { tables: TABLES });
  const set = new FrameSet(randomFrames(20_000, 31));
  const expected = set.v8(lookup);
  const entries = stored() as string[][];
  assert(entries.every((table) => table.length > 3), `${entries.map(({ length }) => length)}`);
  const { address, context } = hook.native();
  set.assertSame(set.native(address, { context }), expected, "machine code");
  assert.deepEqual(stored(), entries);
  const tables = Object.values(TABLES);
  set.frames.forEach((frame, i) => {
    const packet = { ...frame, readable: frame.bytes.length };
    assert.equal(interpret(hook.program, packet, tables).port, expected.ports[i]);
  });
  assert.deepEqual(stored(), entries);
});

Deno.test("counters beyond 32 bits are read the same in all forms", async () => {
  const bytes = new LookupTable({ key: [8], kind: "counters" });
  const counts: Lookup = (packet) => {
    bytes.count(1, packet.length * 100_000 >>> 0);
    return (bytes.get(1) ?? 0) % 100_003;
  };
  const hook = await compile(counts, { tables: { bytes } });
  const set = new FrameSet(randomFrames(2000, 32));
  const expected = set.v8(counts);
  assert(bytes.get(1)! > 2 ** 32);
  bytes.clear();
  const { address, context } = hook.native();
  set.assertSame(set.native(address, { context }), expected, "machine code");
});

Deno.test("compile() builds a hook only with tables that are in the engine's memory", async () => {
  const text = "(packet) => table.get(packet.etherType) ?? DROP";
  const script = new LookupTable({ key: [16], home: "script" });
  for (
    const [table, problem] of [[script, /in the home "script"/], [
      { key: [16] },
      /a table's shape/,
    ]] as const
  ) {
    const hook = await compile(text, { tables: { table: table as LookupTable } });
    assert.throws(() => hook.native(), (error) => {
      assert(error instanceof HookBuildError);
      assert.match(error.message, problem);
      return true;
    });
  }
});
