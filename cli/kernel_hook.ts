/**
 * `valet hook` on bridges of netmap's kernel module: hooks as eBPF, which valet's lookup module runs.
 *
 * A program stays on its bridge when the command ends; nobody but the kernel has its tables then.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { hookFromObject, type ObjectOptions } from "../hook/mod.ts";
import { type KernelLookupStatus, type NativeLookup, Netmap } from "../mod.ts";
import type { Context } from "./context.ts";
import type { HookInfo, HookLoaded, HookStats, HookUnloaded } from "./daemon/answers.ts";
import { readHookFile } from "./daemon/hook_file.ts";

/** Has the bridge run an object file, or a file in TypeScript, which is compiled first. */
export async function loadInKernel(
  bridge: string,
  file: string,
  options: ObjectOptions,
  { instance }: Context,
): Promise<HookLoaded> {
  const native = await hookOf(file, options);
  // Not closed: that would take the program back
  const netmap = Netmap.open({ backend: "kernel" });
  const before = netmap.bridge(bridge).kernelLookup();
  netmap.bridge(bridge).setLookup(native);
  const replaced = before === undefined || before.programId === 0 ? undefined : before.programName;
  return { bridge, instance, file, form: "eBPF", state: "active", replaced, stuck: false };
}

async function hookOf(file: string, options: ObjectOptions): Promise<NativeLookup> {
  if (isObjectFile(file)) return await hookFromObject(file, options);
  const url = /^[a-z][a-z0-9+.-]+:/i.test(file) ? file : pathToFileURL(file).href;
  const { native } = await readHookFile(url, "eBPF");
  return native!;
}

/** Whether a file's name is that of an object file. */
export function isObjectFile(file: string): boolean {
  return /\.o$/.test(file);
}

/** All bridges that have a program. */
export function listInKernel(context: Context): HookInfo[] {
  using netmap = Netmap.open({ backend: "kernel" });
  const bridges = new Set<string>();
  // The kernel loses the bridge of a port that its defect D1 has hit
  for (const { bridge } of netmap.ports()) if (bridge !== "") bridges.add(bridge);
  const infos: HookInfo[] = [];
  for (const bridge of [...bridges].sort()) {
    const status = netmap.bridge(bridge).kernelLookup();
    if (status !== undefined && status.programId !== 0) infos.push(infoOf(bridge, status, context));
  }
  return infos;
}

/** Removes the program of a bridge. */
export function unloadInKernel(bridge: string, context: Context): HookUnloaded {
  const info = statsInKernel(bridge, context);
  using netmap = Netmap.open({ backend: "kernel" });
  netmap.bridge(bridge).setLookup(null);
  return { ...info, stuck: false };
}

/** What the module has counted. */
export function statsInKernel(bridge: string, context: Context): HookStats {
  using netmap = Netmap.open({ backend: "kernel" });
  const status = netmap.bridge(bridge).kernelLookup();
  if (status === undefined || status.programId === 0) {
    throw new Error(`Cannot find a hook on "${bridge}": none is loaded`);
  }
  return { ...infoOf(bridge, status, context), own: status.counters };
}

function infoOf(
  bridge: string,
  { programId, programName, counters }: KernelLookupStatus,
  { instance }: Context,
): HookInfo {
  return {
    bridge,
    instance,
    file: `eBPF program ${programId} (${programName})`,
    form: "eBPF",
    since: "",
    state: "active",
    packets: counters.packets,
    errors: counters.garbage,
  };
}
