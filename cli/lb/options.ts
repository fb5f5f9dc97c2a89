/**
 * What the options of `lb` say, checked.
 *
 * Pure.
 *
 * @module
 */

import { parsePortName } from "../../mod.ts";
import { UsageError } from "../context.ts";
import { type GivenOption, wholeNumber } from "../getopt.ts";

/** A group of pipes: each packet goes to one of them. */
export interface GroupOptions {
  /** Port that the pipes belong to by their names; undefined: the one whose packets are spread. */
  readonly prefix: string | undefined;
  /** How many. */
  readonly pipes: number;
}

/** What the command line says. */
export interface LbOptions {
  /** Name of the port whose packets are spread. */
  readonly port: string;
  /** The groups, each getting what the one before has released. */
  readonly groups: readonly GroupOptions[];
  /** Extra buffers for overflow queues. */
  readonly extraBuffers: number;
  /** Slots that are received before the port is synced. */
  readonly batch: number;
  /** Seconds to wait for the link. */
  readonly waitSeconds: number;
  /** Look for packets again and again instead of sleeping. */
  readonly busyWait: boolean;
  /** Seconds between statistics to syslog; 0: none. */
  readonly syslogSeconds: number;
  /** Seconds between statistics on stdout; 0: none. */
  readonly stdoutSeconds: number;
}

const PIPES = 2, BATCH = 2048, WAIT_SECONDS = 2;
const MOST = 2 ** 31 - 1;

/** Most pipes of all groups, so that a pipe's number fits where netmap puts it. */
const MOST_PIPES = 65535;

/**
 * Checks the options and fills in what was not given.
 *
 * @throws {UsageError} if they make no sense
 * @throws {SyntaxError} if the port's name is none
 */
export function readLbOptions(given: readonly GivenOption[]): LbOptions {
  const last = (letter: string): string | undefined =>
    given.findLast((option) => option.letter === letter)?.value;
  const number = (letter: string, fallback: number, min = 0): number =>
    wholeNumber(letter, last(letter), fallback, min, MOST);
  const name = last("i");
  if (name === undefined || name === "") {
    throw new UsageError('missing interface name\nHint: -i names a port: "-i vale0:in"');
  }
  const port = /^(netmap:|vale)/.test(name) ? name : `netmap:${name}`;
  parsePortName(port); // throws if it is none
  const groups = given.filter(({ letter }) => letter === "p").map(({ value }) => readGroup(value));
  if (groups.length === 0) groups.push({ prefix: undefined, pipes: PIPES });
  const pipes = groups.reduce((sum, group) => sum + group.pipes, 0);
  if (pipes > MOST_PIPES) throw new UsageError(`-p: ${pipes} pipes are more than ${MOST_PIPES}`);
  return {
    port,
    groups,
    extraBuffers: number("B", 0),
    batch: number("b", BATCH, 1),
    waitSeconds: number("w", WAIT_SECONDS),
    busyWait: last("W") !== undefined,
    syslogSeconds: number("s", 0),
    stdoutSeconds: number("o", 0),
  };
}

/** "[prefix:]npipes" */
function readGroup(text: string): GroupOptions {
  const colon = text.lastIndexOf(":");
  const prefix = colon < 0 ? undefined : text.slice(0, colon), count = text.slice(colon + 1);
  if (prefix === "") throw new UsageError(`-p: missing prefix before ':' in '${text}'`);
  const pipes = count === "" ? PIPES : /^\d{1,9}$/.test(count) ? Number(count) : 0;
  if (pipes < 1) {
    throw new UsageError(
      `-p: invalid number of pipes '${count}' (must be at least 1)\n` +
        'Hint: "-p 4", or "-p other:4" with another name for the pipes',
    );
  }
  return { prefix, pipes };
}
