import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runProgram } from "../../cli/commander.ts";
import { parseArguments, parseFlags } from "../../cli/notation.ts";
import { findCommand, loadAll, program } from "../../cli/program.ts";
import type { CommandSpec } from "../../cli/table.ts";
import { helpText } from "../../cli/usage.ts";
import { frontTable } from "./front_table.ts";
import { MemoryContext } from "./memory_context.ts";
import { type Outcome, runCommand } from "./valet_process.ts";

const CLIFFY_FILE = new URL("../../.links/cliffy/command/mod.ts", import.meta.url);
const hasCliffy = existsSync(CLIFFY_FILE);
const SKIPPED = hasCliffy ? "" : " (skipped: there is no checkout of Cliffy in .links/cliffy)";

/** What both front ends make of a command line: what the action gets, the status. */
const LINES: Record<string, { options?: unknown; args?: string[]; status?: number }> = {
  "options": { options: { check: true, rate: 1.5 } },
  "options -s --no-check": { options: { switch: true, check: false, rate: 1.5 } },
  "options --rate 2.5e3 --idle-ms=20": { options: { check: true, rate: 2500, idleMs: 20 } },
  "options -r3 --log a.txt": { options: { check: true, rate: 3, log: "a.txt" } },
  "options --color": { options: { check: true, rate: 1.5, color: true } },
  "options --color never": { options: { check: true, rate: 1.5, color: "never" } },
  "options -e a --each b": { options: { check: true, rate: 1.5, each: ["a", "b"] } },
  "options --secret": { options: { check: true, rate: 1.5, secret: true } },
  "options --rate x": { status: 2 },
  "options --idle-ms 1.5": { status: 2 },
  "options --rat 1": { status: 2 },
  "options extra": { status: 2 },
  "arguments vale0 -n 1": { options: { need: 1 }, args: ["vale0"] },
  "arguments -n 1 vale0 a b": { options: { need: 1 }, args: ["vale0", "a", "b"] },
  "arguments -n 1 vale0 seven": { options: { need: 1 }, args: ["vale0", "seven"], status: 7 },
  "arguments vale0": { status: 2 },
  "arguments -n 1": { status: 2 },
  "run ls -v --help": { options: {}, args: ["ls", "-v", "--help"] },
  "run -v ls -v": { options: { verbose: true }, args: ["ls", "-v"] },
  "run -- ls -v": { options: {}, args: ["ls", "-v"] },
  "run": { options: {}, args: [] },
  "group first a.txt": { options: {}, args: ["a.txt"] },
  "group second": { options: {}, args: [] },
  "group": { status: 2 },
  "group thrid": { status: 2 },
  "nosuch": { status: 2 },
  "": { status: 2 },
  "fail --how usage": { status: 2 },
  "fail --how value": { status: 2 },
  "fail": { status: 1 },
};

async function commander(line: string, table: CommandSpec = frontTable): Promise<Outcome> {
  const context = new MemoryContext();
  const status = await runProgram(table, line === "" ? [] : line.split(" "), context);
  return { status, out: context.stdout.text, err: context.stderr.text };
}

function cliffy(line: string): Promise<Outcome> {
  const fixture = fileURLToPath(new URL("./cliffy_fixture.ts", import.meta.url));
  const args = ["run", "--quiet", "--no-prompt", "-A", fixture];
  return runCommand(Deno.execPath(), line === "" ? args : [...args, ...line.split(" ")]);
}

function assertOutcome(line: string, { status, out, err }: Outcome): void {
  const expected = LINES[line];
  const text = `valet ${line}\n${out}${err}`;
  assert.equal(status, expected.status ?? 0, text);
  if (expected.options === undefined) {
    assert.equal(out, "", text);
    assert.match(err, line === "" || line === "group" ? /^\s*Usage:/ : /^valet: \S/, text);
    assert.match(err, line === "fail" ? /^Hint: Make one$/m : /^\s*(Usage|Hint):/m, text);
  } else {
    assert.deepEqual(JSON.parse(out), {
      program: "valet",
      options: expected.options,
      args: expected.args ?? [],
    }, text);
    assert.equal(err, "", text);
  }
}

for (const line of Object.keys(LINES)) {
  Deno.test(`commander: "valet ${line}" is read as the table says`, async () => {
    assertOutcome(line, await commander(line));
  });
}

Deno.test({
  name: `Cliffy: all command lines are read as on commander${SKIPPED}`,
  ignore: !hasCliffy,
  fn: async (t) => {
    for (const line of Object.keys(LINES)) {
      await t.step(`valet ${line}`, async () => assertOutcome(line, await cliffy(line)));
    }
    await t.step("getopt programs get their arguments untouched", async () => {
      const { out } = await cliffy("getopt -h vale0:a -v --x");
      assert.deepEqual(JSON.parse(out).args, ["-h", "vale0:a", "-v", "--x"]);
      assert.equal(JSON.parse(out).program, "getopt");
    });
  },
});

/** Help of the program and of each of its commands. */
function helpLines(table: CommandSpec): string[] {
  const of = (spec: CommandSpec): string[] =>
    (spec.commands ?? []).flatMap((below) => [
      `help ${below.name}`,
      ...("load" in below || below.commands === undefined
        ? []
        : below.commands.map((entry) => `${below.name} ${entry.name} --help`)),
    ]);
  return ["--help", ...of(table)];
}

Deno.test("commander: help of every kind of command", async (t) => {
  for (const line of helpLines(frontTable)) {
    const { status, out, err } = await commander(line);
    assert.equal(status, 0, err);
    assert.equal(err, "");
    await t.assertSnapshot(out, { name: `commander: ${line}` });
  }
});

Deno.test({
  name: `Cliffy: help of every kind of command${SKIPPED}`,
  ignore: !hasCliffy,
  fn: async (t) => {
    for (const line of ["--help", "options -h", "options --help", "arguments -h", "group -h"]) {
      const { status, out, err } = await cliffy(line);
      assert.equal(status, 0, err);
      assert.equal(err, "");
      await t.assertSnapshot(out, { name: `Cliffy: ${line}` });
    }
  },
});

Deno.test({
  name: `Cliffy: completions for bash, fish and zsh know the table${SKIPPED}`,
  ignore: !hasCliffy,
  fn: async (t) => {
    for (const shell of ["bash", "fish", "zsh"]) {
      await t.step(shell, async () => {
        const { status, out } = await cliffy(`completions ${shell}`);
        assert.equal(status, 0);
        for (const word of ["options", "idle-ms", "group", "first"]) {
          assert.ok(out.includes(word), `${word} is missing`);
        }
      });
    }
    await t.step("bash accepts its script, and completes a command", async () => {
      const { out } = await cliffy("completions bash");
      const shell = `${out}\nCOMP_WORDS=(valet opt); COMP_CWORD=1; COMP_LINE="valet opt"
COMP_POINT=9; COMP_TYPE=9; _valet; echo "\${COMPREPLY[*]}"`;
      const { status, out: reply, err } = await runCommand("bash", ["-c", shell]);
      assert.equal(status, 0, err);
      assert.equal(reply.trim(), "options");
    });
  },
});

Deno.test("getopt programs: help made from the table", async (t) => {
  const spec = findCommand(frontTable.commands, "getopt") as CommandSpec;
  await t.assertSnapshot(helpText(spec));
});

Deno.test("valet: help of the program on commander", async (t) => {
  await t.assertSnapshot((await commander("--help", program)).out);
});

Deno.test("valet: help of every command on commander", async (t) => {
  const table = await loadAll(program);
  for (const line of helpLines(table)) {
    const { status, out, err } = await commander(line, table);
    assert.equal(status, 0, `${line}: ${err}`);
    await t.assertSnapshot(out, { name: line });
  }
});

Deno.test("valet: commands have the names and descriptions of their rows", async () => {
  for (const entry of program.commands ?? []) {
    const spec = await loadAll(entry);
    assert.equal(spec.name, entry.name);
    assert.equal(spec.description.split("\n")[0], entry.description);
    assert.equal(spec.getopt ?? false, entry.getopt ?? false);
  }
});

Deno.test("valet: every option and argument can be read, and no two have one name", async () => {
  const check = (spec: CommandSpec): void => {
    const flags = (spec.options ?? []).map(parseFlags);
    const names = flags.flatMap(({ short, long }) => [short, long]).filter((it) =>
      it !== undefined
    );
    assert.equal(new Set(names).size, names.length, `${spec.name}: ${names}`);
    if (!spec.getopt) {
      assert.ok(!names.includes("h"), `${spec.name}: -h is for help`);
      assert.ok(flags.every(({ long }) => long !== undefined), `${spec.name}: a letter only`);
    }
    parseArguments(spec.arguments);
    for (const below of spec.commands ?? []) check(below as CommandSpec);
  };
  check(await loadAll(program));
});

Deno.test("valet --version is the version of deno.json", async () => {
  const { version } = JSON.parse(
    Deno.readTextFileSync(new URL("../../deno.json", import.meta.url)),
  );
  assert.equal((await commander("--version", program)).out, `${version}\n`);
});

Deno.test({
  name: `Cliffy: valet's own commands are mounted${SKIPPED}`,
  ignore: !hasCliffy,
  fn: async (t) => {
    const front = fileURLToPath(new URL("../../cli/cliffy.ts", import.meta.url));
    const run = (line: string): Promise<Outcome> =>
      runCommand(Deno.execPath(), ["run", "-q", "--no-prompt", "-A", front, ...line.split(" ")]);
    await t.step("help", async () => {
      const { status, out } = await run("--help");
      assert.equal(status, 0);
      for (const { name } of program.commands ?? []) {
        assert.match(out, new RegExp(`^  ${name} `, "m"));
      }
      await t.assertSnapshot(out);
    });
    await t.step("an error", async () => {
      const { status, err } = await run("prots");
      assert.equal(status, 2);
      assert.match(err, /^valet: Unknown command "prots". Did you mean command "ports"\?\n/);
    });
    await t.step("completions", async () => {
      const { status, out, err } = await run("completions bash");
      assert.equal(status, 0, err);
      for (const { name } of program.commands ?? []) assert.ok(out.includes(name), name);
    });
  },
});
