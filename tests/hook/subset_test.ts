/** What is not in the subset is refused with its place and what to write instead. */

import assert from "node:assert/strict";

import { compile, type CompileOptions, HookSyntaxError } from "../../hook/mod.ts";
import type { Lookup } from "../../mod.ts";
import { REFUSED } from "./refused.ts";

const OPTIONS: CompileOptions = {
  constants: { LIMITS: { low: 1 } },
  tables: { table: { key: [48] }, flows: { key: [32, 16] }, hits: { key: [8], kind: "counters" } },
};

async function refusal(hook: Lookup | string, options = OPTIONS): Promise<HookSyntaxError> {
  try {
    await compile(hook, options);
  } catch (error) {
    assert(error instanceof HookSyntaxError, `${error}`);
    assert(error instanceof SyntaxError);
    return error;
  }
  return assert.fail(`${hook} was compiled`);
}

Deno.test("compile() refuses what hooks cannot have, with its place and what to write instead", async () => {
  for (const [source, column, construct, mend] of REFUSED) {
    const error = await refusal(source);
    const { line, message } = error;
    assert.deepEqual([line, error.column, error.construct, error.mend], [
      1,
      column,
      construct,
      mend,
    ], source);
    assert(message.startsWith(`Cannot compile ${construct} (line 1, column ${column}): `), message);
    const [, text, mark, hint] = message.split("\n");
    assert.equal(text, `  1 | ${source}`);
    assert.equal(mark.indexOf("^"), "  1 | ".length + column - 1);
    assert.equal(hint, `Hint: ${mend}`);
  }
});

Deno.test("compile() refuses each kind of construct in its own words", () => {
  const constructs = new Set(REFUSED.map(([, , construct]) => construct));
  assert(constructs.size > 70, `${constructs.size}`);
});

Deno.test("compile() tells the line and column within a function of several lines", async () => {
  const error = await refusal(function several(packet): number {
    const half = packet.port & 1;
    return half + packet.length / 2;
  });
  assert.deepEqual([error.line, error.column], [3, 19]);
  assert.match(error.message, /\n {2}3 \| {5}return half \+ packet\.length \/ 2;\n {24}\^\n/);
});

Deno.test("compile() tells the line and column in the function's file", async () => {
  const before = new Error().stack!;
  const error = await refusal(function placed(packet: { port: number; length: number }): number {
    const half: number = packet.port & 1;
    return half + packet.length / 2;
  });
  const [, file, line] = /(file:\/\/\S+?):(\d+):/.exec(before)!;
  assert.deepEqual(error.place, { file, line: Number(line) + 3, column: 19 });
  assert.match(error.message, /\n {2}at file:.*subset_test\.ts:\d+:19\nHint: /);
  assert.equal(
    (await refusal("(packet) => packet.port / 2")).place,
    undefined,
    "a text has no file",
  );
  // One of two that are the same: which one it is cannot be told
  const twins = [
    (packet: { ttl: number }) => packet.ttl / 7,
    (packet: { ttl: number }) => packet.ttl / 7,
  ];
  assert.equal((await refusal(twins[1])).place, undefined);
});

Deno.test("compile() tells the place in a method as it does in a function", async () => {
  const hooks = {
    lookup(packet: { port: number }): number {
      return packet.port / 2;
    },
  };
  const { line, column } = await refusal(hooks.lookup);
  assert.deepEqual([line, column], [2, 14]);
});

Deno.test("compile() says where a column is in a line with tabs", async () => {
  const { message } = await refusal("(packet) => {\n\treturn packet.port / 2;\n}");
  assert.match(message, /\n {2}2 \| \treturn packet.port \/ 2;\n {6}\t {7}\^\n/);
});

Deno.test("compile() refuses functions whose text cannot be read", async () => {
  const bound = ((packet: { port: number }) => packet.port).bind(null);
  await assert.rejects(compile(bound), (error) => {
    assert(error instanceof TypeError);
    assert.match(error.message, /bound or built in/);
    return true;
  });
  for (const value of [null, undefined, 7, {}]) {
    await assert.rejects(compile(value as unknown as Lookup), TypeError);
  }
});

Deno.test("compile() refuses constants that are no whole numbers", async () => {
  const given = (constants: unknown): Promise<unknown> =>
    compile("(packet) => A", { constants: constants as Record<string, number> });
  for (const value of [0.5, NaN, Infinity, 2 ** 53]) {
    await assert.rejects(given({ A: value }), RangeError);
    await assert.rejects(given({ A: { B: value } }), /`constants\.A\.B`/);
  }
  for (const value of ["1", 1n, null, undefined, [1], new Map(), () => 1]) {
    await assert.rejects(given({ A: value }), TypeError);
  }
  await assert.rejects(given(7), TypeError);
  await given({ A: 1, unused: { nested: { far: true } } });
});

Deno.test("compile() takes what it is given over what every hook knows", async () => {
  const hook = await compile("(packet) => DROP", { constants: { DROP: 7 } });
  assert.match(hook.c, /return \(uint32_t\)7ll;/);
});

Deno.test("compile() knows no properties that objects inherit", async () => {
  for (const name of ["toString", "constructor", "__proto__", "hasOwnProperty"]) {
    await refusal(`(packet) => ${name}`);
    await refusal(`(packet) => packet.${name}`);
    await refusal(`(packet) => LIMITS.${name}`);
    await refusal(`(packet) => Math.${name}()`);
    await refusal(`(packet) => { table.${name}(1); return 1; }`);
  }
});
