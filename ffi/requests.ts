/**
 * Requests that several classes make.
 *
 * @module
 */

import { RequestType } from "./constants.ts";
import type { Descriptor } from "./descriptor.ts";
import { check, codeOf, NetmapError } from "./errors.ts";
import { type PoolsInfo, type PortEntry, readPoolsInfo } from "./info.ts";
import { POOLS_INFO, VALE_LIST } from "./layout.ts";

/** All ports on all bridges. */
export function listPorts(descriptor: Descriptor): PortEntry[] {
  const entries: PortEntry[] = [];
  let bridgeIndex = 0, portIndex = 0;
  while (true) {
    const message = descriptor.request(RequestType.VALE_LIST, "", VALE_LIST.size);
    message.setU16(VALE_LIST.bridgeIndex, bridgeIndex).setU32(VALE_LIST.portIndex, portIndex);
    const result = descriptor.tryControl("list", "ports");
    if (result < 0 && codeOf(result) === "ENOENT") return entries;
    check(result, "list", { port: "ports", backend: descriptor.backend });
    bridgeIndex = message.u16(VALE_LIST.bridgeIndex);
    portIndex = message.u32(VALE_LIST.portIndex);
    const { name } = message;
    const colon = name.indexOf(":");
    entries.push({
      name,
      // The kernel loses the bridge of a port that its defect D1 has hit
      bridge: name.slice(0, Math.max(colon, 0)),
      interface: name.slice(colon + 1),
      bridgeIndex,
      portIndex,
    });
    portIndex++;
  }
}

/** The pools of a port's memory. */
export function readPools(descriptor: Descriptor, name: string): PoolsInfo {
  descriptor.request(RequestType.POOLS_INFO_GET, name, POOLS_INFO.size);
  return readPoolsInfo(descriptor.control("describe", name));
}

/** The pools of a memory region. netmap answers for names only, so it is looked for on the bridges. */
export function findPools(descriptor: Descriptor, memoryId: number): PoolsInfo {
  for (const { name } of listPorts(descriptor)) {
    const pools = readPools(descriptor, name);
    if (pools.memoryId === memoryId) return pools;
  }
  throw new NetmapError("describe", "ENXIO", {
    port: `memory ${memoryId}`,
    hint: "No port on a bridge has that memory: ask by the name of a port or interface",
  });
}
