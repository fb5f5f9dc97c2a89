/**
 * Hooks that are ready-made eBPF: object files, as `clang -target bpf -c` writes them.
 *
 * @module
 */

import { basename } from "node:path";
import { fileURLToPath } from "node:url";

import { NetmapError, show } from "../ffi/errors.ts";
import type { NativeFunction, NativeLookup } from "../ffi/lookup.ts";
import { BpfMap, type BpfMapOptions, BpfMapType, BpfProgram } from "./bpf.ts";
import { type MapDefinition, readMapDefinitions } from "./btf.ts";
import { ModuleResult } from "./ebpf_result.ts";
import { Assembler, INSTRUCTION_BYTES, Jump, Label } from "./ebpf_assembler.ts";
import {
  type ElfObject,
  type ElfSymbol,
  ObjectFormatError,
  readElf,
  textAt,
  viewOf,
} from "./elf.ts";
import { HookBuildError } from "./errors.ts";
import { isDataSection, isMapSection, type LinkedProgram, linkProgram } from "./object_link.ts";

/** BPF_MAP_TYPE_ARRAY_OF_MAPS and _HASH_OF_MAPS: their entries are maps themselves. */
const MAPS_OF_MAPS: readonly number[] = [12, 13];
/** XDP_PASS and XDP_DROP of linux/bpf.h. */
const XDP_DROP = 1, XDP_PASS = 2;

/** How an object file is read. */
export interface ObjectOptions {
  /** Which of its programs, by function or section. Default: the only one. */
  program?: string | undefined;
  /**
   * What the program returns. "ports": what lookups return, as `c/uapi/valet_module.h` numbers it. "xdp": what
   * programs for network cards return: XDP_PASS is learned, XDP_DROP dropped, the rest counted as garbage.
   * Default: "ports".
   */
  results?: "ports" | "xdp" | undefined;
}

/** A map of an object file. */
export interface ObjectMap {
  /** Name; of variables their section's. */
  readonly name: string;
  /** Number of its section. */
  readonly section: number;
  /** Bytes from the section's begin. */
  readonly offset: number;
  /** Of variables: what they are at first. */
  readonly content: Uint8Array<ArrayBuffer> | undefined;
  /** What it is like. */
  readonly options: BpfMapOptions;
}

/**
 * A hook that `hookFromObject()` made: an eBPF program of type XDP. It is set as the lookup of a bridge of
 * the kernel: `bridge.lookup = hook`.
 */
export class ObjectHook implements NativeLookup {
  readonly #linked: LinkedProgram;
  readonly #definitions: readonly ObjectMap[];
  readonly #license: string;
  #maps: Readonly<Record<string, BpfMap>> | undefined;
  #kernel: BpfProgram | undefined;
  /** Name of the program's function. */
  readonly name: string;

  /** Made by `hookFromObject()`. */
  constructor(
    name: string,
    linked: LinkedProgram,
    definitions: readonly ObjectMap[],
    license: string,
  ) {
    this.name = name;
    this.#linked = linked;
    this.#definitions = definitions;
    this.#license = license;
  }

  /**
   * The file's maps by name, which the program and the script share; those of variables by their section, as
   * ".bss". They are made at the first call.
   *
   * @throws {NetmapError} EPERM, EINVAL if the kernel does not make them
   */
  get maps(): Readonly<Record<string, BpfMap>> {
    return this.#maps ??= Object.fromEntries(
      this.#definitions.map(({ name, options, content }) => {
        const map = new BpfMap({ ...options, name });
        if (content !== undefined) map.set(new Uint8Array(4), content);
        return [name, map];
      }),
    );
  }

  /**
   * There is none: eBPF runs in the kernel.
   *
   * @throws {NetmapError} EOPNOTSUPP
   */
  native(): NativeFunction {
    throw new NetmapError("lookup", "EOPNOTSUPP", {
      hint:
        `The hook "${this.name}" is eBPF, which only bridges of netmap's kernel module run; for valet's own ` +
        "switch build it from its C against c/valet_hook.h (hookFromC), or write it in TypeScript",
    });
  }

  /**
   * Loads it into the kernel, unless that was done before.
   *
   * @returns the program, to be tried with `run()` for example; the hook keeps it
   * @throws {BpfLoadError} if the kernel's verifier refuses it
   * @throws {NetmapError} EPERM and others if eBPF cannot be used
   */
  kernel(): BpfProgram {
    if (this.#kernel !== undefined) return this.#kernel;
    const instructions = this.#linked.instructions.slice();
    const view = viewOf(instructions);
    for (const { instruction, section, offset } of this.#linked.references) {
      const { name } = this.#definitions.find((map) => isOf(map, section, offset))!;
      view.setInt32(instruction * INSTRUCTION_BYTES + 4, this.maps[name].fd, true);
    }
    const { name } = this, license = this.#license;
    return this.#kernel = BpfProgram.load(instructions, { name, license });
  }

  /** What `console.log(hook)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return `ObjectHook ${this.name}`;
  }
}

function isOf(map: ObjectMap, section: number, offset: number): boolean {
  return map.section === section && (map.content !== undefined || map.offset === offset);
}

/**
 * Loads a ready eBPF program of type XDP out of an object file (`clang -O2 -g -target bpf -c hook.c`).
 *
 * It sees packets and returns results as `c/uapi/valet_module.h` says, which it may include. Maps are
 * defined as for libbpf (section `.maps`, which takes `-g`, or `maps`); global variables, functions of its own and
 * a section `license` work as there. It runs on bridges of netmap's kernel module; elsewhere setting it
 * throws `EOPNOTSUPP`. `hook.kernel().run()` tries it without a bridge.
 *
 * Permissions: read (the file), ffi.
 *
 * @param file path of the object file, or what is in it
 * @param options which program of it, and what it returns
 * @throws {HookBuildError} if it is no such file, if it has several programs and none is chosen, if a map cannot
 * be made from what it says
 *
 * @example
 * ```ts ignore
 * import { Netmap } from "@valet/valet";
 * import { hookFromObject } from "@valet/valet/hook";
 *
 * const hook = await hookFromObject("firewall.o", { program: "xdp" });
 * using netmap = Netmap.open({ backend: "kernel" });
 * using bridge = netmap.bridge("vale0");
 * bridge.lookup = hook;
 * ```
 */
export async function hookFromObject(
  file: string | URL | Uint8Array,
  { program, results = "ports" }: ObjectOptions = {},
): Promise<ObjectHook> {
  if (results !== "ports" && results !== "xdp") {
    throw new TypeError(`Cannot use ${show(results)} as results: expected "ports" or "xdp"`);
  }
  const [name, bytes] = await contentOf(file);
  try {
    const object = readElf(bytes);
    checkRelocationsOfTypes(object);
    const main = programOf(object, program);
    const linked = linkProgram(object, main);
    const maps = mapsOf(object);
    for (const { section, offset } of linked.references) {
      if (maps.some((map) => isOf(map, section, offset))) continue;
      throw new ObjectFormatError(
        `it uses a map in "${
          object.sections[section].name
        }" that is not described: compile it with -g`,
      );
    }
    const code = results === "xdp" ? translated(linked) : linked;
    return new ObjectHook(main.name || "hook", code, maps, licenseOf(object));
  } catch (error) {
    if (!(error instanceof ObjectFormatError || error instanceof RangeError)) throw error;
    const problem = error instanceof ObjectFormatError
      ? error.message
      : "it ends too early, or is damaged";
    throw new HookBuildError(`Cannot load the hook "${name}": ${problem}`, {
      cause: error,
      hint: 'Object files are made with "clang -O2 -g -target bpf -c hook.c -o hook.o"',
    });
  }
}

async function contentOf(
  file: string | URL | Uint8Array,
): Promise<[name: string, bytes: Uint8Array<ArrayBuffer>]> {
  if (file instanceof Uint8Array) return ["object", new Uint8Array(file)];
  if (typeof file !== "string" && !(file instanceof URL)) {
    throw new TypeError(`Cannot use ${show(file)} as an object file: expected a path or its bytes`);
  }
  const path = typeof file === "string" ? file : fileURLToPath(file);
  try {
    return [basename(path), await Deno.readFile(path)];
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new HookBuildError(`Cannot load the hook "${path}": there is no such file`, { cause });
  }
}

/** What was compiled to be adapted to the kernel's own structures. */
function checkRelocationsOfTypes({ sections }: ElfObject): void {
  const extension = sections.find(({ name }) => name === ".BTF.ext");
  if (extension === undefined) return;
  const view = viewOf(extension.bytes);
  // The header's length tells whether the field is there
  if (view.getUint32(4, true) < 32 || view.getUint32(28, true) === 0) return;
  throw new ObjectFormatError(
    "it has CO-RE relocations (vmlinux.h, preserve_access_index), which are not supported: include " +
      "<linux/bpf.h> and the headers of protocols instead",
  );
}

function programOf({ sections, symbols }: ElfObject, wanted: string | undefined): ElfSymbol {
  const all = symbols.filter(({ section, isFunction }) =>
    isFunction && sections[section]?.isCode && sections[section].name !== ".text"
  );
  const sectionOf = ({ section }: ElfSymbol): string => sections[section].name;
  const list = all.map((symbol) => `"${symbol.name}" (section "${sectionOf(symbol)}")`).join(", ");
  if (all.length === 0) {
    throw new ObjectFormatError('it has no program: give a function a section, as SEC("xdp")');
  }
  const chosen = wanted === undefined ? all : all.filter((symbol) => symbol.name === wanted);
  const found = chosen.length > 0 ? chosen : all.filter((symbol) => sectionOf(symbol) === wanted);
  if (found.length === 1) return found[0];
  throw new ObjectFormatError(
    found.length === 0
      ? `it has no program "${wanted}"; there are ${list}`
      : `it has several programs, name one of them: ${list}`,
  );
}

function licenseOf({ sections }: ElfObject): string {
  const section = sections.find(({ name }) => name === "license");
  return section === undefined ? "" : textAt(section.bytes, 0);
}

function mapsOf(object: ElfObject): ObjectMap[] {
  return object.sections.flatMap(({ name, bytes }, section): ObjectMap[] => {
    if (name === ".maps") return describedMaps(object, section);
    if (isMapSection(name)) return legacyMaps(object, section);
    if (!isDataSection(name) || bytes.length === 0) return [];
    const options = { type: BpfMapType.ARRAY, keyBytes: 4, entries: 1, flags: 0 };
    const valueBytes = bytes.length;
    return [{ name, section, offset: 0, content: bytes, options: { ...options, valueBytes } }];
  });
}

function describedMaps({ sections, symbols }: ElfObject, section: number): ObjectMap[] {
  const btf = sections.find(({ name }) => name === ".BTF");
  if (btf === undefined) {
    throw new ObjectFormatError("it does not say what its maps are like: compile it with -g");
  }
  // Compilers leave the places to the symbols
  const own = symbols.filter((symbol) => symbol.section === section);
  return readMapDefinitions(btf.bytes).map(({ name, fields }) => {
    const offset = own.find((symbol) => symbol.name === name)?.value ?? -1;
    return checkedMap({ name, offset, fields }, section);
  });
}

/** `struct bpf_map_def` of libbpf before 1.0: type, bytes of key and value, entries, flags. */
function legacyMaps({ sections, symbols }: ElfObject, section: number): ObjectMap[] {
  const view = viewOf(sections[section].bytes);
  const names = ["type", "key_size", "value_size", "max_entries", "map_flags"];
  return symbols
    .filter((symbol) => symbol.section === section && !symbol.isSection)
    .map(({ name, value }) => {
      const fields = names.map((field, i): [string, number] => [
        field,
        view.getUint32(value + 4 * i, true),
      ]);
      return checkedMap({ name, offset: value, fields: new Map(fields) }, section);
    });
}

function checkedMap(
  { name, offset, fields }: MapDefinition & { offset: number },
  section: number,
): ObjectMap {
  const field = (key: string): number => fields.get(key) ?? 0;
  const type = field("type"), entries = field("max_entries");
  const keyBytes = field("key_size"), valueBytes = field("value_size");
  const refuse = (problem: string): never => {
    throw new ObjectFormatError(`its map "${name}" ${problem}`);
  };
  if (type === 0) refuse("has no type: write __uint(type, BPF_MAP_TYPE_HASH)");
  if (MAPS_OF_MAPS.includes(type) || fields.has("values")) {
    refuse("is a map of maps or programs, which is not supported");
  }
  if (field("pinning") !== 0) refuse("is to be pinned, which is not supported: share hook.maps");
  if (entries === 0) refuse("has no max_entries");
  const options = { type, keyBytes, valueBytes, entries, flags: field("map_flags") };
  return { name, section, offset, content: undefined, options };
}

/** Has a function in front call the program and turn what it returns into what lookups return. */
function translated({ instructions, references }: LinkedProgram): LinkedProgram {
  const asm = new Assembler();
  const pass = new Label(), drop = new Label(), program = new Label();
  asm.callFunction(program);
  asm.jumpIfImmediate(Jump.eq, 0, XDP_PASS, pass);
  asm.jumpIfImmediate(Jump.eq, 0, XDP_DROP, drop);
  asm.set(0, ModuleResult.GARBAGE);
  asm.exit();
  asm.place(pass);
  asm.set(0, ModuleResult.LEARN);
  asm.exit();
  asm.place(drop);
  asm.set(0, ModuleResult.DROP);
  asm.exit();
  asm.place(program);
  const head = asm.encode(), shift = asm.length;
  const all = new Uint8Array(head.length + instructions.length);
  all.set(head);
  all.set(instructions, head.length);
  return {
    instructions: all,
    references: references.map((one) => ({ ...one, instruction: one.instruction + shift })),
  };
}
