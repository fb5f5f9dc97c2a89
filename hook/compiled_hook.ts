/**
 * Hooks that were compiled: from TypeScript, or from C.
 *
 * @module
 */

import type { NativeFunction, NativeLookup } from "../ffi/lookup.ts";
import { LookupTable } from "../ffi/lookup_table.ts";
import { EngineTableHome } from "../ffi/table_engine.ts";
import type { BuildOptions, CSource } from "./build.ts";
import type { BpfProgram } from "./bpf.ts";
import { generateC } from "./c.ts";
import { HookBuildError } from "./errors.ts";
import type { HookProgram } from "./ir.ts";
import { loadKernelHook } from "./kernel_hook.ts";
import { type LoadedHook, loadHook } from "./load.ts";
import { printProgram } from "./print.ts";
import type { TableShape } from "./table.ts";

/** How a hook is built natively. */
export interface NativeTarget extends BuildOptions {
  /** Folder of `valet_hook.h`. */
  readonly include: string;
  /** The tables, in the program's order. */
  readonly tables: readonly TableShape[];
  /** Files where the function may stand. */
  readonly files?: readonly string[] | undefined;
}

/**
 * A hook that `compile()` made. It is set as a bridge's lookup: `bridge.lookup = hook`.
 *
 * It is built when it is first needed, and stays in memory until the process ends.
 */
export class CompiledHook implements NativeLookup {
  readonly #target: NativeTarget;
  #native: NativeFunction | undefined;
  /** What the machine code uses, even if the tables move elsewhere. */
  #homes: readonly EngineTableHome[] = [];
  #kernel: BpfProgram | undefined;

  /** The intermediate form, which other generators start from. */
  readonly program: HookProgram;

  /** Made by `compile()`. */
  constructor(program: HookProgram, target: NativeTarget) {
    this.program = program;
    this.#target = target;
  }

  /** Name of the function, "hook" if it has none. */
  get name(): string {
    return this.program.name;
  }

  /** The C that is built for the engine. */
  get c(): string {
    return generateC(this.program);
  }

  /**
   * Builds the hook for the engine, unless that was done before, and loads it.
   *
   * Permissions: run (cc), read, write (the cache), env (XDG_CACHE_HOME, HOME), ffi.
   *
   * @returns where it is in this process
   * @throws {HookBuildError} without a C compiler, or a private folder to keep the result in; if a table
   * is not in the engine's memory
   */
  native(): NativeFunction {
    const homes = this.#tables().map((table, i) => this.#homeOf(table, i));
    if (this.#native !== undefined) return this.#native;
    const source: CSource = { text: this.c, name: `${fileName(this.name)}.c` };
    const { address, contextOf } = loadHook(source, this.#target.include, this.#target);
    const context = homes.length === 0 ? 0n : contextOf(homes.map((home) => home.address));
    this.#homes = homes;
    return this.#native = { address, context };
  }

  /**
   * Loads the hook into the kernel as eBPF, unless that was done before: for bridges of the kernel.
   *
   * @returns the program, of type XDP, to be tried with `run()` for example; the hook keeps it
   * @throws {HookVerifierError} if the kernel's verifier refuses it
   * @throws {HookBuildError} if it is too large for an eBPF program
   * @throws {NetmapError} EPERM and others if eBPF cannot be used
   */
  kernel(): BpfProgram {
    this.#kernel ??= loadKernelHook(this.program, this.#tables(), this.#target.files);
    return this.#kernel;
  }

  #tables(): LookupTable[] {
    return this.#target.tables.map((table, i) =>
      table instanceof LookupTable ? table : this.#refuseTable(i, "it is but a table's shape")
    );
  }

  #homeOf({ unsafeHome }: LookupTable, index: number): EngineTableHome {
    return unsafeHome instanceof EngineTableHome
      ? unsafeHome
      : this.#refuseTable(index, `its entries are in the home "${unsafeHome.name}"`);
  }

  #refuseTable(index: number, problem: string): never {
    const { name } = this.program.tables[index];
    throw new HookBuildError(`Cannot build "${this.name}" with the table "${name}": ${problem}`, {
      hint: 'Give compile() a LookupTable with { home: "engine" } that no hook in the kernel uses',
    });
  }

  /** What `console.log(hook)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return `CompiledHook ${printProgram(this.program)}`;
  }
}

/** A name that can stand in a path and in the compiler's messages. */
function fileName(name: string): string {
  return name.replace(/[^\w]/g, "_").slice(0, 64) || "hook";
}

/** A hook that `hookFromC()` made. It is set as a bridge's lookup: `bridge.lookup = hook`. */
export class CHook implements NativeLookup {
  readonly #loaded: LoadedHook;

  /** What messages call it: its file. */
  readonly name: string;

  /** Made by `hookFromC()`. */
  constructor(name: string, loaded: LoadedHook) {
    this.name = name;
    this.#loaded = loaded;
  }

  /** The shared object that was built. */
  get path(): string {
    return this.#loaded.path;
  }

  /** What the compiler warned of; empty if it had been built before. */
  get warnings(): string {
    return this.#loaded.warnings;
  }

  /** Where it is in this process. */
  native(): NativeFunction {
    return { address: this.#loaded.address, context: 0n };
  }

  /** What `console.log(hook)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return `CHook ${this.name}`;
  }
}
