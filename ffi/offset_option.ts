/**
 * Packets that do not begin where their buffers do: netmap's option OFFSETS.
 *
 * @module
 */

import { OptionType } from "./constants.ts";
import { checkInteger } from "./errors.ts";
import { OPTION_OFFSETS } from "./layout.ts";
import type { Message } from "./message.ts";
import type { PortOffset } from "./port_name.ts";

/**
 * Where packets may begin in their buffers: `offset` of `netmap.open()`.
 *
 * Source: `struct nmreq_opt_offsets` in `net/netmap.h`.
 */
export interface OffsetOptions {
  /** Bytes before the packet, in all slots at first. Default: 0. */
  initial?: number | undefined;
  /** The most bytes before a packet; a packet has what is left of its buffer. Default: `initial`. */
  max?: number | undefined;
  /** Bits of a slot's `ptr` that are the offset, 1 to 64. Default: 64. */
  bits?: number | undefined;
}

/** What is asked for, by name or by options, which win; undefined: nothing. */
export function offsetsOf(
  named: PortOffset | undefined,
  options: number | OffsetOptions | undefined,
): Required<{ [Key in keyof OffsetOptions]: number }> | undefined {
  const given = typeof options === "number" ? { initial: options } : options ?? named;
  if (given === undefined) return undefined;
  const { initial = 0, bits = 0, max = initial }: OffsetOptions = given;
  return {
    initial: checkInteger("initial offset", initial, 0, 65536),
    max: checkInteger("max offset", max, 0, 65536),
    bits: checkInteger("bits of an offset", bits, 0, 64),
  };
}

/**
 * Adds the option to a request.
 *
 * @returns called after the request, the largest offset that the rings have; 0 without the option
 */
export function addOffsets(message: Message, offsets: ReturnType<typeof offsetsOf>): () => number {
  if (offsets === undefined) return () => 0;
  const { view } = message;
  const at = message.addOption(OptionType.OFFSETS, OPTION_OFFSETS.size);
  view.setBigUint64(at + OPTION_OFFSETS.maxOffset, BigInt(offsets.max), true);
  view.setBigUint64(at + OPTION_OFFSETS.initialOffset, BigInt(offsets.initial), true);
  view.setUint32(at + OPTION_OFFSETS.offsetBits, offsets.bits, true);
  return () => Number(view.getBigUint64(at + OPTION_OFFSETS.maxOffset, true));
}
