/** The function in V8, its intermediate form and its machine code decide the same. */

import { compile } from "../../hook/mod.ts";
import { FrameSet } from "./forms.ts";
import { captureFrames, randomFrames } from "./frames.ts";
import { LOOKUPS, OPTIONS } from "./hooks.ts";

const SETS = [
  { title: "the tutorial's capture", frames: captureFrames },
  { title: "10,000 random frames", frames: () => randomFrames(10_000, 4) },
];

for (const { title, frames } of SETS) {
  Deno.test(`hooks decide the same in all forms about ${title}`, async (t) => {
    const set = new FrameSet(frames());
    for (const [name, lookup] of Object.entries(LOOKUPS)) {
      await t.step(name, async () => {
        const hook = await compile(lookup, OPTIONS);
        const expected = set.v8(lookup);
        set.assertSame(set.native(hook.native().address), expected, "machine code");
        set.assertSame(set.interpreted(hook.program), expected, "intermediate form");
      });
    }
  });
}
