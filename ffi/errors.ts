/**
 * The one error of a failing netmap operation, and the one place that makes it from a return value.
 *
 * @module
 */

import { errorName, errorNumber, errorText } from "./errno.ts";
import { hintFor } from "./hints.ts";

/** Operations whose name is not what stands in "Cannot <phrase> <port>". */
const PHRASES: Readonly<Record<string, string>> = {
  send: "send on",
  receive: "receive from",
  wait: "wait on",
  advance: "advance a ring of",
  lookup: "set the lookup of",
  counters: "read the counters of",
};

/** What is known about a call besides its result. */
export interface ErrorContext {
  /** Port, bridge or interface that the call was about. */
  port?: string | undefined;
  /** Backend that answered: "kernel", "daemon", "embedded". */
  backend?: string | undefined;
  /** What to do about it; when absent, one is looked for. */
  hint?: string | undefined;
  /** Facts for the hint, such as how many buffers a port needs. */
  need?: string | undefined;
  /** What the error came from. */
  cause?: unknown;
}

/**
 * A netmap operation failed.
 *
 * `message` is made for people: what could not be done, why, and in a second line what helps.
 * Programs look at `code`.
 *
 * @example
 * ```ts
 * import { NetmapError } from "@valet/valet";
 * import assert from "node:assert/strict";
 *
 * const error = new NetmapError("open", "EBUSY", { port: "vale0:a" });
 * assert.equal(error.code, "EBUSY");
 * assert.equal(error.errno, 16);
 * assert.match(error.message, /^Cannot open "vale0:a": Device or resource busy \(EBUSY\)/);
 * ```
 */
export class NetmapError extends Error {
  /** "NetmapError". */
  override readonly name = "NetmapError";
  /** Name of the error: "EBUSY"; see errno(3). */
  readonly code: string;
  /** Its number on Linux: 16. */
  readonly errno: number;
  /**
   * What was tried: "open", "close", "send", "receive", "poll", "wait", "attach", "detach", "create",
   * "remove", "list", "describe", "read" or "change" a bridge, "lookup", "counters" ...
   */
  readonly operation: string;
  /** Port, bridge or interface that it was tried on. */
  readonly port: string | undefined;
  /** What helps, in a sentence or two. */
  readonly hint: string | undefined;

  /**
   * Made where a call fails; also for programs that report failures of their own.
   *
   * @param operation what was tried
   * @param code name of the error, "EBUSY"
   * @param context what else is known
   */
  constructor(operation: string, code: string, context: ErrorContext = {}) {
    const errno = errorNumber(code);
    const { port, cause } = context;
    const hint = context.hint ?? hintFor(operation, code, context);
    const phrase = PHRASES[operation] ?? operation;
    const what = port === undefined ? operation : `${phrase} ${JSON.stringify(port)}`;
    super(
      `Cannot ${what}: ${errorText(errno)} (${code})` +
        (hint === undefined ? "" : `\nHint: ${hint}`),
      cause === undefined ? undefined : { cause },
    );
    this.code = code;
    this.errno = errno;
    this.operation = operation;
    this.port = port;
    this.hint = hint;
  }
}

/**
 * Passes on the result of a C function, or throws what a negative one stands for.
 *
 * @param result 0, a count or a handle; a negative error number
 * @param operation a verb for the message
 * @param context what else is known
 * @throws {NetmapError} if the result is negative
 */
export function check(result: number, operation: string, context?: ErrorContext): number {
  if (result < 0) throw new NetmapError(operation, codeOf(result), context);
  return result;
}

/** Name of the error that a negative result stands for; "EIO" for numbers that Linux does not have. */
export function codeOf(result: number): string {
  const name = errorName(-result);
  return /^E\d+$/.test(name) ? "EIO" : name;
}

/** What each call on something closed throws. */
export function closedError(operation: string, port: string, what = "port"): NetmapError {
  return new NetmapError(operation, "EBADF", { port, hint: `The ${what} was closed` });
}

/** How a wrong value is shown in messages: strings quoted, objects by their class. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) {
    const kind = value.constructor?.name;
    return kind === undefined ? "an object" : `an object (${kind})`;
  }
  return String(value) + (typeof value === "bigint" ? "n" : "");
}

/**
 * Checks a whole number that a caller gave.
 *
 * @throws {TypeError} if it is no number
 * @throws {RangeError} if it is not whole, or out of range
 */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot use ${show(value)} as ${name}: expected a number`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(
      `Cannot use ${value} as ${name}: expected a whole number from ${min} to ${max}`,
    );
  }
  return value;
}
