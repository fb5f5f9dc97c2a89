/** Counts the instructions that a packet takes: a figure that other work on the machine does not change. */

import { join } from "node:path";
import type { Built } from "./build.ts";
import { countParts, type Part, PARTS } from "./parts.ts";
import type { Row } from "./row.ts";
import { significant } from "./statistics.ts";

/** Instructions of a row. */
export interface Count {
  /** The row. */
  name: string;
  /** Per packet, of valet and of the loop that sends and receives. */
  instructions: number;
  /** The same by what they are for. */
  parts: Record<Part, number>;
}

/** Rounds that are counted: each does the same, but the last batch of a ring that wraps. */
const ROUNDS = 8;

/** What a row runs in one thread of bench/c; undefined for the others, which cannot be counted so. */
function nativeOf(row: Row): string | undefined {
  if (!("program" in row)) return undefined;
  const { program } = row;
  return "native" in program && program.threads === undefined ? program.native : undefined;
}

/** Whether valgrind is there to count. */
export function canCount(): boolean {
  try {
    return new Deno.Command("valgrind", { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

/** Those of the rows that can be counted. */
export function countable(rows: readonly Row[]): readonly Row[] {
  return rows.filter((row) => nativeOf(row) !== undefined);
}

/**
 * Counts what a row does in a few rounds, without what opening it takes.
 *
 * @throws {Error} if it cannot be run, with what valgrind says
 */
export function countInstructions(row: Row, built: Built): Count {
  const folder = Deno.makeTempDirSync({ prefix: "valet-bench-" });
  try {
    const file = join(folder, "callgrind.out");
    const { success, stdout, stderr } = new Deno.Command("valgrind", {
      args: [
        "--tool=callgrind",
        `--callgrind-out-file=${file}`,
        "--toggle-collect=bench_rounds",
        built.program,
        "rounds",
        nativeOf(row) ?? row.name,
        `${ROUNDS}`,
      ],
      stdin: "null",
    }).outputSync();
    const text = new TextDecoder();
    const profile = success ? Deno.readTextFileSync(file) : "";
    const total = /^totals: (\d+)/m.exec(profile), packets = Number(text.decode(stdout));
    if (!total || !(packets > 0)) {
      throw new Error(`Cannot count the instructions of "${row.name}":\n${text.decode(stderr)}`);
    }
    const all = countParts(profile);
    const parts = Object.fromEntries(
      PARTS.map((part) => [part, significant(all[part] / packets, 4)]),
    ) as Count["parts"];
    return { name: row.name, instructions: significant(Number(total[1]) / packets, 4), parts };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
