/**
 * Bridges: VALE switches with their ports, their learning table and their lookup.
 *
 * @module
 */

import { attach, type AttachOptions } from "./attach.ts";
import { BridgeConfig } from "./config.ts";
import { PollingMode, RequestType } from "./constants.ts";
import type { Descriptor } from "./descriptor.ts";
import { checkInteger, closedError, NetmapError, show } from "./errors.ts";
import { destroyExclusive } from "./exclusive.ts";
import {
  type BridgeInfo,
  type PortCounters,
  type PortEntry,
  readBridgeInfo,
  readPortCounters,
  readTableEntry,
  type TableEntry,
} from "./info.ts";
import {
  installedLookup,
  installLookup,
  lookupKind,
  removeLookup,
  takeBackLookups,
} from "./installed_lookups.ts";
import {
  kernelLookupOf,
  type KernelLookupStatus,
  kernelLookupStatus,
  removeKernelLookup,
  setKernelLookup,
} from "./kernel_lookup.ts";
import { VALE_DETACH, VALE_POLLING } from "./layout.ts";
import {
  type BatchLookup,
  checkLookup,
  engineLookup,
  isNativeLookup,
  type Lookup,
  type NativeLookup,
  ScriptLookup,
} from "./lookup.ts";
import { BRIDGE, PORT, TABLE, ValetRequest } from "./message.ts";
import { listPorts } from "./requests.ts";

/** Options of `bridge.setLookup()`. */
export interface LookupOptions {
  /** The function is called with a batch of packets instead of with each. Default: false. */
  batch?: boolean | undefined;
  /**
   * Where a packet goes at which the function throws: the index of a port, `BROADCAST`, `DROP` or
   * `LEARN`; with `batch`, all packets that the function has not decided about by then. Errors are
   * counted (`bridge.lookupErrors`), and the first is reported. Default: none: the rest of the batch is
   * dropped, and whoever sent it gets the error.
   */
  fallback?: number | undefined;
  /**
   * Called once, soon after the first error, with the error and a line about the packet. Only with
   * `fallback`. Default: it is written to the console.
   */
  onError?: ((error: unknown, packet: string) => void) | undefined;
}

/**
 * A VALE switch. It exists while it has ports, so this object is but its name: making it makes
 * nothing, and it may outlive the switch.
 *
 * @example
 * ```ts
 * import { BROADCAST, Netmap } from "@valet/valet";
 * import assert from "node:assert/strict";
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "bridge example" });
 * netmap.createInterface("vi0", { slots: 64 });
 * using bridge = netmap.bridge("vale0");
 * assert.equal(bridge.attach("vi0"), 0);
 * bridge.lookup = (packet) => packet.isBroadcast ? BROADCAST : 1;
 * assert.deepEqual(bridge.ports().map((port) => port.name), ["vale0:vi0"]);
 * bridge.detach("vi0");
 * netmap.removeInterface("vi0");
 * ```
 */
export class Bridge implements Disposable {
  readonly #descriptor: Descriptor;

  /** "vale0". */
  readonly name: string;

  /** What others show to change the bridge, if this object has it; see `netmap.createBridge()`. */
  readonly token: number | undefined;
  /** Messages to whoever has taken the bridge over (NIOCCONFIG). */
  readonly config: BridgeConfig;

  /** Made by `netmap.bridge()` and `netmap.createBridge()`. */
  constructor(descriptor: Descriptor, name: string, token?: number) {
    this.#descriptor = descriptor;
    this.name = name;
    this.token = token;
    this.config = new BridgeConfig(descriptor, name, token);
  }

  /**
   * Ends a bridge that `netmap.createBridge()` made.
   *
   * @throws {NetmapError} EBUSY while it has ports, EACCES without its token, EINVAL if it is not exclusive
   */
  destroy(): void {
    destroyExclusive(this.#descriptor, this.name);
  }

  /**
   * Attaches an interface: one made by `netmap.createInterface()`, or any Ethernet interface of the
   * system ("eth1"), with no kernel module but as root. On valet's engine it is left as it was found
   * when it is detached, and when the process that has the engine ends, however it ends.
   *
   * A virtual machine is attached by its Unix socket, with any name and as any user (docs/vms.md):
   *
   *     bridge.attach("vm1", { device: "stream", socket: "/run/vm1.sock" });
   *     // qemu-system-x86_64 ... -device virtio-net-pci,netdev=n0
   *     //   -netdev stream,id=n0,addr.type=unix,addr.path=/run/vm1.sock,server=off
   *
   * @param name of the interface: "vi0", "eth1"; of the port: "vm1"
   * @returns its port index on the bridge
   * @throws {NetmapError} EINVAL if there is no such interface, EBUSY if it is attached or open, EPERM if
   * this user may not have it, ENOENT if there is no such namespace, EOPNOTSUPP if the system cannot
   */
  attach(name: string, options: AttachOptions = {}): number {
    return attach(this.#descriptor, this.#portName(name), options);
  }

  /**
   * Detaches an interface.
   *
   * @param name of the interface: "vi0"
   * @returns the port index that it had
   * @throws {NetmapError} ENXIO if it is not attached, EBUSY if it is open
   */
  detach(name: string): number {
    const port = this.#portName(name);
    const { backend } = this.#descriptor;
    if (backend === "kernel" && port.endsWith("^")) {
      // netmap's module takes the whole kernel down
      throw new NetmapError("detach", "EINVAL", {
        port,
        backend,
        hint: `The host's side leaves with its NIC: detach ${show(port.slice(0, -1))}`,
      });
    }
    this.#descriptor.request(RequestType.VALE_DETACH, port, VALE_DETACH.size);
    return this.#descriptor.control("detach", port).u32(VALE_DETACH.portIndex);
  }

  /**
   * Has the kernel poll an attached NIC instead of waiting for its interrupts (VALE_POLLING_ENABLE).
   *
   * @param name of the interface: "eth0"
   * @param options `firstCpu`: number of the first CPU, and with `cpus` of the first ring too; default 0.
   * `cpus`: so many CPUs poll one ring each; at least 1, fewer than the machine has; by default
   * one CPU polls all rings
   * @throws {NetmapError} ENXIO if it is not attached, EINVAL if there are no such CPUs or rings
   */
  startPolling(name: string, options: { firstCpu?: number; cpus?: number } = {}): void {
    const { firstCpu = 0, cpus } = options;
    const port = this.#portName(name);
    // netmap wants one CPU to be counted in single mode too
    this.#descriptor.request(RequestType.VALE_POLLING_ENABLE, port, VALE_POLLING.size)
      .setU32(
        VALE_POLLING.mode,
        cpus === undefined ? PollingMode.SINGLE_CPU : PollingMode.MULTI_CPU,
      )
      .setU32(VALE_POLLING.firstCpu, checkInteger("firstCpu", firstCpu, 0, 0xffffffff))
      .setU32(VALE_POLLING.cpuCount, checkInteger("cpus", cpus ?? 1, 1, 0xffffffff));
    this.#descriptor.control("start polling on", port);
  }

  /**
   * Ends that (VALE_POLLING_DISABLE).
   *
   * @throws {NetmapError} ENXIO if it is not attached, EFAULT if it is not being polled
   */
  stopPolling(name: string): void {
    const port = this.#portName(name);
    this.#descriptor.request(RequestType.VALE_POLLING_DISABLE, port, VALE_POLLING.size);
    this.#descriptor.control("stop polling on", port);
  }

  /** The ports, by index; none if the bridge does not exist. */
  ports(): PortEntry[] {
    return listPorts(this.#descriptor).filter((port) => port.bridge === this.name);
  }

  /**
   * What the engine knows about the bridge.
   *
   * @throws {NetmapError} ENXIO if it does not exist, EOPNOTSUPP on the kernel
   */
  info(): BridgeInfo {
    this.#descriptor.request(ValetRequest.BRIDGE_GET, `${this.name}:`, BRIDGE.size);
    return readBridgeInfo(this.#descriptor.control("read", this.name), this.name);
  }

  /**
   * The stations that the learning bridge knows. While packets flow the list is no snapshot: a station
   * that moves meanwhile may be missing.
   *
   * @throws {NetmapError} as `info()`
   */
  table(): TableEntry[] {
    const entries: TableEntry[] = [];
    let cursor = 0;
    do {
      this.#descriptor.request(ValetRequest.TABLE_GET, `${this.name}:`, TABLE.size)
        .setU32(TABLE.cursor, cursor);
      const message = this.#descriptor.control("read", this.name);
      const count = message.u32(TABLE.count);
      for (let i = 0; i < count; i++) entries.push(readTableEntry(message, i));
      cursor = message.u32(TABLE.cursor);
    } while (cursor !== 0);
    return entries;
  }

  /**
   * Forgets all stations.
   *
   * @throws {NetmapError} as `info()`
   */
  flushTable(): void {
    this.#descriptor.request(ValetRequest.TABLE_FLUSH, `${this.name}:`, 0);
    this.#descriptor.control("change", this.name);
  }

  /** A station that is silent for so many milliseconds is forgotten; 0, the default: never. */
  get ageingMs(): number {
    return this.info().ageingMs;
  }

  /** Sets the time after which silent stations are forgotten, in milliseconds; 0: never. */
  set ageingMs(value: number) {
    checkInteger("ageingMs", value, 0, 0xffffffff);
    this.#descriptor.request(ValetRequest.BRIDGE_SET, `${this.name}:`, BRIDGE.size)
      .setU32(BRIDGE.ageingMs, value);
    this.#descriptor.control("change", this.name);
  }

  /**
   * What was counted at each port, by the name of its interface.
   *
   * @throws {NetmapError} EOPNOTSUPP on the kernel, which counts nothing
   */
  counters(): Record<string, PortCounters> {
    const counters: Record<string, PortCounters> = Object.create(null);
    for (const port of this.ports()) {
      this.#descriptor.request(ValetRequest.PORT_GET, port.name, PORT.size);
      counters[port.interface] = readPortCounters(
        this.#descriptor.control("counters", port.name),
      );
    }
    return counters;
  }

  /**
   * What decides where packets go: the function or compiled hook that this thread has set, "learning", or
   * "native" and "script" for what others have set.
   */
  get lookup(): Lookup | BatchLookup | NativeLookup | "learning" | "native" | "script" {
    const { backend } = this.#descriptor;
    if (this.#descriptor.closed) throw closedError("read", this.name, "netmap");
    if (backend === "kernel") return kernelLookupOf(this.#descriptor, this.name);
    const kind = this.info().lookup;
    const lookup = installedLookup(this.#descriptor, this.name)?.lookup;
    const isOurs = lookup !== undefined && kind === (lookup.isNative ? "native" : "script");
    return isOurs ? lookup.lookup : kind;
  }

  /** Sets the function that is asked about each packet; null or "learning": the learning table. */
  set lookup(lookup: Lookup | NativeLookup | "learning" | null) {
    this.setLookup(lookup);
  }

  /**
   * Sets what decides where packets go. It stays until it is replaced, this bridge or its netmap is
   * closed, or the last port has left.
   *
   * The function runs on this thread. If a Worker sends, its thread waits until this one's event loop
   * comes around. The lookup of a Worker that is terminated goes with it: the bridge learns again.
   * A compiled hook runs on the thread that sends, and outlives the Worker that has set it.
   *
   * On the kernel only hooks that `compile()` made can decide, as eBPF, and only with valet's lookup
   * module (`c/module`).
   *
   * @param lookup called with each packet, or with `{ batch: true }` with each batch
   * @throws {TypeError} if it is neither a function nor a compiled hook, or an async function
   * @throws {NetmapError} ENXIO if the bridge has no ports yet; on the kernel EOPNOTSUPP for what is no
   * compiled hook, ENOPKG without the lookup module, EPERM
   */
  setLookup(lookup: BatchLookup, options: LookupOptions & { batch: true }): void;
  /** Sets a function that is asked about each packet; null or "learning": the learning table. */
  setLookup(
    lookup: Lookup | NativeLookup | "learning" | null,
    options?: LookupOptions,
  ): void;
  setLookup(
    lookup: Lookup | BatchLookup | NativeLookup | "learning" | null,
    { batch = false, fallback, onError }: LookupOptions = {},
  ): void {
    if (fallback !== undefined) checkInteger("fallback", fallback, 0, 0xffff_ffff);
    const { backend, closed, library } = this.#descriptor;
    if (lookup === null || lookup === "learning") {
      if (backend === "kernel") removeKernelLookup(this.#descriptor, this.name);
      else removeLookup(this.#descriptor, this.name);
      return;
    }
    if (!isNativeLookup(lookup)) checkLookup(lookup);
    if (closed) throw closedError("lookup", this.name, "netmap");
    if (backend === "kernel") {
      return setKernelLookup(this.#descriptor, this.name, lookup, this);
    }
    // The daemon takes machine code from its own process only
    const set = isNativeLookup(lookup) ? engineLookup(lookup) : new ScriptLookup(
      library.functions,
      this.name,
      lookup,
      batch,
      fallback === undefined ? undefined : { port: fallback, onError },
    );
    installLookup(this.#descriptor, this.name, set, this);
  }

  /**
   * What a bridge of the kernel has for a lookup, and what was counted; undefined if it learns and never
   * did otherwise.
   *
   * @throws {NetmapError} EOPNOTSUPP elsewhere: see `counters()`
   */
  kernelLookup(): KernelLookupStatus | undefined {
    const { backend } = this.#descriptor;
    if (backend === "kernel") return kernelLookupStatus(this.#descriptor, this.name);
    const hint = "The engine counts at each port: bridge.counters()";
    throw new NetmapError("lookup", "EOPNOTSUPP", { port: this.name, backend, hint });
  }

  /** How often the function that this thread has set has thrown since it was set. */
  get lookupErrors(): number {
    const lookup = installedLookup(this.#descriptor, this.name)?.lookup;
    return lookup instanceof ScriptLookup ? lookup.errors : 0;
  }

  /** Takes the lookup that was set through this object back: the bridge learns again. */
  close(): void {
    takeBackLookups(this);
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #portName(name: string): string {
    if (typeof name !== "string") {
      throw new TypeError(`Cannot use ${show(name)} as an interface: expected a string`);
    }
    const prefix = `${this.name}:`;
    return name.startsWith(prefix) ? name : prefix + name;
  }

  /** What `console.log(bridge)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    const { closed, backend } = this.#descriptor;
    if (closed) return `Bridge ${this.name} (closed)`;
    const ports = this.ports().map((port) => port.interface);
    const lookup = ports.length === 0 || backend === "kernel"
      ? "learning"
      : ["learning", "native lookup", "lookup in a script"][
        lookupKind(this.#descriptor, this.name)
      ];
    return `Bridge ${this.name} (${backend}, ${lookup}, ${
      ports.length === 0 ? "no ports" : `ports ${ports.join(" ")}`
    })`;
  }
}
