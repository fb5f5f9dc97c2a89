// Shows that ffi/symbols.ts and ffi/message.ts say what the headers in c/ say.

import assert from "node:assert/strict";
import { ABI, LOOKUP_CALLBACK, SYMBOL_GROUPS } from "../../ffi/symbols.ts";
import { ATTACH, BRIDGE, LOOKUP, PORT, TABLE, ValetRequest } from "../../ffi/message.ts";
import { DROP_CAUSES } from "../../ffi/info.ts";
import { builtLibraryPath } from "../../ffi/build.ts";

/** All functions; none is in two groups. */
const SYMBOLS: Record<string, Deno.ForeignFunction> = {};
for (const [name, symbol] of Object.values(SYMBOL_GROUPS).flatMap((it) => Object.entries(it))) {
  assert.ok(!(name in SYMBOLS), name);
  SYMBOLS[name] = symbol;
}

function header(path: string): string {
  const text = Deno.readTextFileSync(new URL(`../../c/${path}`, import.meta.url));
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "");
}

/** The type of a C parameter or result as Deno calls it. */
function typeOf(declaration: string): string {
  // What C made is an address, what the script has is a buffer
  if (/\*table\b/.test(declaration)) return "pointer";
  if (declaration.includes("*")) return "buffer";
  if (/\bu?int32_t\b/.test(declaration)) return declaration.includes("uint") ? "u32" : "i32";
  if (/\bdouble\b/.test(declaration)) return "f64";
  return declaration.trim();
}

Deno.test("symbols.ts declares each function of valet.h with its types", () => {
  const functions = [
    ...header("valet.h").matchAll(
      /VALET_API\s+([\w\s]+?[\s*]+)(valet_\w+)\(([^)]*)\);/g,
    ),
  ];
  assert.ok(functions.length > 10);
  const declared = new Set(Object.keys(SYMBOLS));
  for (const [, result, name, parameters] of functions) {
    const symbol = SYMBOLS[name];
    assert.ok(symbol !== undefined, `${name} is missing in symbols.ts`);
    const types = parameters === "void" ? [] : parameters.split(",").map(typeOf);
    assert.deepEqual(symbol.parameters, types, name);
    assert.equal(symbol.result, result.includes("*") ? "pointer" : typeOf(result), name);
    declared.delete(name);
  }
  assert.deepEqual([...declared].sort(), [
    "valet_config_async",
    "valet_control_async",
    "valet_daemon_ask_async",
    "valet_poll_async",
    "valet_serve_wait_async",
    "valet_sync_loop_stop_async",
    "valet_sync_loop_wait_async",
  ]);
  for (const name of declared) {
    const { parameters, result } = SYMBOLS[name.replace("_async", "")];
    assert.deepEqual(SYMBOLS[name].parameters, parameters, name);
    assert.deepEqual(SYMBOLS[name].result, result, name);
  }
});

Deno.test("symbols.ts is for the ABI of valet.h", () => {
  assert.equal(header("valet.h").match(/#define VALET_ABI (\d+)/)?.[1], String(ABI));
});

Deno.test("the lookup callback has the parameters of valet_lookup_script", () => {
  const parameters = header("valet_lookup.h").match(/\*valet_lookup_script\)\(([^)]*)\)/)?.[1];
  assert.deepEqual(LOOKUP_CALLBACK.parameters, parameters?.split(",").map(typeOf));
});

Deno.test("requests and drop causes have the numbers of valet_requests.h", () => {
  const text = header("uapi/valet_requests.h");
  for (const [name, number] of Object.entries(ValetRequest)) {
    assert.equal(text.match(new RegExp(`VALET_REQ_${name} = (\\w+)`))?.[1], hex(number));
  }
  const causes = text.match(/enum valet_drop \{([^}]*)\}/)![1].match(/VALET_DROP_\w+/g)!
    .map((name) => name.slice("VALET_DROP_".length).toLowerCase());
  assert.deepEqual([...DROP_CAUSES].map(snakeCase), causes.slice(0, -1));
});

function hex(number: number): string {
  return `0x${number.toString(16)}`;
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

Deno.test("messages have the layout that a C compiler gives the structures", async () => {
  const fields: [string, number][] = [
    ["sizeof(struct valet_req_bridge)", BRIDGE.size],
    ["offsetof(struct valet_req_bridge, index)", BRIDGE.index],
    ["offsetof(struct valet_req_bridge, ports)", BRIDGE.ports],
    ["offsetof(struct valet_req_bridge, lookup)", BRIDGE.lookup],
    ["offsetof(struct valet_req_bridge, table_buckets)", BRIDGE.tableBuckets],
    ["offsetof(struct valet_req_bridge, table_entries)", BRIDGE.tableEntries],
    ["offsetof(struct valet_req_bridge, ageing_ms)", BRIDGE.ageingMs],
    ["offsetof(struct valet_req_bridge, port_limit)", BRIDGE.portLimit],
    ["sizeof(struct valet_req_table)", TABLE.size],
    ["offsetof(struct valet_req_table, cursor)", TABLE.cursor],
    ["offsetof(struct valet_req_table, count)", TABLE.count],
    ["offsetof(struct valet_req_table, entries)", TABLE.entries],
    ["sizeof(struct valet_table_entry)", TABLE.entrySize],
    ["offsetof(struct valet_table_entry, mac)", TABLE.entryMac],
    ["offsetof(struct valet_table_entry, port)", TABLE.entryPort],
    ["offsetof(struct valet_table_entry, age_ms)", TABLE.entryAgeMs],
    ["sizeof(struct valet_req_lookup)", LOOKUP.size],
    ["offsetof(struct valet_req_lookup, kind)", LOOKUP.kind],
    ["offsetof(struct valet_req_lookup, busy)", LOOKUP.busy],
    ["offsetof(struct valet_req_lookup, function)", LOOKUP.function],
    ["offsetof(struct valet_req_lookup, context)", LOOKUP.context],
    ["sizeof(struct valet_req_attach)", ATTACH.size],
    ["offsetof(struct valet_req_attach, device)", ATTACH.device],
    ["offsetof(struct valet_req_attach, netns)", ATTACH.namespace],
    ["VALET_NETNS_BYTES", ATTACH.namespaceBytes],
    ["sizeof(struct valet_req_port)", PORT.size],
    ["offsetof(struct valet_req_port, bridge)", PORT.bridge],
    ["offsetof(struct valet_req_port, index)", PORT.index],
    ["offsetof(struct valet_req_port, tx_rings)", PORT.txRings],
    ["offsetof(struct valet_req_port, rx_rings)", PORT.rxRings],
    ["offsetof(struct valet_req_port, opens)", PORT.opens],
    ["offsetof(struct valet_req_port, kind)", PORT.kind],
    ["offsetof(struct valet_req_port, mem_id)", PORT.memId],
    ["offsetof(struct valet_req_port, tx_packets)", PORT.txPackets],
    ["offsetof(struct valet_req_port, tx_bytes)", PORT.txBytes],
    ["offsetof(struct valet_req_port, rx_packets)", PORT.rxPackets],
    ["offsetof(struct valet_req_port, rx_bytes)", PORT.rxBytes],
    ["offsetof(struct valet_req_port, ring_resets)", PORT.ringResets],
    ["offsetof(struct valet_req_port, drops)", PORT.drops],
    ["VALET_DROP_CAUSES", DROP_CAUSES.length],
  ];
  const source = `#include <stddef.h>
#include "${new URL("../../c/uapi/valet_requests.h", import.meta.url).pathname}"
${fields.map(([c, n]) => `_Static_assert(${c} == ${n}, "${c} is not ${n}");`).join("\n")}`;
  const compiler = new Deno.Command("cc", {
    args: ["-std=gnu11", "-fsyntax-only", "-x", "c", "-"],
    stdin: "piped",
    stderr: "piped",
  }).spawn();
  const writer = compiler.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  const { success, stderr } = await compiler.output();
  assert.ok(success, new TextDecoder().decode(stderr));
});

Deno.test("the built library has all functions and the ABI", () => {
  const library = Deno.dlopen(builtLibraryPath()!, SYMBOLS);
  assert.equal(library.symbols.valet_abi(), ABI);
  library.close();
});
