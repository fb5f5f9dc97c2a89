/** What a packet's instructions are for: callgrind's counts by function, added up to parts of its way. */

/** The parts, in a packet's order. */
export const PARTS = ["gather", "look-up", "deliver", "pipe", "else", "benchmark"] as const;

/** One of them. */
export type Part = typeof PARTS[number];

/** What stands for a part in a chart of text. */
const LETTERS: Readonly<Record<Part, string>> = {
  "gather": "g",
  "look-up": "l",
  "deliver": "d",
  "pipe": "p",
  "else": "e",
  "benchmark": "b",
};

/** Functions of the library by how their names begin; others are `else`. */
const FUNCTIONS: Readonly<Record<string, Part>> = {
  gather: "gather",
  add_packet: "gather",
  table_: "look-up",
  decide: "look-up",
  look_up: "look-up",
  learn: "look-up",
  fill_: "deliver",
  deliver: "deliver",
  lease_: "deliver",
  flood: "deliver",
  pipe_: "pipe",
  pass_: "pipe",
};

/** A lookup of the benchmark is a part of a packet's way; its other functions send and receive. */
function partOf(object: string, name: string): Part {
  if (object.endsWith("/bench/bench")) return name.endsWith("_rule") ? "look-up" : "benchmark";
  const prefix = Object.keys(FUNCTIONS).find((prefix) => name.startsWith(prefix));
  return prefix === undefined ? "else" : FUNCTIONS[prefix];
}

/** Names are written once, with a number, and then that number stands for them. */
class Names {
  readonly #names = new Map<string, string>();

  read(text: string): string {
    const [, number, name] = /^(\(\d+\))(?: (.*))?$/.exec(text) ?? [];
    if (number === undefined) return text;
    if (name !== undefined) this.#names.set(number, name);
    return this.#names.get(number) ?? number;
  }
}

/**
 * Instructions by part.
 *
 * @param profile what callgrind has written: https://valgrind.org/docs/manual/cl-format.html
 */
export function countParts(profile: string): Record<Part, number> {
  const counts = Object.fromEntries(PARTS.map((part) => [part, 0])) as Record<Part, number>;
  const objects = new Names(), functions = new Names();
  let object = "", part: Part = "else", isCall = false;
  for (const line of profile.split("\n")) {
    const [, key, value] = /^(ob|cob|fn|cfn|calls)=(.*)$/.exec(line) ?? [];
    if (key === "ob") object = objects.read(value);
    else if (key === "cob") objects.read(value);
    else if (key === "fn") part = partOf(object, functions.read(value));
    else if (key === "cfn") functions.read(value);
    else if (key === "calls") isCall = true; // the line behind it is the called function's
    else if (/^[+\-*\d]/.test(line)) {
      if (!isCall) counts[part] += Number(line.split(" ")[1] ?? 0);
      isCall = false;
    }
  }
  return counts;
}

/** What is counted of a row. */
interface Counted {
  name: string;
  instructions: number;
  parts: Readonly<Record<Part, number>>;
}

/** Letters of the longest line. */
const LETTERS_MAX = 70;

/** A chart of text: a line of letters for each row, and what they mean. */
export function partsText(counts: readonly Counted[]): string {
  const most = Math.max(...counts.map(({ instructions }) => instructions));
  const step = Math.max(1, Math.ceil(most / LETTERS_MAX));
  const lines = counts.map(({ name, instructions, parts }) => {
    let to = 0, drawn = "";
    for (const part of PARTS) {
      to += parts[part];
      // What is rounded is where a part ends, so that the whole line is right too
      drawn += LETTERS[part].repeat(Math.max(0, Math.round(to / step) - drawn.length));
    }
    return `${name.padEnd(28)}${drawn} ${Math.round(instructions)}`;
  });
  const meaning = PARTS.map((part) => `${LETTERS[part]} ${part}`).join(", ");
  return [...lines, `Each letter is ${step} instruction${step > 1 ? "s" : ""} a packet: ${meaning}`]
    .join("\n");
}
