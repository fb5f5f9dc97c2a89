/** The hooks of scripts/hooks/ decide the same in V8 and as eBPF, and leave the same in their tables. */

import assert from "node:assert/strict";

import fc from "fast-check";
import { compile, type HookConstants } from "../../hook/mod.ts";
import { BROADCAST, DROP, type Lookup, type LookupTable, parseIpv4, Protocol } from "../../mod.ts";
import { asModule, ebpfTest, Interfaces, runEbpf } from "./ebpf_form.ts";
import { drawnFrame } from "./drawn_frames.ts";
import { FrameSet } from "./forms.ts";
import { captureFrames, Random, randomFrames } from "./frames.ts";

interface HookModule {
  default: Lookup;
  constants?: HookConstants;
  tables?: Record<string, LookupTable>;
}

const FOLDER = new URL("../../scripts/hooks/", import.meta.url);
/** What it decides depends on the time; buckets are tested in ebpf_tables_test.ts. */
const TIMED = "rate_limit.ts";

/** Puts into tables what the script would. */
function prepare(
  { routes, owners, flows, backends, ...others }: Record<string, LookupTable>,
): void {
  for (const table of Object.values(others)) table.clear();
  for (let port = 0; port < 6; port++) routes?.set(port, [2, BROADCAST, DROP, 0, 7][port % 5]);
  for (const port of [5, 53]) flows?.set([parseIpv4("10.0.0.1"), port], 2 + port % 3);
  for (let port = 2; port < 5; port++) backends?.set(port, parseIpv4("10.0.1.0") + port);
  for (const [i, port] of [53, 80, 1234].entries()) {
    owners?.set([Protocol.UDP, parseIpv4("10.0.0.2"), port], 2 + i);
  }
}

function stored(tables: Record<string, LookupTable>): unknown {
  return Object.values(tables).map((table) =>
    [...table].map(([key, value]) => `${key}: ${value}`).sort()
  );
}

const SETS = [
  { title: "the tutorial's capture", frames: captureFrames },
  { title: "100,000 random frames", frames: () => randomFrames(108_000, 5) },
  {
    title: "frames that fast-check draws",
    frames: () => fc.sample(drawnFrame, { numRuns: 2000, seed: 20161128 }),
  },
];
for (const { title, frames } of SETS) {
  ebpfTest(`the hooks in scripts/hooks/ decide the same as eBPF about ${title}`, async (t) => {
    using interfaces = new Interfaces();
    const set = new FrameSet(interfaces.fit(frames(), new Random(9)));
    for (const { name } of Deno.readDirSync(FOLDER)) {
      const { default: lookup, constants, tables = {} } = await import(
        new URL(name, FOLDER).href
      ) as HookModule;
      const hook = await compile(lookup, { constants, tables });
      await t.step(name, () => {
        // Tables that are in the kernel already, from the set before, are there for V8 as well
        prepare(tables);
        const before = stored(tables);
        const expected = name === TIMED ? undefined : set.v8(lookup);
        const after = stored(tables);
        for (const table of Object.values(tables)) table.clear();
        prepare(tables);
        assert.deepEqual(stored(tables), before);
        using program = hook.kernel();
        assert(Object.values(tables).every(({ home }) => home === "kernel"));
        assert.deepEqual(stored(tables), before, "the entries have moved");
        if (expected === undefined) return;
        const actual = runEbpf(program, set, interfaces);
        set.assertSame(actual, asModule(expected), "eBPF");
        assert.deepEqual(stored(tables), after);
      });
    }
  });
}
