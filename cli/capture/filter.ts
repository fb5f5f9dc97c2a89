/**
 * Filters of `valet capture`: compiled by libpcap where it is, else of valet's own.
 *
 * @module
 */

import type { PacketView } from "../../packet/mod.ts";
import type { Context } from "../context.ts";
import { BpfProgram } from "./bpf.ts";
import { Libpcap } from "./libpcap.ts";
import { OWN_SYNTAX, parseOwnFilter } from "./own_filter.ts";

/** Whether a packet is wanted. */
export type Filter = (packet: PacketView, bytes: Uint8Array) => boolean;

/**
 * Compiles a filter in tcpdump's syntax. Says so if libpcap is not there.
 *
 * @param snapLength bytes of a packet that are kept
 * @throws {SyntaxError} if it is none
 */
export function compileFilter(text: string, snapLength: number, context: Context): Filter {
  using libpcap = Libpcap.load(context.env("VALET_LIBPCAP"));
  if (libpcap !== undefined) {
    const program = new BpfProgram(libpcap.compile(text, snapLength));
    return (_, bytes) => program.run(bytes) > 0;
  }
  const predicate = parseOwnFilter(text);
  context.stderr.write(
    `Without libpcap, filters can have: ${OWN_SYNTAX}\n` +
      "Hint: The package libpcap0.8 brings all of tcpdump's syntax\n",
  );
  return predicate;
}
