/**
 * The C library's functions, as `c/valet.h` declares them; a test compares the two.
 *
 * 64-bit numbers cross this border only in memory: as arguments they would be slow.
 *
 * @module
 */

/** Version of `c/valet.h` that this table is for: `VALET_ABI`. */
export const ABI = 1;

/** Functions by name; the C names of the parameters stand beside their types. */
export const SYMBOLS = {
  valet_abi: { parameters: [], result: "i32" },
  valet_open: {
    parameters: ["buffer", /* backend */ "buffer" /* instance */],
    result: "i32",
  },
  valet_backend: { parameters: ["i32" /* handle */], result: "i32" },
  valet_reason: {
    parameters: ["buffer", /* backend */ "buffer", /* text */ "u32" /* size */],
    result: "i32",
  },
  valet_control: {
    parameters: ["i32", /* handle */ "buffer", /* message */ "u32" /* size */],
    result: "i32",
  },
  valet_map: { parameters: ["i32", /* handle */ "buffer" /* out */], result: "i32" },
  valet_txsync: { parameters: ["i32" /* handle */], result: "i32" },
  valet_rxsync: { parameters: ["i32" /* handle */], result: "i32" },
  valet_poll: {
    parameters: ["i32", /* handle */ "u32", /* events */ "i32" /* timeout_ms */],
    result: "i32",
  },
  /** `valet_poll` on another thread, for waiting. */
  valet_poll_async: {
    name: "valet_poll",
    parameters: ["i32", /* handle */ "u32", /* events */ "i32" /* timeout_ms */],
    result: "i32",
    nonblocking: true,
  },
  valet_wake: { parameters: ["i32" /* handle */], result: "i32" },
  valet_close: { parameters: ["i32" /* handle */], result: "i32" },
  valet_batch_address: { parameters: ["u32" /* batch_id */], result: "pointer" },
  valet_region_address: {
    parameters: ["u32", /* region_id */ "buffer" /* out */],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions, ready to be called. */
export type NativeFunctions = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** What each loaded library has: path and functions. */
export interface NativeLibrary {
  /** File that it was loaded from. */
  readonly path: string;
  /** Its functions. */
  readonly functions: NativeFunctions;
}

/** The type of a lookup's callback, `valet_lookup_script` in `c/valet_lookup.h`. */
export const LOOKUP_CALLBACK = {
  parameters: ["u32", /* batch_id */ "u32", /* region_id */ "u32", /* count */ "u32" /* source */],
  result: "i32",
} as const satisfies Deno.UnsafeCallbackDefinition;
