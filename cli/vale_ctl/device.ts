/**
 * What vale-ctl's -t says: a device, and for Unix sockets their paths.
 *
 * Pure.
 *
 * @module
 */

import type { AttachOptions } from "../../mod.ts";
import { UsageError } from "../context.ts";

/** A device and its paths. */
export type DeviceChoice = Required<Pick<AttachOptions, "device" | "socket" | "peer">>;

/**
 * Reads "tap", or "stream,socket=/run/vm1.sock". A path ends at a comma that "socket=" or "peer=" follows.
 *
 * @throws {UsageError} if it is nothing of the kind
 */
export function parseDevice(text: string): DeviceChoice {
  const [device, ...parts] = text.split(/,(?=socket=|peer=)/);
  const paths = new Map<string, string>();
  for (const part of parts) {
    const end = part.indexOf("=");
    const name = part.slice(0, end), path = part.slice(end + 1);
    if (path === "") throw new UsageError(`There is no path behind '${name}=' in '${text}'`);
    if (paths.has(name)) throw new UsageError(`There are two of ${name} in '${text}'`);
    paths.set(name, path);
  }
  const socket = paths.get("socket"), peer = paths.get("peer");
  if (device === "stream" && (socket === undefined) !== (peer === undefined)) {
    return { device, socket, peer };
  }
  if (device === "dgram" && socket !== undefined) return { device, socket, peer };
  if (parts.length === 0 && (device === "af_xdp" || device === "af_packet" || device === "tap")) {
    return { device, socket, peer };
  }
  throw new UsageError(
    `Cannot use '${text}' with -t: expected af_xdp, af_packet, tap, stream,socket=PATH, ` +
      "stream,peer=PATH or dgram,socket=PATH[,peer=PATH]",
  );
}
