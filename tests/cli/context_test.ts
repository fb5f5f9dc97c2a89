// Shows what a command has of the world: here, how it takes paths.

import assert from "node:assert/strict";
import { resolve } from "node:path";
import { absolutePath } from "../../cli/context.ts";

Deno.test("absolutePath() is resolve() of node:path", () => {
  const files = [
    "a",
    "./a/",
    "../a",
    "a/../../b",
    "../../../../x",
    "/",
    "/a//b/./c/..",
    "..",
    "",
    ".",
  ];
  for (const folder of ["/", "/home/user", "/home/user/"]) {
    for (const file of files) assert.equal(absolutePath(folder, file), resolve(folder, file));
  }
});

/** What Deno reads before it runs a file: also what is imported later, by a name in the text. */
async function readAtStart(file: string): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL(`../../${file}`, import.meta.url).pathname],
  }).output();
  const graph = JSON.parse(new TextDecoder().decode(stdout)) as {
    roots: string[];
    modules: { specifier: string; dependencies?: { code?: { specifier: string } }[] }[];
  };
  const found = new Set(graph.roots);
  for (const name of found) {
    const module = graph.modules.find(({ specifier }) => specifier === name);
    for (const { code } of module?.dependencies ?? []) if (code) found.add(code.specifier);
  }
  return [...found];
}

Deno.test("vale-ctl reads no other command's files when it starts, and loads no module of Node's", async () => {
  const main = await readAtStart("cli/main.ts");
  assert.ok(main.length < 10, main.join("\n"));
  const valeCtl = await readAtStart("cli/vale_ctl.ts");
  assert.ok(valeCtl.length > 50);
  assert.deepEqual([...main, ...valeCtl].filter((name) => !name.startsWith("file:")), ["node:net"]);
  assert.deepEqual(valeCtl.filter((name) => /\/hook\/|\/daemon\//.test(name)), []);
});
