/**
 * What eBPF programs of hooks keep in which register.
 *
 * @module
 */

import type { Register } from "./ebpf_assembler.ts";

/** Values are computed in these, as on a stack. */
export const VALUES: readonly Register[] = [1, 2, 3, 4];
/** Scratch, besides register 0. */
export const SCRATCH: Register = 5;
/** What the program is called with. */
export const CONTEXT: Register = 6;
/** Where the packet's first fragment ends. */
export const DATA_END: Register = 7;
/** For variables: calls leave them alone. */
export const VARIABLES: readonly Register[] = [8, 9];
/** Frame pointer: the end of the stack. */
export const FRAME: Register = 10;

/** Offsets in the context, `struct xdp_md`. */
export const XDP_MD = { data: 0, dataEnd: 4, ingressIfindex: 12, rxQueueIndex: 16 } as const;
