// Shows that ffi/layout.ts and ffi/constants.ts say what a C compiler says about c/uapi.

import assert from "node:assert/strict";
import * as constants from "../../ffi/constants.ts";
import * as layout from "../../ffi/layout.ts";

type Layout = Readonly<Record<string, number>>;

/** Per structure: its C name and, for each key but `size`, the C field (or a whole expression). */
const STRUCTURES: Record<keyof typeof layout, [string, Record<string, string>]> = {
  INTERFACE: ["netmap_if", {
    name: "ni_name",
    version: "ni_version",
    flags: "ni_flags",
    txRings: "ni_tx_rings",
    rxRings: "ni_rx_rings",
    bufsHead: "ni_bufs_head",
    hostTxRings: "ni_host_tx_rings",
    hostRxRings: "ni_host_rx_rings",
    ringOffsets: "ring_ofs",
  }],
  RING: ["netmap_ring", {
    bufOffset: "buf_ofs",
    slotCount: "num_slots",
    bufSize: "nr_buf_size",
    ringId: "ringid",
    direction: "dir",
    head: "head",
    cur: "cur",
    tail: "tail",
    flags: "flags",
    timestampSeconds: "ts.tv_sec",
    timestampMicroseconds: "ts.tv_usec",
    offsetMask: "offset_mask",
    bufAlign: "buf_align",
    sem: "sem",
    slots: "slot",
  }],
  SLOT: ["netmap_slot", { bufIndex: "buf_idx", length: "len", flags: "flags", ptr: "ptr" }],
  CSB_ATOK: ["nm_csb_atok", {
    head: "head",
    cur: "cur",
    applNeedKick: "appl_need_kick",
    syncFlags: "sync_flags",
  }],
  CSB_KTOA: ["nm_csb_ktoa", { hwcur: "hwcur", hwtail: "hwtail", kernNeedKick: "kern_need_kick" }],
  HEADER: ["nmreq_header", {
    version: "nr_version",
    requestType: "nr_reqtype",
    reserved: "nr_reserved",
    name: "nr_name",
    options: "nr_options",
    body: "nr_body",
  }],
  OPTION: ["nmreq_option", {
    next: "nro_next",
    optionType: "nro_reqtype",
    status: "nro_status",
    optionSize: "nro_size",
  }],
  REGISTER: ["nmreq_register", {
    offset: "nr_offset",
    memsize: "nr_memsize",
    txSlots: "nr_tx_slots",
    rxSlots: "nr_rx_slots",
    txRings: "nr_tx_rings",
    rxRings: "nr_rx_rings",
    hostTxRings: "nr_host_tx_rings",
    hostRxRings: "nr_host_rx_rings",
    memId: "nr_mem_id",
    ringId: "nr_ringid",
    mode: "nr_mode",
    extraBufs: "nr_extra_bufs",
    flags: "nr_flags",
  }],
  PORT_INFO: ["nmreq_port_info_get", {
    memsize: "nr_memsize",
    txSlots: "nr_tx_slots",
    rxSlots: "nr_rx_slots",
    txRings: "nr_tx_rings",
    rxRings: "nr_rx_rings",
    hostTxRings: "nr_host_tx_rings",
    hostRxRings: "nr_host_rx_rings",
    memId: "nr_mem_id",
  }],
  VALE_ATTACH: ["nmreq_vale_attach", { register: "reg", portIndex: "port_index" }],
  VALE_DETACH: ["nmreq_vale_detach", { portIndex: "port_index" }],
  VALE_LIST: ["nmreq_vale_list", { bridgeIndex: "nr_bridge_idx", portIndex: "nr_port_idx" }],
  PORT_HEADER: ["nmreq_port_hdr", { length: "nr_hdr_len" }],
  VALE_NEWIF: ["nmreq_vale_newif", {
    txSlots: "nr_tx_slots",
    rxSlots: "nr_rx_slots",
    txRings: "nr_tx_rings",
    rxRings: "nr_rx_rings",
    memId: "nr_mem_id",
  }],
  VALE_POLLING: ["nmreq_vale_polling", {
    mode: "nr_mode",
    firstCpu: "nr_first_cpu_id",
    cpuCount: "nr_num_polling_cpus",
  }],
  POOLS_INFO: ["nmreq_pools_info", {
    memsize: "nr_memsize",
    memId: "nr_mem_id",
    ifOffset: "nr_if_pool_offset",
    ifCount: "nr_if_pool_objtotal",
    ifSize: "nr_if_pool_objsize",
    ringOffset: "nr_ring_pool_offset",
    ringCount: "nr_ring_pool_objtotal",
    ringSize: "nr_ring_pool_objsize",
    bufOffset: "nr_buf_pool_offset",
    bufCount: "nr_buf_pool_objtotal",
    bufSize: "nr_buf_pool_objsize",
  }],
  SYNC_KLOOP_START: ["nmreq_sync_kloop_start", { sleepMicroseconds: "sleep_us" }],
  OPTION_EXTMEM: ["nmreq_opt_extmem", { address: "nro_usrptr", info: "nro_info" }],
  OPTION_SYNC_KLOOP_EVENTFDS: ["nmreq_opt_sync_kloop_eventfds", {
    entries: "eventfds",
    entrySize: "sizeof(((struct nmreq_opt_sync_kloop_eventfds *)0)->eventfds[0])",
  }],
  OPTION_CSB: ["nmreq_opt_csb", { atok: "csb_atok", ktoa: "csb_ktoa" }],
  OPTION_SYNC_KLOOP_MODE: ["nmreq_opt_sync_kloop_mode", { mode: "mode" }],
  OPTION_OFFSETS: ["nmreq_opt_offsets", {
    maxOffset: "nro_max_offset",
    initialOffset: "nro_initial_offset",
    offsetBits: "nro_offset_bits",
    txAlign: "nro_tx_align",
    minGap: "nro_min_gap",
  }],
};

/** Per object of constants: what netmap puts in front of its names; plain numbers: the C name. */
const CONSTANTS: Record<keyof typeof constants, string> = {
  RequestType: "NETMAP_REQ_",
  OptionType: "NETMAP_REQ_OPT_",
  RegisterMode: "NR_REG_",
  RegisterFlag: "NR_",
  SlotFlag: "NS_",
  RingFlag: "NR_",
  RingDirection: "NR_DIR_",
  InterfaceFlag: "NI_",
  PollingMode: "NETMAP_POLLING_MODE_",
  SyncKloopMode: "NM_OPT_SYNC_KLOOP_",
  API_VERSION: "NETMAP_API",
  REQUEST_NAME_BYTES: "NETMAP_REQ_IFNAMSIZ",
  INTERFACE_NAME_BYTES: "NETMAP_IFNAMSIZ",
  MAX_FRAGMENTS: "NETMAP_MAX_FRAGS",
  BROADCAST: "NM_BDG_BROADCAST",
  DROP: "NM_BDG_NOPORT",
  LEARN: "VALET_LEARN",
  SLOT_FRAGMENTS_SHIFT: "NS_PORT_SHIFT",
};

/** Rows of [what, the number in TypeScript, the C expression for it]. */
function rows(): [string, number, string][] {
  const all: [string, number, string][] = [];
  for (const [name, [struct, fields]] of Object.entries(STRUCTURES)) {
    const object: Layout = layout[name as keyof typeof layout];
    assert.deepEqual(Object.keys(object), ["size", ...Object.keys(fields)], `keys of ${name}`);
    all.push([`${name}.size`, object.size, `sizeof(struct ${struct})`]);
    for (const [key, field] of Object.entries(fields)) {
      const expression = field.startsWith("sizeof(")
        ? field
        : `offsetof(struct ${struct}, ${field})`;
      all.push([`${name}.${key}`, object[key], expression]);
    }
  }
  for (const [name, prefix] of Object.entries(CONSTANTS)) {
    const value: number | Layout = constants[name as keyof typeof constants];
    const entries = typeof value === "number" ? { "": value } : value;
    for (const [key, number] of Object.entries(entries)) {
      all.push([key === "" ? name : `${name}.${key}`, number, prefix + key]);
    }
  }
  return all;
}

/** Why no C program can be compiled here, or an empty string. */
async function noCompiler(): Promise<string> {
  try {
    const { success } = await new Deno.Command("cc", { args: ["--version"] }).output();
    return success ? "" : "cc does not run";
  } catch (error) {
    return error instanceof Error ? `no C compiler: ${error.message}` : String(error);
  }
}

/** Compiles and runs a C program in a new directory; returns its output. */
async function runC(source: string): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "valet_layout_" });
  try {
    const program = `${directory}/layout`;
    await Deno.writeTextFile(`${program}.c`, source);
    const include = new URL("../../c/uapi", import.meta.url).pathname;
    const cc = await new Deno.Command("cc", {
      args: [
        "-std=gnu11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-I",
        include,
        "-o",
        program,
        `${program}.c`,
      ],
    }).output();
    assert.ok(cc.success, new TextDecoder().decode(cc.stderr));
    const run = await new Deno.Command(program).output();
    assert.ok(run.success, `${program} failed`);
    return new TextDecoder().decode(run.stdout);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const reason = await noCompiler();

Deno.test({
  name: `layout and constants equal what the C compiler says${reason && ` (skipped: ${reason})`}`,
  ignore: reason !== "",
  fn: async () => {
    const expected = rows();
    const lines = expected.map(([what, , c]) => `\tprintf("${what} %ld\\n", (long)(${c}));`);
    const output = await runC([
      "#include <stdio.h>",
      '#include "../valet_lookup.h"',
      '#include "netmap_assert.h"', // its assertions are checked on the way
      "int main(void)",
      "{",
      ...lines,
      "\treturn 0;",
      "}",
      "",
    ].join("\n"));
    const fromC = output.trimEnd().split("\n");
    assert.deepEqual(expected.map(([what, number]) => `${what} ${number}`), fromC);
  },
});

Deno.test("layout test covers every exported structure and constant", () => {
  assert.deepEqual(Object.keys(STRUCTURES).sort(), Object.keys(layout).sort());
  assert.deepEqual(Object.keys(CONSTANTS).sort(), Object.keys(constants).sort());
});

Deno.test("RequestType and OptionType number netmap's requests and options without gaps", () => {
  const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
  assert.deepEqual(Object.values(constants.RequestType), upTo(15));
  assert.deepEqual(Object.values(constants.OptionType), upTo(5));
});
