/**
 * netmap's memory parameters: how large regions are.
 *
 * @module
 */

import type { Descriptor } from "./descriptor.ts";
import { checkInteger } from "./errors.ts";
import { type Message, ValetRequest } from "./message.ts";

/** A kind of object in a region. */
export type PoolName = "if" | "ring" | "buf";

/**
 * netmap's memory parameters, named as in /sys/module/netmap/parameters: bytes of an object, and how
 * many there are. `if...`, `ring...` and `buf...` are the global region, which has the number 1;
 * `priv...` are the least of a region that opening a port makes.
 *
 * A changed parameter takes effect when nobody uses the region; with `priv...`, for ports that are
 * made from then on.
 */
export interface MemoryParameters {
  /** Bytes of an interface, 56 to 4096. netmap's default: 1024. */
  ifSize: number;
  /** Interfaces, 10 to 10000: one for each open. netmap's default: 100. */
  ifNum: number;
  /** Bytes of a ring, 256 to 131072: 256 and 16 a slot. netmap's default: 36864. */
  ringSize: number;
  /** Rings, 2 to 1024. netmap's default: 200. */
  ringNum: number;
  /** Bytes of a buffer, 64 to 65536. netmap's default: 2048; valet's own engine: 2112. */
  bufSize: number;
  /** Buffers, 4 to 1000000. netmap's default: 163840. */
  bufNum: number;
  /** Bytes of an interface, 56 to 4096. netmap's default: 1024. */
  privIfSize: number;
  /** Interfaces, 1 to 100. netmap's default: 2. */
  privIfNum: number;
  /** Bytes of a ring, 256 to 131072. netmap's default: 2048; valet's own engine: 21120. */
  privRingSize: number;
  /** Rings, 2 to 1024. netmap's default: 4. */
  privRingNum: number;
  /** Bytes of a buffer, 64 to 65536. netmap's default: 2048; valet's own engine: 2112. */
  privBufSize: number;
  /** Buffers, 4 to 1000000. netmap's default: 4098. */
  privBufNum: number;
}

/** The parameters, and what the global region has now. */
export interface MemoryState extends MemoryParameters {
  /** What the global region has: 0 before it is first used. */
  readonly current: Readonly<Record<PoolName, { readonly size: number; readonly count: number }>>;
  /** Ports open in the global region; 0 on the kernel, which does not tell. */
  readonly users: number;
}

/** Where each stands in the body, and netmap's limits. */
const FIELDS: Readonly<Record<keyof MemoryParameters, readonly [number, number, number]>> = {
  ifSize: [0, 56, 4096],
  ifNum: [4, 10, 10000],
  ringSize: [16, 256, 131072],
  ringNum: [20, 2, 1024],
  bufSize: [32, 64, 65536],
  bufNum: [36, 4, 1000000],
  privIfSize: [48, 56, 4096],
  privIfNum: [52, 1, 100],
  privRingSize: [56, 256, 131072],
  privRingNum: [60, 2, 1024],
  privBufSize: [64, 64, 65536],
  privBufNum: [68, 4, 1000000],
};

const BODY_BYTES = 80;
const USERS = 72;
const FIELD_NAMES = Object.keys(FIELDS) as (keyof MemoryParameters)[];

function read(message: Message): MemoryState {
  const pool = (at: number) => ({ size: message.u32(at + 8), count: message.u32(at + 12) });
  const parameters = {} as MemoryParameters;
  for (const name of FIELD_NAMES) parameters[name] = message.u32(FIELDS[name][0]);
  return {
    ...parameters,
    current: { if: pool(0), ring: pool(16), buf: pool(32) },
    users: message.u32(USERS),
  };
}

/** The parameters as they are. */
export function readMemoryParameters(descriptor: Descriptor): MemoryState {
  descriptor.request(ValetRequest.MEMORY_GET, "", BODY_BYTES);
  return read(descriptor.control("read", "memory parameters"));
}

/**
 * Changes those that are given.
 *
 * @throws {RangeError} if one is beyond netmap's limits; nothing is changed then
 */
export function changeMemoryParameters(
  descriptor: Descriptor,
  parameters: { readonly [Name in keyof MemoryParameters]?: number | undefined },
): MemoryState {
  const message = descriptor.request(ValetRequest.MEMORY_SET, "", BODY_BYTES);
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(FIELDS, name)) {
      throw new TypeError(
        `Cannot set the memory parameter ${name}: they are ${FIELD_NAMES.join(", ")}`,
      );
    }
    const [at, min, max] = FIELDS[name as keyof MemoryParameters];
    message.setU32(at, checkInteger(name, value, min, max));
  }
  return read(descriptor.control("change", "memory parameters"));
}
