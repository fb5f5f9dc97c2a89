/**
 * Programs that decide for bridges of the kernel, through valet's lookup module (`c/module`).
 *
 * @module
 */

import { cString, type Descriptor } from "./descriptor.ts";
import { closedError, codeOf, NetmapError } from "./errors.ts";
import type { BatchLookup, Lookup, NativeLookup } from "./lookup.ts";

/** What was counted on a bridge while it had a program, in packets. */
export interface KernelLookupCounters {
  /** All of them. */
  readonly packets: number;
  /** Sent to one port. */
  readonly unicast: number;
  /** Sent to all. */
  readonly broadcast: number;
  /** Left to the learning bridge. */
  readonly learned: number;
  /** Dropped by the program. */
  readonly dropped: number;
  /** Dropped: the index of no port, or of the sender. */
  readonly noPort: number;
  /** Dropped: the program's answer was none. */
  readonly garbage: number;
  /** Dropped: indirect buffers, which a program cannot see. */
  readonly unsupported: number;
  /** Copied to a port, besides what became of the packet. */
  readonly copies: number;
  /** Copies that could not be made: no such port, or its ring is full or closed. */
  readonly copiesLost: number;
}

/** What a bridge of the kernel has for a lookup. */
export interface KernelLookupStatus {
  /** The kernel's number of the program, as `bpftool prog` shows it; 0 when there is none. */
  readonly programId: number;
  /** The program's name. */
  readonly programName: string;
  /** Number of the program that was replaced or removed now; 0 when there was none. */
  readonly replacedId: number;
  /** How often a program was loaded. */
  readonly loads: number;
  /** What was counted. */
  readonly counters: KernelLookupCounters;
}

/** `struct nm_ifreq` with `struct valet_module_request` in it: c/uapi/valet_module.h. */
export const MODULE_REQUEST = {
  size: 272,
  name: 0,
  nameBytes: 16,
  version: 16,
  command: 20,
  programFd: 24,
  programId: 28,
  replacedId: 32,
  loads: 36,
  programName: 40,
  programNameBytes: 16,
  counters: 56,
} as const;

/** VALET_MODULE_VERSION, and the commands. */
export const MODULE_VERSION = 0x4c41_5602;
/** See {@linkcode MODULE_VERSION}. */
export const ModuleCommand = { LOAD: 1, UNLOAD: 2, STATS: 3 } as const;

/** In the order of the counters in C. */
export const MODULE_COUNTERS: readonly (keyof KernelLookupCounters)[] = [
  "packets",
  "unicast",
  "broadcast",
  "learned",
  "dropped",
  "noPort",
  "garbage",
  "unsupported",
  "copies",
  "copiesLost",
];

const BUILD = "build it from c/module for this kernel and netmap, then insmod valet_lookup.ko";

const HINTS: Readonly<Record<string, string>> = {
  ENOPKG: `The kernel module valet_lookup is not loaded: ${BUILD}`,
  ENXIO: "A bridge exists while it has ports: open or attach one first",
  EACCES: "Root may do this",
  EPERM: "This needs CAP_NET_ADMIN: run as root",
  ENOEXEC: "It is no eBPF program of type XDP",
  EOPNOTSUPP: "It is a program for a device or a map's entries: load it as a plain XDP program",
  EPROTONOSUPPORT: "The kernel module valet_lookup is of another version of valet: " + BUILD,
  ENOTTY: "The bridge's lookup is another module's",
};

const bytes = new Uint8Array(MODULE_REQUEST.size);
const view = new DataView(bytes.buffer);
const decoder = new TextDecoder();

/** Sends a request; 0 or a negative error number. The answer is in `view` then. */
function send(descriptor: Descriptor, bridge: string, command: number, fd: number): number {
  bytes.fill(0);
  bytes.set(new TextEncoder().encode(`${bridge}:`).subarray(0, MODULE_REQUEST.nameBytes - 1));
  view.setUint32(MODULE_REQUEST.version, MODULE_VERSION, true);
  view.setUint32(MODULE_REQUEST.command, command, true);
  view.setInt32(MODULE_REQUEST.programFd, fd, true);
  if (descriptor.closed) throw closedError("lookup", bridge, "netmap");
  return descriptor.library.functions.valet_config(descriptor.handle, bytes, bytes.length);
}

function fail(result: number, bridge: string): never {
  const code = codeOf(result);
  throw new NetmapError("lookup", code, { port: bridge, backend: "kernel", hint: HINTS[code] });
}

function status(): KernelLookupStatus {
  const { programName, programNameBytes, counters } = MODULE_REQUEST;
  const name = bytes.subarray(programName, programName + programNameBytes);
  const counted = MODULE_COUNTERS.map((counter, i): [string, number] => [
    counter,
    Number(view.getBigUint64(counters + 8 * i, true)),
  ]);
  return {
    programId: view.getUint32(MODULE_REQUEST.programId, true),
    programName: decoder.decode(name.subarray(0, name.indexOf(0))),
    replacedId: view.getUint32(MODULE_REQUEST.replacedId, true),
    loads: view.getUint32(MODULE_REQUEST.loads, true),
    counters: Object.fromEntries(counted) as unknown as KernelLookupCounters,
  };
}

/**
 * Has a bridge of the kernel ask a program about each packet, instead of what it asked before.
 *
 * @param fd descriptor of an eBPF program of type XDP; the bridge keeps the program
 * @throws {NetmapError} ENOPKG if the lookup module is not loaded, ENXIO if the bridge has no ports, EPERM,
 * ENOEXEC if it is no such program
 */
export function loadKernelLookup(
  descriptor: Descriptor,
  bridge: string,
  fd: number,
): KernelLookupStatus {
  let result = send(descriptor, bridge, ModuleCommand.LOAD, fd);
  if (codeOf(result) === "EINVAL") {
    // Nobody answers for this bridge yet
    const taken = descriptor.library.functions.valet_module_take(cString(bridge));
    if (taken < 0) fail(taken, bridge);
    result = send(descriptor, bridge, ModuleCommand.LOAD, fd);
  }
  if (result < 0) fail(result, bridge);
  return status();
}

/**
 * Removes a bridge's program: it learns.
 *
 * @returns what it had, undefined if it had none
 * @throws {NetmapError} EPERM
 */
export function unloadKernelLookup(
  descriptor: Descriptor,
  bridge: string,
): KernelLookupStatus | undefined {
  const result = send(descriptor, bridge, ModuleCommand.UNLOAD, -1);
  if (isNone(result)) return undefined;
  if (result < 0) fail(result, bridge);
  return status();
}

/** What a bridge has; undefined if the module does not have it. */
export function kernelLookupStatus(
  descriptor: Descriptor,
  bridge: string,
): KernelLookupStatus | undefined {
  const result = send(descriptor, bridge, ModuleCommand.STATS, -1);
  if (isNone(result)) return undefined;
  if (result < 0) fail(result, bridge);
  return status();
}

/** No bridge, no lookup of the module's, no program: nothing to tell, nothing to remove. */
function isNone(result: number): boolean {
  return result < 0 && ["EINVAL", "ENXIO", "ENOENT"].includes(codeOf(result));
}

/** A lookup that this thread has set on a bridge of the kernel. */
interface Installed {
  lookup: NativeLookup;
  programId: number;
  owner: object;
  descriptor: Descriptor;
}

const installed = new Map<string, Installed>();

/**
 * Sets a bridge's lookup; it stays until it is replaced, its owner is closed, or the last port has left.
 *
 * @throws {NetmapError} EOPNOTSUPP if it cannot run in the kernel, and as `loadKernelLookup()`
 */
export function setKernelLookup(
  descriptor: Descriptor,
  bridge: string,
  lookup: Lookup | BatchLookup | NativeLookup,
  owner: object,
): void {
  if (typeof lookup === "function" || lookup.kernel === undefined) {
    throw new NetmapError("lookup", "EOPNOTSUPP", {
      port: bridge,
      backend: "kernel",
      hint: "The kernel runs compiled hooks: await compile(lookup), of valet's hook/mod.ts",
    });
  }
  const { programId } = loadKernelLookup(descriptor, bridge, lookup.kernel().fd);
  installed.set(bridge, { lookup, programId, owner, descriptor });
}

/** Removes a bridge's lookup, whoever has set it. */
export function removeKernelLookup(descriptor: Descriptor, bridge: string): void {
  unloadKernelLookup(descriptor, bridge);
  installed.delete(bridge);
}

/** What decides for a bridge: what this thread has set, "native" for what others have set. */
export function kernelLookupOf(
  descriptor: Descriptor,
  bridge: string,
): NativeLookup | "learning" | "native" {
  const { programId = 0 } = kernelLookupStatus(descriptor, bridge) ?? {};
  if (programId === 0) return "learning";
  const ours = installed.get(bridge);
  return ours?.programId === programId ? ours.lookup : "native";
}

/** Removes the lookups that an owner has set. Never throws. */
export function takeBackKernelLookups(owner: object): void {
  for (const [bridge, entry] of installed) {
    if (entry.owner !== owner && entry.descriptor !== owner) continue;
    installed.delete(bridge);
    try {
      const { programId } = kernelLookupStatus(entry.descriptor, bridge) ?? {};
      if (programId === entry.programId) unloadKernelLookup(entry.descriptor, bridge);
    } catch {
      // Without the permission, it stays
    }
  }
}
