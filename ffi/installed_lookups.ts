/**
 * The lookups that this thread has set, kept from being collected while C can call them.
 *
 * @module
 */

import { Descriptor } from "./descriptor.ts";
import { codeOf, NetmapError } from "./errors.ts";
import { takeBackKernelLookups } from "./kernel_lookup.ts";
import type { EngineLookup } from "./lookup.ts";
import { lookupState } from "./lookup_state.ts";
import { BRIDGE, LOOKUP, ValetRequest } from "./message.ts";

// enum valet_lookup_kind of c/uapi/valet_requests.h
const LEARNING = 0;
const NATIVE = 1;
const SCRIPT = 2;

/** A lookup that is set. */
export interface InstalledLookup {
  /** The lookup. */
  lookup: EngineLookup;
  /** Who takes it back. */
  owner: object;
  /** A descriptor of the engine. */
  descriptor: Descriptor;
  /** Its bridge. */
  bridge: string;
}

const installed = new Map<string, InstalledLookup>();

/** Lookups that were replaced while another call was inside them, by the key of their bridge. */
const retired = new Map<EngineLookup, Place>();

/** Which bridge of which engine. */
interface Place {
  key: string;
  bridge: string;
  /** A descriptor of the engine; may be closed. */
  descriptor: Descriptor;
}

function keyOf(descriptor: Descriptor, bridge: string): string {
  return `${descriptor.engine} ${bridge}`;
}

/** The lookup that this thread has set on a bridge. */
export function installedLookup(
  descriptor: Descriptor,
  bridge: string,
): InstalledLookup | undefined {
  return installed.get(keyOf(descriptor, bridge));
}

/** Sets a lookup on a bridge. */
export function installLookup(
  descriptor: Descriptor,
  bridge: string,
  lookup: EngineLookup,
  owner: object,
): void {
  let busy: boolean;
  try {
    busy = setLookup(descriptor, bridge, lookup);
  } catch (error) {
    lookup.close();
    throw error;
  }
  replace(keyOf(descriptor, bridge), { lookup, owner, descriptor, bridge }, busy);
}

/** Goes back to the learning bridge, whoever has set what is there now. */
export function removeLookup(descriptor: Descriptor, bridge: string): void {
  const busy = setLookup(descriptor, bridge);
  replace(keyOf(descriptor, bridge), undefined, busy);
}

/** Takes back what an owner has set, and frees what was busy before. Never throws. */
export function takeBackLookups(owner: object): void {
  takeBackKernelLookups(owner);
  for (const [key, entry] of installed) {
    if (entry.owner !== owner && entry.descriptor !== owner) continue;
    const { bridge, lookup } = entry;
    try {
      replace(key, undefined, takeBack(entry.descriptor, bridge, lookup));
    } catch (error) {
      replace(key, undefined, lookupState.depth > 0 || !isGone(error));
    }
  }
  if (lookupState.depth > 0) return;
  for (const place of new Set(retired.values())) sweep(place);
}

/** Goes back to the learning bridge, unless somebody else has set a lookup since. */
function takeBack(descriptor: Descriptor, bridge: string, lookup: EngineLookup): boolean {
  const message = descriptor.request(ValetRequest.LOOKUP_SET, `${bridge}:`, LOOKUP.size);
  message.setU32(LOOKUP.kind, LEARNING).setU64(LOOKUP.function, lookup.address);
  descriptor.control("lookup", bridge);
  return message.u32(LOOKUP.busy) !== 0;
}

function replace(key: string, entry: InstalledLookup | undefined, busy: boolean): void {
  const old = installed.get(key);
  if (entry === undefined) installed.delete(key);
  else installed.set(key, entry);
  if (old !== undefined) {
    retired.set(old.lookup, { key, bridge: old.bridge, descriptor: old.descriptor });
  }
  if (!busy) free(key);
}

/** Frees what nobody can be inside of any more. */
function free(key: string): void {
  for (const [lookup, place] of retired) {
    if (place.key !== key) continue;
    retired.delete(lookup);
    lookup.close();
  }
}

/** Sets what is set already once more, which tells whether a call is still inside older ones. */
function sweep({ key, bridge, descriptor: known }: Place): void {
  const { library, backend, instance } = known;
  let descriptor = known;
  try {
    if (known.closed) descriptor = Descriptor.open(library, backend, instance, "netmap");
    const lookup = installed.get(key)?.lookup;
    // What somebody else has set stays
    if (lookup === undefined && lookupKind(descriptor, bridge) !== LEARNING) return;
    if (!setLookup(descriptor, bridge, lookup)) free(key);
  } catch (error) {
    if (isGone(error)) free(key);
  } finally {
    if (descriptor !== known) descriptor.close();
  }
}

/** True when the bridge is gone, and its lookup with it: who is inside keeps a port, and so the bridge. */
function isGone(error: unknown): boolean {
  return error instanceof NetmapError && error.code === "ENXIO";
}

/**
 * Without a lookup the bridge learns. Returns true if another thread may still be inside the one that was
 * there before.
 */
function setLookup(descriptor: Descriptor, bridge: string, lookup?: EngineLookup): boolean {
  const message = descriptor.request(ValetRequest.LOOKUP_SET, `${bridge}:`, LOOKUP.size);
  const kind = lookup === undefined ? LEARNING : lookup.isNative ? NATIVE : SCRIPT;
  message.setU32(LOOKUP.kind, kind)
    .setU64(LOOKUP.function, lookup?.address ?? 0n)
    .setU64(LOOKUP.context, lookup?.context ?? 0n);
  const result = descriptor.tryControl("lookup", bridge);
  if (result < 0) {
    const code = codeOf(result);
    throw new NetmapError("lookup", code, { port: bridge, backend: descriptor.backend });
  }
  return message.u32(LOOKUP.busy) !== 0;
}

/** What kind of lookup a bridge has. */
export function lookupKind(descriptor: Descriptor, bridge: string): number {
  descriptor.request(ValetRequest.BRIDGE_GET, `${bridge}:`, BRIDGE.size);
  return descriptor.control("read", bridge).u32(BRIDGE.lookup);
}
