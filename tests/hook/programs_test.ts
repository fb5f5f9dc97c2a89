/** Whatever hook there may be, it decides the same in all forms, or is refused. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import fc from "fast-check";

import { generateFunction } from "../../hook/c.ts";
import { compile, type HookProgram, HookSyntaxError } from "../../hook/mod.ts";
import type { Lookup } from "../../mod.ts";
import { FrameSet } from "./forms.ts";
import { randomFrames } from "./frames.ts";
import { CONSTANTS, evaluate, programs } from "./programs.ts";

/** The program, undefined if it is refused. */
async function compiled(text: string): Promise<HookProgram | undefined> {
  try {
    return (await compile(text, { constants: CONSTANTS })).program;
  } catch (error) {
    if (error instanceof HookSyntaxError) return undefined;
    throw error;
  }
}

Deno.test("random hooks decide the same in V8 and in the intermediate form", async () => {
  const set = new FrameSet(randomFrames(60, 7));
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(programs, async (text) => {
      const program = await compiled(text);
      if (program === undefined) return void refused++;
      set.assertSame(set.interpreted(program), set.v8(evaluate(text)), text);
    }),
    { seed: 11, numRuns: 1000 },
  );
  assert(refused < 400, `${refused} of 1000 were refused`);
});

/** One file for all, as a compiler for each would take minutes; what C leaves undefined ends the process. */
function build(programs: readonly HookProgram[]): bigint {
  const source = `#include "valet_hook.h"
${programs.map((program, i) => generateFunction(program, `decide_${i}`)).join("\n")}
static uint32_t (*const hooks[])(struct valet_packet *, uint32_t) = {
  ${programs.map((_, i) => `decide_${i}`).join(", ")}
};
static int32_t decide_all(struct valet_batch *batch, void *context)
{
  (void)context;
  for (uint32_t i = 0; i < batch->count; i++) {
    struct valet_packet *packet = &batch->packets[i];
    packet->destination = hooks[packet->more](packet, batch->source);
  }
  return 0;
}
VALET_LOOKUP_BATCH(decide_all)
`;
  const folder = Deno.makeTempDirSync();
  try {
    const file = `${folder}/hooks.c`, library = `${folder}/hooks.so`;
    Deno.writeTextFileSync(file, source);
    const include = `-I${fileURLToPath(new URL("../../c/", import.meta.url))}`;
    const trap = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"];
    const strict = [
      "-std=gnu11",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-shared",
      "-fPIC",
      "-Wl,-z,nodelete",
    ];
    const { success, stderr } = new Deno.Command("cc", {
      args: ["-O1", ...strict, ...trap, include, file, "-o", library],
    }).outputSync();
    assert(success, new TextDecoder().decode(stderr).slice(0, 4000));
    const opened = Deno.dlopen(library, {
      valet_hook_entry: { parameters: [], result: "pointer" },
    });
    const address = BigInt(Deno.UnsafePointer.value(opened.symbols.valet_hook_entry()));
    opened.close(); // the code stays
    return address;
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("random hooks decide the same in V8 and as machine code", async () => {
  const set = new FrameSet(randomFrames(300, 8));
  const hooks: { text: string; lookup: Lookup; program: HookProgram }[] = [];
  for (const text of fc.sample(programs, { seed: 12, numRuns: 300 })) {
    const program = await compiled(text);
    if (program !== undefined) hooks.push({ text, lookup: evaluate(text), program });
  }
  assert(hooks.length > 180, `only ${hooks.length} of 300 were compiled`);
  const address = build(hooks.map(({ program }) => program));
  hooks.forEach(({ text, lookup }, i) => {
    set.assertSame(set.native(address, { more: i }), set.v8(lookup), text);
  });
});
