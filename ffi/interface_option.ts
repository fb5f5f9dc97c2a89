/**
 * Which of the system's network interfaces a name is: valet's own option of a REGISTER.
 *
 * @module
 */

import { type DeviceKind, DEVICES } from "./attach.ts";
import { show } from "./errors.ts";
import { INTERFACE_OPTION, type Message, ValetOption } from "./message.ts";

/** Of `netmap.open()`, for interfaces of the system ("netmap:eth1") on valet's engine. */
export interface InterfaceChoice {
  /**
   * Network namespace of the interface: a name of `ip netns`, a path like "/proc/42/ns/net", or the
   * number of a process. Default: that of this process.
   */
  namespace?: string | number | undefined;
  /** What the interface is reached through. Default: "auto". */
  device?: Exclude<DeviceKind, "tap"> | undefined;
}

/** Adds the option, if there is something to say. */
export function addInterface(
  message: Message,
  { namespace = "", device = "auto" }: InterfaceChoice,
): void {
  if (!DEVICES.includes(device) || (device as DeviceKind) === "tap") {
    throw new TypeError(
      `Cannot use ${show(device)} as device: expected one of auto,af_xdp,af_packet`,
    );
  }
  if (namespace === "" && device === "auto") return;
  const at = message.addOption(ValetOption.INTERFACE, INTERFACE_OPTION.size);
  message.view.setUint32(at + INTERFACE_OPTION.device, DEVICES.indexOf(device), true);
  message.writeText(at + INTERFACE_OPTION.namespace, INTERFACE_OPTION.namespaceBytes, namespace);
}
