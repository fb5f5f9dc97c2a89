/**
 * The tutorial, from its first command to its last, in one shell, as a user without root does it: with a home
 * and a daemon of its own. What blocks of "text" say has to be printed.
 */

import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TUTORIAL = Deno.readTextFileSync(`${ROOT}docs/tutorial.md`);

/** A command that waits for ever ends then. */
const LONGEST_MS = 300_000;

interface Block {
  readonly language: string;
  /** File that it is to be saved as. */
  readonly file: string | undefined;
  readonly text: string;
  readonly line: number;
}

function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w+)(?: ignore)?(?: file=(\S+))?\n([^]*?)^```$/gm)].map((
    match,
  ) => ({
    language: match[1],
    file: match[2],
    text: match[3],
    line: markdown.slice(0, match.index).split("\n").length,
  }));
}

/** A line as a pattern: "..." stands for anything, spaces for any number of them. */
function patternOf(line: string): RegExp {
  const literal = line.trim().split(/\s*\.\.\.\s*/).map((part) =>
    part.split(/\s+/).map((word) => RegExp.escape(word)).join("\\s+")
  );
  return new RegExp(`^${literal.join(".*?")}$`);
}

/** The commands as one script, which says where each block begins and ends. */
function scriptOf(blocks: readonly Block[]): string {
  return "set -e\n" + blocks.filter(({ language }) => language === "sh")
    .map(({ line, text }) => `echo "== line ${line}"\n${text}`).join("");
}

/** What each block has printed, by its line. */
function outputs(said: string): Map<number, string[]> {
  const sections = said.split(/^== line (\d+)\n/m).slice(1);
  return new Map(
    Array.from(
      { length: sections.length / 2 },
      (_, i) => [Number(sections[2 * i]), sections[2 * i + 1].split("\n")],
    ),
  );
}

Deno.test("the tutorial's commands and programs do what it says, from the first to the last", async (t) => {
  const blocks = blocksOf(TUTORIAL);
  const home = await Deno.makeTempDir({ prefix: "valet tutorial " });
  const lab = `${home}/lab`;
  // The tutorial makes the folder itself
  const files = `${home}/files`;
  try {
    await Deno.symlink(ROOT, `${home}/valet`);
    await Deno.mkdir(files);
    const saved = blocks.filter(({ file }) => file !== undefined);
    for (const { file, text } of saved) await Deno.writeTextFile(`${files}/${file}`, text);
    const script = scriptOf(blocks).replace("cd ~/lab\n", "cd ~/lab\ncp ~/files/* .\n");
    assert.ok(script.includes("cp ~/files"));
    const { code, stdout } = await new Deno.Command("bash", {
      args: ["-c", `exec 2>&1\n${script}`],
      cwd: home,
      env: {
        HOME: home,
        PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}`,
        DENO_DIR: await denoDir(),
        VALET_SOCKET: `${home}/valet.sock`,
        VALET_BACKEND: "auto",
        XDG_CACHE_HOME: `${home}/cache`,
        NO_COLOR: "1",
      },
      stdin: "null",
      signal: AbortSignal.timeout(LONGEST_MS),
    }).output();
    const said = new TextDecoder().decode(stdout);
    assert.equal(code, 0, said);
    const printed = outputs(said);
    for (const [i, block] of blocks.entries()) {
      if (block.language !== "text") continue;
      const before = blocks[i - 1];
      assert.equal(before.language, "sh", `line ${block.line} follows no command`);
      await t.step(`line ${before.line} prints what line ${block.line} says`, () => {
        const lines = printed.get(before.line)!.map((line) => line.trim());
        for (const wanted of block.text.trimEnd().split("\n")) {
          const pattern = patternOf(wanted);
          const isPrinted = lines.some((line) => pattern.test(line));
          assert.ok(isPrinted, `"${wanted}" is not in\n${lines.join("\n")}`);
        }
      });
    }
    await t.step("its programs have no errors in types", async () => {
      // lab.ts imports the plotting library, whose types take long
      const scripts = saved.map(({ file }) => file!)
        .filter((file) => file.endsWith(".ts") && file !== "lab.ts");
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["check", "--quiet", ...scripts],
        cwd: lab,
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
    });
    await t.step("every block is run, or saved and used", () => {
      for (const { language, file, line } of blocks) {
        if (language === "sh" || language === "text") continue;
        assert.ok(file !== undefined && script.includes(file) || file === "next.c", `line ${line}`);
      }
    });
  } finally {
    await new Deno.Command(`${home}/.deno/bin/valet`, {
      args: ["daemon", "stop"],
      env: { VALET_SOCKET: `${home}/valet.sock` },
      stdout: "null",
      stderr: "null",
    }).output().catch(() => {});
    await Deno.remove(home, { recursive: true });
  }
});

/** Where Deno keeps what it has downloaded, so that another home needs no network. */
async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}
