/**
 * Attaching interfaces to bridges.
 *
 * @module
 */

import { RegisterMode, RequestType } from "./constants.ts";
import type { Descriptor } from "./descriptor.ts";
import { show } from "./errors.ts";
import { REGISTER, VALE_ATTACH } from "./layout.ts";
import { ATTACH, ValetRequest } from "./message.ts";
import { type InterfaceOptions, ringsAndSlots } from "./requests.ts";

/**
 * What valet's engine reaches a network interface through. "auto": the best that can be had; "af_xdp",
 * "af_packet": sockets of the kernel; "tap": the other end of a TAP interface, which is made if it does
 * not exist, and then goes when it is detached.
 */
export type DeviceKind = "auto" | "af_xdp" | "af_packet" | "tap";

/** In the order of `enum valet_device` in `c/uapi/valet_requests.h`. */
export const DEVICES: readonly DeviceKind[] = ["auto", "af_xdp", "af_packet", "tap"];

/**
 * Options of `bridge.attach()`. Sizes and the memory region are for NICs that are not in use yet; an
 * interface that exists already keeps its own.
 */
export interface AttachOptions extends InterfaceOptions {
  /**
   * Attach the host's side of a NIC as well, as a second port, "eth1^": what the system's own network
   * stack sends through the interface comes out of it, and what is sent to it the stack receives. The
   * stack keeps addresses, routes and connections. Without it the stack is cut off from the
   * interface. Default: false.
   */
  hostRings?: boolean | undefined;
  /**
   * Network namespace of the interface: a name of `ip netns`, a path like "/proc/42/ns/net", or the
   * number of a process. Not on the kernel. Default: that of this process.
   */
  namespace?: string | number | undefined;
  /** What the interface is reached through. Not on the kernel. Default: "auto". */
  device?: DeviceKind | undefined;
}

/**
 * Attaches an interface, and returns its port index.
 *
 * @param port "vale0:eth1"
 */
export function attach(descriptor: Descriptor, port: string, options: AttachOptions): number {
  const { hostRings = false, namespace = "", device = "auto" } = options;
  const { txSlots, rxSlots, txRings, rxRings, memoryId } = ringsAndSlots(options);
  if (!DEVICES.includes(device)) {
    throw new TypeError(`Cannot use ${show(device)} as device: expected one of ${DEVICES}`);
  }
  const isPlain = namespace === "" && device === "auto";
  const message = isPlain
    ? descriptor.request(RequestType.VALE_ATTACH, port, VALE_ATTACH.size)
    : descriptor.request(ValetRequest.ATTACH, port, ATTACH.size)
      .setU32(ATTACH.device, DEVICES.indexOf(device))
      .setText(ATTACH.namespace, ATTACH.namespaceBytes, String(namespace));
  message
    .setU32(
      VALE_ATTACH.register + REGISTER.mode,
      hostRings ? RegisterMode.NIC_SW : RegisterMode.ALL_NIC,
    )
    .setU32(VALE_ATTACH.register + REGISTER.txSlots, txSlots)
    .setU32(VALE_ATTACH.register + REGISTER.rxSlots, rxSlots)
    .setU16(VALE_ATTACH.register + REGISTER.txRings, txRings)
    .setU16(VALE_ATTACH.register + REGISTER.rxRings, rxRings)
    .setU16(VALE_ATTACH.register + REGISTER.memId, memoryId);
  return descriptor.control("attach", port).u32(VALE_ATTACH.portIndex);
}
