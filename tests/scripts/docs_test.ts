/**
 * The code blocks of the documentation run, each by itself, and print what the comments behind
 * `console.log()` say. Blocks of TypeScript get --allow-ffi only, as the README promises, unless they
 * compile.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { hookFromC } from "../../hook/mod.ts";

const ROOT = new URL("../../", import.meta.url);

interface Block {
  readonly language: string;
  readonly text: string;
  readonly line: number;
}

function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  for (const match of markdown.matchAll(/^```(\w+)\n([^]*?)^```$/gm)) {
    const line = markdown.slice(0, match.index).split("\n").length;
    blocks.push({ language: match[1], text: match[2], line });
  }
  return blocks;
}

/** What the comments behind `console.log()` promise. */
function promisedLines(text: string): string[] {
  return [...text.matchAll(/^.*console\.log\(.*\); \/\/ (\S.*)$/gm)]
    .map(([, promise]) => promise.replace(/^true: .*$/, "true"));
}

async function deno(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: fileURLToPath(ROOT),
    env: { NO_COLOR: "1", VALET_BACKEND: "embedded" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout);
}

for (const name of ["README.md", "docs/hooks.md"]) {
  const blocks = blocksOf(Deno.readTextFileSync(new URL(name, ROOT)));
  Deno.test(`the code blocks of ${name} run and print what they say`, async (t) => {
    assert(blocks.some(({ language }) => language === "ts"));
    const folder = await Deno.makeTempDir({ prefix: "valet docs " });
    try {
      const fileOf = ({ line }: Block): string => `${folder}/line_${line}.ts`;
      const scripts = blocks.filter(({ language }) => language === "ts");
      for (const block of scripts) {
        const text = block.text.replaceAll(/from "\.{1,2}\//g, `from "${ROOT}`);
        await Deno.writeTextFile(fileOf(block), text);
      }
      await t.step("types", async () => {
        await deno("check", "--quiet", ...scripts.map(fileOf));
      });
      for (const block of blocks) {
        const { language, text, line } = block;
        if (language === "ts") {
          await t.step(`line ${line}`, async () => {
            const permission = text.includes("hook/mod.ts") ? "-A" : "--allow-ffi";
            const said = (await deno("run", "--no-prompt", permission, fileOf(block))).split("\n");
            for (const promise of promisedLines(text)) {
              assert(said.includes(promise), `"${promise}" is not in:\n${said.join("\n")}`);
            }
          });
        } else if (language === "c") {
          await t.step(`line ${line}`, async () => {
            assert.equal((await hookFromC({ source: text }, { cache: folder })).warnings, "");
          });
        } else {
          assert.equal(language, "sh", `a block that nothing runs, line ${line}`);
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
