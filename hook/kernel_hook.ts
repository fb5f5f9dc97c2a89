/**
 * Compiled hooks in the kernel.
 *
 * @module
 */

import type { LookupTable } from "../ffi/lookup_table.ts";
import type { BpfProgram } from "./bpf.ts";
import { toEbpf } from "./ebpf.ts";
import { loadEbpf } from "./ebpf_load.ts";
import { RingError } from "./ebpf_result.ts";
import { StackError } from "./ebpf_storage.ts";
import { HookBuildError } from "./errors.ts";
import type { HookProgram } from "./ir.ts";
import { KernelTable } from "./table_kernel.ts";

/**
 * Turns a hook into eBPF and loads it, as an XDP program. Its tables move into BPF maps, which the script and
 * the program share from then on.
 *
 * @param tables of the program, in their order
 * @param files where the function may stand, for errors
 * @throws {HookVerifierError} if the kernel's verifier refuses it
 * @throws {HookBuildError} if it is too large for an eBPF program
 * @throws {NetmapError} EPERM and others if eBPF cannot be used
 */
export function loadKernelHook(
  program: HookProgram,
  tables: readonly LookupTable[] = [],
  files: readonly string[] = [],
): BpfProgram {
  const code = compileEbpf(program, tables);
  const homes = tables.map((table, i) =>
    table.unsafeHome instanceof KernelTable
      ? table.unsafeHome
      : new KernelTable(table.layout, program.tables[i].name)
  );
  const loaded = loadEbpf(code, homes.map(({ map }) => map), files);
  tables.forEach((table, i) => {
    if (table.unsafeHome !== homes[i]) table.moveTo(homes[i]);
  });
  return loaded;
}

function compileEbpf(
  program: HookProgram,
  tables: readonly LookupTable[],
): ReturnType<typeof toEbpf> {
  try {
    return toEbpf(program, tables.map(({ layout }) => layout));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new HookBuildError(`Cannot build the hook "${program.name}" as eBPF: ${error.message}`, {
      cause: error,
      hint: error instanceof StackError
        ? "Use fewer variables at a time, or fewer of the packet's fields"
        : error instanceof RingError
        ? "Write packet.ring = (...) % 16, or as many rings as the receivers have"
        : "Make it shorter",
    });
  }
}
