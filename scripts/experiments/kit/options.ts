/**
 * The command line that all experiments have.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { BackendName } from "../../../mod.ts";
import { whyNoGuests } from "./virtual_machine.ts";

/** What was asked for. */
export interface Options {
  readonly help: boolean;
  readonly json: boolean;
  readonly quick: boolean;
  /** Milliseconds of one repetition of a measurement. */
  readonly lengthMs: number;
  readonly backend: BackendName | "auto" | "all";
  /** Folder for JSON and plots. */
  readonly out: string;
  /** Names of experiments, or how they begin; empty: all. */
  readonly only: readonly string[];
  /** Folder with the kernel of a virtual machine, for experiments that can use a real one. */
  readonly guest?: string | undefined;
}

/** Where results go unless told otherwise. */
const OUT = "out/experiments";

/** The options, for `--help`. */
export const OPTIONS = `  --quick          some seconds (default)
  --full           minutes, more points, more exact
  --ms N           milliseconds of one repetition; default: 30, with --full 200
  --backend NAME   embedded, daemon, kernel; auto: the kernel if it is there, else a daemon if one runs,
                   else embedded; all: each that this machine has, and a daemon of its own
  --out DIR        folder for the JSON file and the plots; default: ${OUT}
  --guest ROOT     where an experiment has a virtual machine (passthrough), also boot a real one: QEMU with the
                   kernel of a folder that has boot/ and lib/modules/, such as /
  --json           print the JSON object instead of text
`;

const BACKENDS = ["auto", "all", "embedded", "daemon", "kernel"] as const;

/**
 * Reads it.
 *
 * @param backend what is used unless told otherwise
 * @param isAll whether `--only` is an option
 * @throws {TypeError} if there is something else
 */
export function readOptions(
  args: readonly string[],
  backend: Options["backend"] = "auto",
  isAll = false,
): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", short: "h", default: false },
      json: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      full: { type: "boolean", default: false },
      ms: { type: "string" },
      backend: { type: "string", default: backend },
      out: { type: "string", default: OUT },
      guest: { type: "string" },
      only: { type: "string", multiple: true, default: [] },
    },
  });
  if (values.quick && values.full) throw new TypeError("Cannot be both --quick and --full");
  const chosen = BACKENDS.find((name) => name === values.backend);
  if (chosen === undefined) {
    throw new TypeError(
      `Cannot use "${values.backend}" as --backend: it is ${BACKENDS.join(", ")}`,
    );
  }
  const { help, json, full, out, only, guest } = values;
  const lengthMs = Number(values.ms ?? (full ? 200 : 30));
  if (!(lengthMs > 0 && lengthMs <= 60_000)) {
    throw new TypeError(`Cannot use "${values.ms}" as --ms: it is more than 0, up to 60000`);
  }
  if (only.length > 0 && !isAll) throw new TypeError("Cannot use --only: this is one experiment");
  return { help, json, quick: !full, lengthMs, backend: chosen, out, only, guest };
}

/**
 * Looks whether this machine has what was asked for.
 *
 * @throws {TypeError} if there can be no guest
 */
export function checked(options: Options): Options {
  const why = options.guest === undefined ? undefined : whyNoGuests(options.guest);
  if (why !== undefined) throw new TypeError(`Cannot boot a guest: ${why}`);
  return options;
}
