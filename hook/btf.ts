/**
 * Reads what object files say about their maps: types in BTF, the BPF Type Format of the kernel's
 * Documentation/bpf/btf.rst.
 *
 * @module
 */

import { ObjectFormatError, textAt, viewOf } from "./elf.ts";

const MAGIC = 0xeb9f;
const Kind = {
  INT: 1,
  POINTER: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  TYPEDEF: 8,
  VOLATILE: 9,
  CONST: 10,
  RESTRICT: 11,
  FUNCTION: 12,
  PROTOTYPE: 13,
  VARIABLE: 14,
  SECTION: 15,
  FLOAT: 16,
  TAG: 17,
  TYPE_TAG: 18,
  ENUM64: 19,
} as const;

/** Bytes that follow the 12 of a type, for each of its `count` members and once. */
const EXTRA: Readonly<Record<number, readonly [each: number, once: number]>> = {
  [Kind.INT]: [0, 4],
  [Kind.ARRAY]: [0, 12],
  [Kind.STRUCT]: [12, 0],
  [Kind.UNION]: [12, 0],
  [Kind.ENUM]: [8, 0],
  [Kind.PROTOTYPE]: [8, 0],
  [Kind.VARIABLE]: [0, 4],
  [Kind.SECTION]: [12, 0],
  [Kind.TAG]: [0, 4],
  [Kind.ENUM64]: [12, 0],
};

interface Type {
  readonly kind: number;
  readonly name: string;
  readonly count: number;
  /** Its size, or the type that it is made of. */
  readonly word: number;
  /** Where what follows is. */
  readonly at: number;
}

/** What an object file says of a map: fields by name, as `max_entries`; what are types, in bytes. */
export interface MapDefinition {
  /** Name. */
  readonly name: string;
  /** "type", "key_size", "value_size", "max_entries", "map_flags", "pinning" ...; `values`: of maps in it. */
  readonly fields: ReadonlyMap<string, number>;
}

/** Types by number; 0 is void. */
class Types {
  readonly #view: DataView<ArrayBuffer>;
  readonly #types: Type[] = [{ kind: 0, name: "", count: 0, word: 0, at: 0 }];

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    const view = this.#view = viewOf(bytes);
    if (view.getUint16(0, true) !== MAGIC) throw new ObjectFormatError("its BTF is damaged");
    const header = view.getUint32(4, true);
    const start = header + view.getUint32(8, true), end = start + view.getUint32(12, true);
    const strings = bytes.subarray(header + view.getUint32(16, true));
    for (let at = start; at < end;) {
      const info = view.getUint32(at + 4, true);
      const kind = info >>> 24 & 0x1f, count = info & 0xffff;
      const name = textAt(strings, view.getUint32(at, true));
      this.#types.push({ kind, name, count, word: view.getUint32(at + 8, true), at: at + 12 });
      const [each, once] = EXTRA[kind] ?? [0, 0];
      at += 12 + each * count + once;
    }
  }

  get all(): readonly Type[] {
    return this.#types;
  }

  /** A type without its other names. */
  bare(number: number): Type {
    let type = this.#at(number);
    const names: readonly number[] = [
      Kind.TYPEDEF,
      Kind.VOLATILE,
      Kind.CONST,
      Kind.RESTRICT,
      Kind.TYPE_TAG,
    ];
    for (let i = 0; names.includes(type.kind); i++) {
      if (i > 64) throw new ObjectFormatError("its BTF is damaged");
      type = this.#at(type.word);
    }
    return type;
  }

  /** Words of a member: of a structure name, type, offset; of a section type, offset, size. */
  member(type: Type, i: number): readonly [number, number, number] {
    const at = type.at + 12 * i, view = this.#view;
    return [
      view.getUint32(at, true),
      view.getUint32(at + 4, true),
      view.getUint32(at + 8, true),
    ];
  }

  /** Bytes of a value. */
  size(number: number, depth = 0): number {
    const type = this.bare(number);
    if (depth > 64) throw new ObjectFormatError("its BTF is damaged");
    if (type.kind === Kind.POINTER) return 8;
    if (type.kind !== Kind.ARRAY) return type.word;
    const [element, , count] = this.member(type, 0);
    return this.size(element, depth + 1) * count;
  }

  /** The n of `int (*field)[n]`. */
  elements(pointed: Type): number {
    return this.member(pointed, 0)[2];
  }

  #at(number: number): Type {
    const type = this.#types[number];
    if (type === undefined) throw new ObjectFormatError("its BTF is damaged");
    return type;
  }
}

/** The maps of a section ".maps". */
export function readMapDefinitions(btf: Uint8Array<ArrayBuffer>): MapDefinition[] {
  const types = new Types(btf);
  const section = types.all.find(({ kind, name }) => kind === Kind.SECTION && name === ".maps");
  if (section === undefined) return [];
  const header = viewOf(btf).getUint32(4, true);
  const strings = btf.subarray(header + viewOf(btf).getUint32(16, true));
  return Array.from({ length: section.count }, (_, i) => {
    const [variable] = types.member(section, i);
    const { name, word } = types.bare(variable);
    const structure = types.bare(word);
    const fields = new Map<string, number>();
    for (let j = 0; j < structure.count; j++) {
      const [nameAt, type] = types.member(structure, j);
      const field = types.bare(type), fieldName = textAt(strings, nameAt);
      if (field.kind !== Kind.POINTER) fields.set(fieldName, 1); // `values`, an array of maps
      else if (fieldName === "key" || fieldName === "value") {
        fields.set(`${fieldName}_size`, types.size(field.word));
      } else fields.set(fieldName, types.elements(types.bare(field.word)));
    }
    return { name, fields };
  });
}
