/**
 * Why there was no memory for a port.
 *
 * @module
 */

import type { Descriptor } from "./descriptor.ts";
import { ValetRequest } from "./message.ts";

const SHORTAGE = { size: 24, pool: 0, memId: 4, isSize: 8, needed: 12, available: 16, total: 20 };
const POOLS = ["interfaces", "rings", "buffers"] as const;
/** Of the global region, and of others. */
const PARAMETERS = [["if", "ring", "buf"], ["privIf", "privRing", "privBuf"]] as const;
const GLOBAL = 1;

/**
 * Which pool of which region was too small for the REGISTER that failed last, in words; undefined if
 * it was something else, or the netmap is the kernel's, which does not tell.
 */
export function shortageOf(descriptor: Descriptor): string | undefined {
  const message = descriptor.request(ValetRequest.SHORTAGE_GET, "", SHORTAGE.size);
  if (descriptor.tryControl("read", "shortage") < 0) return undefined;
  const pool = message.u32(SHORTAGE.pool), id = message.u32(SHORTAGE.memId);
  const isSize = message.u32(SHORTAGE.isSize) === 1, memory = `memory ${id}`;
  const needed = message.u32(SHORTAGE.needed), available = message.u32(SHORTAGE.available);
  const what = POOLS[pool];
  const parameter = PARAMETERS[id === GLOBAL ? 0 : 1][pool] + (isSize ? "Size" : "Num");
  return isSize
    ? `The ${what} of ${memory} have ${available} bytes, ${needed} are needed (parameter ${parameter})`
    : `Of the ${message.u32(SHORTAGE.total)} ${what} of ${memory} ${available} are free, ` +
      `${needed} are needed (parameter ${parameter})`;
}
