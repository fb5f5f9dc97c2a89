/**
 * Persistent interfaces: making and listing them.
 *
 * @module
 */

import { RequestType } from "./constants.ts";
import type { Descriptor } from "./descriptor.ts";
import { check, codeOf } from "./errors.ts";
import {
  type InterfaceInfo,
  type PortCounters,
  readInterfaceInfo,
  readPortCounters,
} from "./info.ts";
import { VALE_NEWIF } from "./layout.ts";
import { portMemory } from "./memory.ts";
import { INTERFACES, PORT, ValetRequest } from "./message.ts";
import { type InterfaceOptions, ringsAndSlots } from "./requests.ts";

/** Makes one (VALE_NEWIF). */
export function createInterface(
  descriptor: Descriptor,
  name: string,
  options: InterfaceOptions,
): InterfaceInfo {
  const { txSlots, rxSlots, txRings, rxRings, memoryId } = ringsAndSlots(options);
  const { buffers } = portMemory({
    txSlots: txSlots || undefined,
    rxSlots: rxSlots || undefined,
    txRings: txRings || undefined,
    rxRings: rxRings || undefined,
  });
  descriptor.request(RequestType.VALE_NEWIF, name, VALE_NEWIF.size)
    .setU32(VALE_NEWIF.txSlots, txSlots)
    .setU32(VALE_NEWIF.rxSlots, rxSlots)
    .setU16(VALE_NEWIF.txRings, txRings)
    .setU16(VALE_NEWIF.rxRings, rxRings)
    .setU16(VALE_NEWIF.memId, memoryId);
  const need = `It needs ${buffers} buffers`;
  return readInterfaceInfo(descriptor.control("create", name, { need }), name);
}

/** What they have counted, by name. One that goes meanwhile is left out. */
export function interfaceCounters(descriptor: Descriptor): Record<string, PortCounters> {
  const counters: Record<string, PortCounters> = Object.create(null);
  for (const name of interfaceNames(descriptor)) {
    const message = descriptor.request(ValetRequest.PORT_GET, name, PORT.size);
    const result = descriptor.tryControl("read", name);
    if (result < 0 && codeOf(result) === "ENXIO") continue;
    check(result, "read", { port: name, backend: descriptor.backend });
    counters[name] = readPortCounters(message);
  }
  return counters;
}

function interfaceNames(descriptor: Descriptor): string[] {
  const names: string[] = [];
  let cursor = 0;
  do {
    descriptor.request(ValetRequest.INTERFACES_GET, "", INTERFACES.size)
      .setU32(INTERFACES.cursor, cursor);
    const message = descriptor.control("list", "interfaces");
    const count = message.u32(INTERFACES.count);
    for (let i = 0; i < count; i++) {
      names.push(message.text(INTERFACES.names + i * INTERFACES.nameBytes, INTERFACES.nameBytes));
    }
    cursor = message.u32(INTERFACES.cursor);
  } while (cursor !== 0);
  return names;
}
