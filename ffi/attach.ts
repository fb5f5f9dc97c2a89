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
 * What valet's engine reaches a network interface through. "auto": AF_XDP on cards whose driver
 * has XDP, packet sockets on all other interfaces; "af_xdp": AF_XDP sockets, the fastest for small packets;
 * "af_packet": packet sockets, which take over what work other interfaces leave to "the card"; "tap": the
 * other end of a TAP interface, which is made if it does not exist, and then goes when it is detached.
 * `bridge.counters()` tells which it has become.
 *
 * "stream" and "dgram" are Unix sockets, which virtual machines and user-space network stacks send their
 * frames through: QEMU's `-netdev stream` and `-netdev dgram`, passt. They take no privileges. The
 * name that is attached is only the port's then.
 */
export type DeviceKind = "auto" | "af_xdp" | "af_packet" | "tap" | "stream" | "dgram";

/** In the order of `enum valet_device` in `c/uapi/valet_requests.h`. */
export const DEVICES: readonly DeviceKind[] = [
  "auto",
  "af_xdp",
  "af_packet",
  "tap",
  "stream",
  "dgram",
];

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
  /**
   * With "stream": path of the socket that is made and listened at; one program at a time is connected,
   * others wait. With "dgram": path of the socket that is made. It goes when it is detached. A path that
   * begins with "@" is a name that is no file (unix(7), "abstract"). At most 107 bytes.
   */
  socket?: string | undefined;
  /**
   * With "stream", instead of `socket`: path of a socket that another program listens at; it is connected
   * to as soon as it is there, and again whenever it is lost. With "dgram": path of the other's socket.
   * Default then: whoever has sent last. While nobody is there, what is sent to the port is lost and
   * counted (`interface`).
   */
  peer?: string | undefined;
}

/** Checks what is asked for. */
function checkDevice(options: AttachOptions): void {
  const { device = "auto", socket, peer, namespace = "", hostRings = false } = options;
  if (!DEVICES.includes(device)) {
    throw new TypeError(`Cannot use ${show(device)} as device: expected one of ${DEVICES}`);
  }
  const isSocket = device === "stream" || device === "dgram";
  const name = socket === undefined ? "peer" : "socket";
  if (!isSocket && (socket ?? peer) !== undefined) {
    throw new TypeError(
      `Cannot use ${name} with device ${show(device)}: it goes with "stream" and "dgram"`,
    );
  }
  if (!isSocket) return;
  if (namespace !== "" || hostRings) {
    const option = hostRings ? "hostRings" : "namespace";
    throw new TypeError(
      `Cannot use ${option} with device ${show(device)}: it goes with interfaces`,
    );
  }
  if (device === "dgram" && socket === undefined) {
    throw new TypeError('Device "dgram" needs a socket: the path where to receive');
  }
  if (device === "stream" && (socket === undefined) === (peer === undefined)) {
    throw new TypeError('Device "stream" needs a socket to listen at, or a peer to connect to');
  }
}

/** As the engine takes it, which may be in a process with another working directory. */
function absolute(name: string, path: string | undefined): string {
  if (path === undefined) return "";
  if (typeof path !== "string" || path === "") {
    throw new TypeError(`Cannot use ${show(path)} as ${name}: expected a path`);
  }
  if (path.startsWith("@") || path.startsWith("/")) return path;
  return `${Deno.cwd()}/${path.replace(/^(\.\/+)+/, "")}`;
}

/**
 * Attaches an interface, and returns its port index.
 *
 * @param port "vale0:eth1"
 */
export function attach(descriptor: Descriptor, port: string, options: AttachOptions): number {
  const { hostRings = false, namespace = "", device = "auto", socket, peer } = options;
  const { txSlots, rxSlots, txRings, rxRings, memoryId } = ringsAndSlots(options);
  checkDevice(options);
  const paths = { socket: absolute("socket", socket), peer: absolute("peer", peer) };
  const isPlain = namespace === "" && device === "auto";
  const message = isPlain
    ? descriptor.request(RequestType.VALE_ATTACH, port, VALE_ATTACH.size)
    : descriptor.request(ValetRequest.ATTACH, port, ATTACH.size)
      .setU32(ATTACH.device, DEVICES.indexOf(device))
      .setText(ATTACH.namespace, ATTACH.namespaceBytes, String(namespace))
      .setText(ATTACH.socket, ATTACH.socketBytes, paths.socket)
      .setText(ATTACH.peer, ATTACH.socketBytes, paths.peer);
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
  const operation = paths.socket + paths.peer === "" ? "attach" : "attach socket";
  return descriptor.control(operation, port).u32(VALE_ATTACH.portIndex);
}
