/**
 * Loads hooks that were turned into eBPF, and says which line the verifier refuses.
 *
 * @module
 */

import { BpfLoadError, type BpfMap, BpfProgram } from "./bpf.ts";
import type { EbpfCode } from "./ebpf.ts";
import { INSTRUCTION_BYTES } from "./ebpf_assembler.ts";
import { atPlace, excerpt } from "./errors.ts";
import { type FilePosition, placeInFile } from "./source_place.ts";

/**
 * The kernel's verifier refused a hook: most often because it has too many ways through it.
 *
 * @example
 * ```ts
 * import { HookVerifierError } from "@valet/valet/hook";
 *
 * const explain = (error: unknown): string =>
 *   error instanceof HookVerifierError ? `line ${error.line}: ${error.words}\n${error.log}` : "";
 * console.log(explain(undefined));
 * ```
 */
export class HookVerifierError extends Error {
  /** "HookVerifierError". */
  override readonly name = "HookVerifierError";
  /** Name of the error, "EACCES", "EINVAL", "E2BIG". */
  readonly code: string;
  /** What the verifier says, in its own words. */
  readonly words: string;
  /** All that it wrote: the way through the program that it refused. */
  readonly log: string;
  /** Where that is in the function's file; undefined if it was not found there. */
  readonly place: FilePosition | undefined;
  /** Line of the hook's text that it was at; undefined if it does not say. */
  readonly line: number | undefined;
  /** Column in it. */
  readonly column: number | undefined;

  /** Made by `loadEbpf()`. */
  constructor(
    code: EbpfCode,
    error: BpfLoadError,
    words: string,
    files: readonly string[] = [],
  ) {
    const position = code.positions[lastInstruction(error.log) ?? -1];
    const inFile = position && placeInFile(code.source, position, files);
    const place = position && ` (line ${position.line}, column ${position.column})`;
    super(
      `Cannot load the hook "${code.name}" into the kernel: its verifier says "${words}"${
        place ?? ""
      }` + (position ? `\n${excerpt(code.source, position)}` : "") +
        (inFile ? `\n${atPlace(inFile).trimEnd()}` : "") + hint(words),
      { cause: error },
    );
    this.code = error.code;
    this.words = words;
    this.log = error.log;
    this.place = inFile;
    this.line = position?.line;
    this.column = position?.column;
  }
}

function hint(words: string): string {
  return /too large|too complex|too many (states|jumps)|jump sequence/i.test(words)
    ? "\nHint: It follows every way through the hook and each turn of its loops: give loops smaller " +
      "bounds, or use fewer of the fields that packets are searched for"
    : "";
}

/** Number of the last instruction that the log shows. */
function lastInstruction(log: string): number | undefined {
  const numbers = log.matchAll(/^(\d+): \(/gm);
  let last: number | undefined;
  for (const [, number] of numbers) last = Number(number);
  return last;
}

/**
 * Loads a program of type XDP.
 *
 * @param maps for the tables of the program, in their order; the program keeps them
 * @param files where the function may stand, for errors
 * @throws {HookVerifierError} if the verifier refuses it
 * @throws {NetmapError} EPERM and others if programs cannot be loaded at all
 */
export function loadEbpf(
  code: EbpfCode,
  maps: readonly BpfMap[] = [],
  files: readonly string[] = [],
): BpfProgram {
  const instructions = code.instructions.slice();
  const view = new DataView(instructions.buffer);
  for (const { instruction, table } of code.maps) {
    view.setInt32(instruction * INSTRUCTION_BYTES + 4, maps[table].fd, true);
  }
  try {
    return BpfProgram.load(instructions, { name: code.name });
  } catch (error) {
    if (error instanceof BpfLoadError && error.words !== undefined) {
      throw new HookVerifierError(code, error, error.words, files);
    }
    throw error;
  }
}
