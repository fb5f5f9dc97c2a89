/** Hooks decide the same in V8 and as eBPF in the running kernel (BPF_PROG_TEST_RUN). */

import assert from "node:assert/strict";
import fc from "fast-check";

import { toEbpf } from "../../hook/ebpf.ts";
import { RingError } from "../../hook/ebpf_result.ts";
import { compile, type HookProgram, HookSyntaxError } from "../../hook/mod.ts";
import { assertEbpf, ebpfTest, Interfaces } from "./ebpf_form.ts";
import { FrameSet } from "./forms.ts";
import { captureFrames, Random, randomFrames } from "./frames.ts";
import { LOOKUPS, OPTIONS } from "./hooks.ts";
import { CONSTANTS, evaluate, programs } from "./programs.ts";

const SETS = [
  { title: "the tutorial's capture", frames: captureFrames },
  { title: "10,000 random frames", frames: () => randomFrames(12_000, 4) },
];

for (const { title, frames } of SETS) {
  ebpfTest(`hooks decide the same in V8 and as eBPF about ${title}`, async (t) => {
    using interfaces = new Interfaces();
    const set = new FrameSet(interfaces.fit(frames(), new Random(6)));
    assert(set.frames.length >= (frames === captureFrames ? 100 : 10_000), `${set.frames.length}`);
    for (const [name, lookup] of Object.entries(LOOKUPS)) {
      await t.step(name, async () => {
        const { program } = await compile(lookup, OPTIONS);
        assertEbpf(program, set, set.v8(lookup), interfaces, "eBPF");
      });
    }
  });
}

/** The program, undefined if it is refused. */
async function compiled(text: string): Promise<HookProgram | undefined> {
  try {
    const { program } = await compile(text, { constants: CONSTANTS });
    toEbpf(program); // no rings with copies that may be anything
    return program;
  } catch (error) {
    if (error instanceof HookSyntaxError || error instanceof RingError) return undefined;
    throw error;
  }
}

ebpfTest("random hooks decide the same in V8 and as eBPF", async () => {
  using interfaces = new Interfaces();
  const set = new FrameSet(interfaces.fit(randomFrames(120, 8), new Random(7)));
  let tried = 0;
  await fc.assert(
    fc.asyncProperty(programs, async (text) => {
      const program = await compiled(text);
      if (program === undefined) return;
      tried++;
      assertEbpf(program, set, set.v8(evaluate(text)), interfaces, text);
    }),
    { seed: 13, numRuns: 400 },
  );
  assert(tried > 200, `${tried} of 400 were tried`);
});
