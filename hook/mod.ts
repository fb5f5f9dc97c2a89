/**
 * Compiles lookup functions to machine code, and builds lookups that are written in C.
 *
 * {@linkcode compile} takes a lookup function as `bridge.lookup` does, `(packet) => port`, and makes a
 * hook of it that runs in the engine without JavaScript. What it decides is exactly what the function
 * decides. The function has to be in a subset of TypeScript; for everything else there is a
 * {@linkcode HookSyntaxError} with the place and what to write instead.
 *
 * ## The subset
 *
 * **Values** are whole numbers within +-(2^53 - 1), booleans, and `undefined` where something may be absent
 * (`packet.vlan`, `table.get()`). The compiler knows for each expression the least and the greatest value
 * that it can have, and computes exactly, with 64 bits; where a result might leave +-(2^53 - 1), it
 * asks for `>>> 0`. So nothing wraps around but where JavaScript wraps around:
 *
 * - `+ - *`, unary `-`: exact, signed.
 * - `Math.imul(a, b)`: the low 32 bits of the product, signed; `>>> 0` behind it makes it unsigned.
 * - `& | ^ ~ << >>`: on the low 32 bits, the result is signed, as in JavaScript: `~0` is -1. `>>>` is
 *   unsigned. Shift counts are taken modulo 32. MAC addresses have 48 bits: divide them to reach the upper ones,
 *   as `Math.floor(packet.sourceMac / 0x1000000)`.
 * - `/` only where it is rounded: in `Math.floor()` or `Math.trunc()`, or under a bit operator as in
 *   `(a / b) >>> 0`. `%`: the remainder. Neither side may be negative. The divisor has to be at least 1,
 *   except under a bit operator, where a division by 0 gives 0.
 * - `< <= > >= === !==`, `&& || ?? !`, `? :`, `Math.min()`, `Math.max()`.
 *
 * **Statements**: `const` and `let` (with a value), assignments as statements (`=`, `+=` ..., `++`),
 * `if`, `switch` (constant cases that do not run into each other), `for` and `while` for which it can be shown that
 * they end within 4096 rounds, `break`, `continue`, `return`.
 *
 * **The packet**: all numbers and conditions of `LookupPacket`, as `port`, `etherType`, `vlan`,
 * `sourceIpv4`, `destinationPort`, and `u8(at)`, `u16(at)`, `u32(at)`. What is beyond the bytes that can be
 * read (`readableLength`, those of the first slot) is 0. `packet.ring = n` chooses the ring, `packet.copyTo = n` a
 * port that gets it as well. `setU8(at, n)`, `setU16()`, `setU32()` and `setDestinationIpv4(n)` and the like
 * write it; behind the first three, what headers say cannot be read any more.
 *
 * **Tables** (`LookupTable`): `get(key)`, which gives a number or undefined, and `take(key, amount)` in expressions;
 * `set(key, value)` and `count(key, amount)` as statements. A key of several parts is written
 * `[a, b]`. Each part, and each value, has to fit its bits.
 *
 * **Names** from outside: `BROADCAST`, `DROP`, `LEARN`, `EtherType`, `Protocol`, `TcpFlag`, `IcmpType` stand
 * for valet's; others are passed in `constants` and `tables`, because a function's text does not tell
 * what they stand for.
 *
 * **The result** is a port index, `BROADCAST`, `DROP` or `LEARN`. Other numbers drop the packet and are
 * counted as "garbage".
 *
 * @example
 * ```ts
 * import { compile, LEARN } from "@valet/valet/hook";
 * import assert from "node:assert/strict";
 *
 * const constants = { FIRST: 8 };
 * const { FIRST } = constants;
 * const hook = await compile(
 *   (packet) => packet.vlan === 7 && packet.ttl > 1 ? LEARN : FIRST + packet.u8(0) % 4,
 *   { constants },
 * );
 * assert.match(hook.c, /valet_u8_at/);
 * ```
 *
 * @module
 */

export type { HookTables } from "./analysis.ts";
export type { BuildOptions } from "./build.ts";
export { compile, type CompileOptions, type CText, hookFromC } from "./compile.ts";
export { CHook, CompiledHook } from "./compiled_hook.ts";
export type { HookConstant, HookConstants } from "./constants.ts";
export {
  BpfLoadError,
  type BpfLoadOptions,
  BpfMap,
  type BpfMapOptions,
  BpfMapType,
  bpfProblem,
  BpfProgram,
  type BpfProgramInfo,
  type BpfRun,
  type BpfRunOptions,
  BpfUpdate,
} from "./bpf.ts";
export { HookVerifierError } from "./ebpf_load.ts";
export { LEARN } from "../ffi/constants.ts";
export { HookBuildError, HookSyntaxError } from "./errors.ts";
export { hookFromObject, ObjectHook, type ObjectMap, type ObjectOptions } from "./object.ts";
export type * from "./ir.ts";
export type { FilePosition } from "./source_place.ts";
export type { HookTable, TableShape } from "./table.ts";
