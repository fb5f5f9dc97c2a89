/** The parser comes from npm, and only when a hook is compiled. */

import assert from "node:assert/strict";

import { runScript } from "../ffi/scene.ts";

const COMPILE = `import { compile, HookBuildError } from "valet:hook/mod.ts";
try {
  const hook = await compile((packet) => packet.port + 1);
  console.log("compiled", hook.name);
} catch (error) {
  console.log(error instanceof HookBuildError, error.message);
}`;

Deno.test("importing the module needs no npm, no network and no permission", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const script = 'import { LEARN } from "valet:hook/mod.ts"; console.log(LEARN.toString(16));';
    const args = ["--no-npm", "--no-remote", "--cached-only", "--no-check"];
    const { output, errors } = await runScript(script, args, { DENO_DIR: folder });
    assert.equal(errors, "");
    assert.equal(output, "fffffffd\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("no module of hook/ has a specifier that Deno would follow outside", async () => {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL("../../hook/mod.ts", import.meta.url).href],
  }).output();
  assert(success);
  const { modules } = JSON.parse(new TextDecoder().decode(stdout));
  const outside = modules.map(({ specifier }: { specifier: string }) => specifier)
    .filter((specifier: string) => !/^(file|node):/.test(specifier));
  assert.deepEqual(outside, []);
});

Deno.test("compile() needs no permission", async () => {
  const { output, errors } = await runScript(COMPILE, ["--no-check"]);
  assert.equal(errors, "");
  assert.equal(output, "compiled hook\n");
});

Deno.test("compile() says what to do where npm is refused or cannot be reached", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const args of [["--no-npm"], ["--cached-only"]]) {
      const { output, errors } = await runScript(COMPILE, [...args, "--no-check"], {
        DENO_DIR: folder,
      });
      assert.equal(errors, "");
      assert.match(
        output,
        /^true Cannot compile a hook: its parser could not be loaded: [^]*npm[^]*\nHint: Fetch it once while there is a network, with "deno cache npm:acorn@\d+\.\d+\.\d+"; run without --no-npm\. Uncompiled, the function works as a lookup as it is\n$/,
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
