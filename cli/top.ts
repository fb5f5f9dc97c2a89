/**
 * `valet top`: how fast ports send, receive and lose, live.
 *
 * @module
 */

import type { Netmap } from "../mod.ts";
import { plural } from "./columns.ts";
import { type Context, UsageError } from "./context.ts";
import { openNetmap } from "./open.ts";
import { noPorts, widthOf, writeLines } from "./ports.ts";
import {
  type PortSample,
  portsOf,
  type Sample,
  samplePairs,
  samplingOptions,
  takeSample,
} from "./sample.ts";
import { Screen } from "./screen.ts";
import { isWanted, rateLine } from "./stats.ts";
import type { CommandSpec, OptionValues } from "./table.ts";
import { renderTop, SORT_KEYS, type SortKey, topLines, type TopState } from "./top/picture.ts";

/** `valet top` */
export const topCommand: CommandSpec = {
  name: "top",
  description: "Show live how fast ports send, receive and lose\n\n" +
    "Keys: n t r d sort by name, sent, received and dropped, R the other way round, space stops " +
    "the picture, + and - change the interval, q ends it. Without a terminal it prints a table " +
    "each interval. The kernel counts nothing.",
  arguments: "[port...:string]",
  options: [
    {
      flags: "--interval <seconds:number>",
      description: "Seconds between two pictures",
      default: 1,
    },
    {
      flags: "--sort <column:string>",
      description: `${SORT_KEYS.join(", ")}: the largest first`,
      default: "name",
    },
    { flags: "-c, --count <pictures:integer>", description: "End after so many" },
    { flags: "--once", description: "One table, of one interval: the same as --count 1" },
    { flags: "--json", description: "Print JSON, a line each interval" },
  ],
  examples: [
    ["All ports", "valet top"],
    ["Who of a bridge loses most", "valet top --sort dropped vale0"],
    ["For a program", "valet top --once --json"],
  ],
  action: async (options, args, context) => {
    const { intervalMs, sort, count } = topOptions(options);
    using netmap = await openNetmap(context, { start: false });
    if (netmap.backend === "embedded" && netmap.ports().length === 0 && !options.json) {
      context.stderr.write(noPorts(netmap));
      return;
    }
    const wanted = ({ name }: PortSample): boolean => isWanted(name, args);
    const isLive = context.stdout.isTerminal && !options.json && count === Infinity;
    if (isLive) await live(netmap, wanted, intervalMs, sort, context);
    else await print(netmap, wanted, intervalMs, sort, count, Boolean(options.json), context);
  },
};

function topOptions(options: OptionValues): { intervalMs: number; sort: SortKey; count: number } {
  const { intervalMs, count } = samplingOptions(options);
  const { sort, once } = options;
  const key = SORT_KEYS.find((name) => name === sort);
  if (key === undefined) {
    throw new UsageError(`Cannot sort by "${sort}": expected ${SORT_KEYS.join(", ")}`);
  }
  return { intervalMs, sort: key, count: once ? 1 : count };
}

/** Tables one after the other, or lines of JSON. */
async function print(
  netmap: Netmap,
  wanted: (port: PortSample) => boolean,
  intervalMs: number,
  sort: SortKey,
  count: number,
  isJson: boolean,
  { stdout, signal }: Context,
): Promise<void> {
  let shown = 0;
  for await (const { before, now } of samplePairs(netmap, () => intervalMs, signal)) {
    if (isJson) {
      const ports = [...portsOf(now).values()].filter(wanted);
      stdout.write(`${JSON.stringify(rateLine(before, now, ports))}\n`);
    } else {
      const state: TopState = { before, now, wanted, sort, reversed: false };
      const { lines, ports } = topLines(state, widthOf(stdout).width);
      const time = new Date().toTimeString().slice(0, 8);
      writeLines(stdout, [`${time}  ${plural(ports, "port")}`, ...lines.map(({ text }) => text)]);
    }
    if (++shown === count) return;
  }
}

/** The live picture, until q or Ctrl-C. */
async function live(
  netmap: Netmap,
  wanted: (port: PortSample) => boolean,
  startMs: number,
  startSort: SortKey,
  { stdout, signal }: Context,
): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  let before: Sample | undefined, now = takeSample(netmap);
  let sort = startSort, reversed = false, stopped = false, intervalMs = startMs;
  using keys = readKeys((key) => {
    if (key === "q") end();
    else if (key === " ") stopped = !stopped;
    else if (key === "R") reversed = !reversed;
    else if (key === "+") intervalMs = Math.min(intervalMs * 2, 60_000);
    else if (key === "-") intervalMs = Math.max(intervalMs / 2, 125);
    else sort = SORT_KEYS.find((name) => KEYS[name] === key) ?? sort;
    screen.draw();
  });
  using screen = new Screen(stdout, (size) =>
    renderTop(
      { before, now, wanted, sort, reversed },
      { stopped, intervalMs, hasKeys: keys.isReading, timeMs: Date.now() },
      size,
      stdout.color,
    ));
  try {
    for await (const pair of samplePairs(netmap, () => intervalMs, ended.signal, now)) {
      if (stopped) continue;
      ({ before, now } = pair);
      screen.draw();
    }
  } finally {
    signal.removeEventListener("abort", end);
  }
}

/** The key that sorts by a column. */
const KEYS: Readonly<Record<SortKey, string>> = {
  name: "n",
  sent: "t",
  received: "r",
  dropped: "d",
};

/** Reads keys as they are pressed, if there is a keyboard. Ctrl-C stays a signal. */
function readKeys(pressed: (key: string) => void): Disposable & { readonly isReading: boolean } {
  const { stdin } = Deno;
  if (!stdin.isTerminal()) return { isReading: false, [Symbol.dispose]: () => {} };
  stdin.setRaw(true, { cbreak: true });
  const read = async (): Promise<void> => {
    const bytes = new Uint8Array(16);
    for (let length; (length = await stdin.read(bytes)) !== null;) {
      for (const key of new TextDecoder().decode(bytes.subarray(0, length))) pressed(key);
    }
  };
  read().catch(() => {}); // the terminal has gone: so do keys
  return { isReading: true, [Symbol.dispose]: () => stdin.setRaw(false) };
}
