/**
 * What the doctor finds, and how it is written down.
 *
 * Pure.
 *
 * @module
 */

/** "ok": as it should be; "note": works, but look at it; "lacking": something is missing. */
export type FindingState = "ok" | "note" | "lacking";

/** One thing that was looked at. */
export interface Finding {
  /** What it belongs to: "Rights". */
  readonly topic: string;
  /** What was looked at, for programs: "capabilities". */
  readonly name: string;
  /** How it stands. */
  readonly state: FindingState;
  /** What was found, a sentence without a period. */
  readonly text: string;
  /** What helps, where something does. */
  readonly mend?: string | undefined;
  /** The same as values that JSON has. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A finding whose topic is filled in by {@linkcode findings}. */
export type FindingOf = Omit<Finding, "topic">;

/** Findings of one topic. */
export function findings(topic: string, ...found: readonly FindingOf[]): Finding[] {
  return found.map((finding) => ({ topic, ...finding }));
}

const COLORS = { ok: "\x1b[32m", note: "\x1b[33m", lacking: "\x1b[31m" } as const;
const BOLD = "\x1b[1m", PLAIN = "\x1b[0m";

/** Where texts begin. */
const INDENT = 11;

/** The findings as lines, by topic. */
export function formatFindings(
  all: readonly Finding[],
  { width, color }: { width: number; color: boolean },
): string[] {
  const lines: string[] = [];
  let topic = "";
  for (const { topic: next, state, text, mend } of all) {
    if (next !== topic) {
      lines.push(...(topic === "" ? [] : [""]), color ? BOLD + next + PLAIN : next);
    }
    topic = next;
    const [first, ...rest] = wrap(text, width - INDENT);
    const mark = state.padEnd(INDENT - 3);
    lines.push(`  ${color ? COLORS[state] + mark + PLAIN : mark} ${first}`);
    lines.push(...rest.map((line) => " ".repeat(INDENT) + line));
    for (const line of (mend ?? "").split("\n").filter((line) => line !== "")) {
      const [begin, ...more] = wrap(line, width - INDENT - 2);
      lines.push(`${" ".repeat(INDENT)}> ${begin}`);
      lines.push(...more.map((part) => " ".repeat(INDENT + 2) + part));
    }
  }
  return lines;
}

/** A text in lines of at most `width` characters, broken at spaces. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** How many there are of each state. */
export function countStates(all: readonly Finding[]): Record<FindingState, number> {
  const counts = { ok: 0, note: 0, lacking: 0 };
  for (const { state } of all) counts[state]++;
  return counts;
}
