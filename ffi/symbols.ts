/**
 * The C library's functions, as `c/valet.h` declares them; a test compares the two.
 *
 * 64-bit numbers cross this border only in memory: as arguments they would be slow.
 *
 * @module
 */

/** Version of `c/valet.h` that this table is for: `VALET_ABI`. */
export const ABI = 1;

/**
 * The functions by name, in groups; the C names of the parameters stand beside their types.
 *
 * Deno compiles code for each function that it makes ready, which takes 0.2 to 0.6 ms; a call takes 15 ns
 * then. So `packets` alone is made ready when the library is loaded, and each other group when one of
 * its functions is first asked for. Those of `control` are never compiled: a call of one takes 2 us.
 */
export const SYMBOL_GROUPS = {
  control: {
    valet_abi: { parameters: [], result: "i32" },
    valet_open: {
      parameters: ["buffer", /* backend */ "buffer" /* instance */],
      result: "i32",
    },
    valet_backend: { parameters: ["i32" /* handle */], result: "i32" },
    valet_control: {
      parameters: ["i32", /* handle */ "buffer", /* message */ "u32" /* size */],
      result: "i32",
    },
    valet_map: { parameters: ["i32", /* handle */ "buffer" /* out */], result: "i32" },
    valet_close: { parameters: ["i32" /* handle */], result: "i32" },
  },
  packets: {
    valet_txsync: { parameters: ["i32" /* handle */], result: "i32" },
    valet_rxsync: { parameters: ["i32" /* handle */], result: "i32" },
  },
  receive: {
    valet_receive: {
      parameters: ["i32", /* handle */ "buffer", /* ring */ "buffer" /* received */],
      result: "i32",
    },
  },
  wait: {
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
  },
  requests: {
    valet_reason: {
      parameters: ["buffer", /* backend */ "buffer", /* text */ "u32" /* size */],
      result: "i32",
    },
    valet_config: {
      parameters: ["i32", /* handle */ "buffer", /* request */ "u32" /* size */],
      result: "i32",
    },
    /** `valet_config` on another thread: the answer may be this thread's to give. */
    valet_config_async: {
      name: "valet_config",
      parameters: ["i32", /* handle */ "buffer", /* request */ "u32" /* size */],
      result: "i32",
      nonblocking: true,
    },
    /** `valet_control` on another thread, for requests that wait. */
    valet_control_async: {
      name: "valet_control",
      parameters: ["i32", /* handle */ "buffer", /* message */ "u32" /* size */],
      result: "i32",
      nonblocking: true,
    },
  },
  syncLoop: {
    valet_sync_loop_start: {
      parameters: [
        "i32", /* handle */
        "u32", /* if_offset */
        "u32", /* sleep_us */
        "u32", /* flags */
        "buffer", /* out */
      ],
      result: "i32",
    },
    valet_sync_loop_stop: { parameters: ["i32", /* handle */ "u32" /* wait */], result: "i32" },
    /** `valet_sync_loop_stop` on another thread, for waiting. */
    valet_sync_loop_stop_async: {
      name: "valet_sync_loop_stop",
      parameters: ["i32", /* handle */ "u32" /* wait */],
      result: "i32",
      nonblocking: true,
    },
    valet_sync_loop_kick: { parameters: ["i32" /* handle */], result: "i32" },
    valet_sync_loop_wait: {
      parameters: ["i32", /* handle */ "u32", /* events */ "i32" /* timeout_ms */],
      result: "i32",
    },
    /** `valet_sync_loop_wait` on another thread. */
    valet_sync_loop_wait_async: {
      name: "valet_sync_loop_wait",
      parameters: ["i32", /* handle */ "u32", /* events */ "i32" /* timeout_ms */],
      result: "i32",
      nonblocking: true,
    },
  },
  lookup: {
    valet_batch_address: { parameters: ["u32" /* batch_id */], result: "pointer" },
    valet_region_address: {
      parameters: ["u32", /* region_id */ "buffer" /* out */],
      result: "i32",
    },
    valet_module_take: { parameters: ["buffer" /* bridge */], result: "i32" },
    valet_loop_open: { parameters: [], result: "i32" },
    valet_loop_serve: { parameters: [], result: "i32" },
    valet_loop_close: { parameters: [], result: "i32" },
  },
  memory: {
    valet_memory_open: {
      parameters: ["buffer", /* path */ "u32", /* flags */ "buffer" /* range */],
      result: "i32",
    },
    valet_memory_sync: { parameters: ["i32", /* id */ "buffer" /* range */], result: "i32" },
    valet_memory_close: { parameters: ["i32" /* id */], result: "i32" },
  },
  ask: {
    valet_daemon_path: { parameters: ["buffer", /* path */ "u32" /* size */], result: "i32" },
    valet_daemon_ask: {
      parameters: [
        "buffer", /* question */
        "u32", /* bytes */
        "buffer", /* answer */
        "u32", /* size */
        "i32", /* timeout_ms */
      ],
      result: "i32",
    },
    /** `valet_daemon_ask` on another thread. */
    valet_daemon_ask_async: {
      name: "valet_daemon_ask",
      parameters: [
        "buffer", /* question */
        "u32", /* bytes */
        "buffer", /* answer */
        "u32", /* size */
        "i32", /* timeout_ms */
      ],
      result: "i32",
      nonblocking: true,
    },
  },
  serve: {
    valet_serve_start: { parameters: ["buffer", /* path */ "u32" /* threads */], result: "i32" },
    valet_serve_wait: {
      parameters: [
        "buffer", /* id */
        "buffer", /* question */
        "u32", /* size */
        "i32", /* timeout_ms */
      ],
      result: "i32",
    },
    /** `valet_serve_wait` on another thread. */
    valet_serve_wait_async: {
      name: "valet_serve_wait",
      parameters: [
        "buffer", /* id */
        "buffer", /* question */
        "u32", /* size */
        "i32", /* timeout_ms */
      ],
      result: "i32",
      nonblocking: true,
    },
    valet_serve_answer: {
      parameters: ["u32", /* id */ "buffer", /* answer */ "u32" /* bytes */],
      result: "i32",
    },
    valet_serve_status: { parameters: ["buffer" /* out */], result: "i32" },
    valet_serve_stop: { parameters: [], result: "i32" },
  },
  bpf: {
    valet_bpf_load: {
      parameters: [
        "buffer", /* instructions */
        "u32", /* count */
        "buffer", /* name */
        "buffer", /* license */
        "buffer", /* log */
        "u32", /* size */
      ],
      result: "i32",
    },
    valet_bpf_run: {
      parameters: [
        "i32", /* fd */
        "buffer", /* data */
        "u32", /* size */
        "u32", /* repeat */
        "u32", /* ingress_ifindex */
        "u32", /* rx_queue_index */
        "buffer", /* out */
      ],
      result: "i32",
    },
    valet_bpf_info: { parameters: ["i32", /* fd */ "buffer" /* out */], result: "i32" },
    valet_bpf_map_create: {
      parameters: [
        "u32", /* type */
        "u32", /* key_bytes */
        "u32", /* value_bytes */
        "u32", /* entries */
        "u32", /* flags */
        "buffer", /* name */
      ],
      result: "i32",
    },
    valet_bpf_map_lookup: {
      parameters: ["i32", /* fd */ "buffer", /* key */ "buffer" /* value */],
      result: "i32",
    },
    valet_bpf_map_update: {
      parameters: ["i32", /* fd */ "buffer", /* key */ "buffer", /* value */ "u32" /* flags */],
      result: "i32",
    },
    valet_bpf_map_delete: { parameters: ["i32", /* fd */ "buffer" /* key */], result: "i32" },
    valet_bpf_map_next: {
      parameters: ["i32", /* fd */ "buffer", /* key */ "buffer" /* next */],
      result: "i32",
    },
    valet_bpf_close: { parameters: ["i32" /* fd */], result: "i32" },
    valet_bpf_probe: { parameters: ["buffer" /* why */], result: "i32" },
  },
  table: {
    valet_table_make: {
      parameters: [
        "u32", /* kind */
        "u32", /* key_words */
        "u32", /* capacity */
        "f64", /* rate_per_s */
        "u32", /* burst */
        "buffer", /* out */
      ],
      result: "i32",
    },
    valet_table_free: { parameters: ["pointer" /* table */], result: "void" },
    valet_table_get_entry: {
      parameters: ["pointer", /* table */ "buffer" /* key */],
      result: "f64",
    },
    valet_table_set_entry: {
      parameters: ["pointer", /* table */ "buffer", /* key */ "u32" /* value */],
      result: "i32",
    },
    valet_table_count_entry: {
      parameters: ["pointer", /* table */ "buffer", /* key */ "u32" /* amount */],
      result: "i32",
    },
    valet_table_take_entry: {
      parameters: ["pointer", /* table */ "buffer", /* key */ "u32" /* amount */],
      result: "i32",
    },
    valet_table_delete_entry: {
      parameters: ["pointer", /* table */ "buffer" /* key */],
      result: "i32",
    },
    valet_table_clear: { parameters: ["pointer" /* table */], result: "void" },
    valet_table_used: { parameters: ["pointer" /* table */], result: "u32" },
    valet_table_next: {
      parameters: [
        "pointer",
        /* table */ "u32",
        /* cursor */ "buffer",
        /* key */ "buffer", /* value */
      ],
      result: "i32",
    },
  },
  tap: {
    valet_tap_open: { parameters: ["buffer", /* name */ "buffer" /* actual */], result: "i32" },
    valet_tap_read: {
      parameters: [
        "i32", /* fd */
        "buffer", /* frame */
        "u32", /* size */
        "i32", /* timeout_ms */
      ],
      result: "i32",
    },
    valet_tap_write: {
      parameters: ["i32", /* fd */ "buffer", /* frame */ "u32" /* bytes */],
      result: "i32",
    },
    valet_tap_close: { parameters: ["i32" /* fd */], result: "i32" },
  },
} as const satisfies Record<string, Deno.ForeignLibraryInterface>;

type Groups = typeof SYMBOL_GROUPS;

type Intersection<Union> = (Union extends unknown ? (member: Union) => void : never) extends
  (member: infer All) => void ? All : never;

/** The functions of a group. */
export type FunctionsOf<Group extends keyof Groups> = Deno.DynamicLibrary<
  Groups[Group]
>["symbols"];

/** The functions of all groups. */
export type NativeFunctions = Intersection<
  { [Group in keyof Groups]: FunctionsOf<Group> }[keyof Groups]
>;

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
