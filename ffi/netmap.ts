/**
 * The entry to everything: a netmap, the kernel's or valet's own.
 *
 * @module
 */

import { Bridge } from "./bridge.ts";
import { RequestType } from "./constants.ts";
import { type BackendName, cString, Descriptor } from "./descriptor.ts";
import { checkInteger, closedError, show } from "./errors.ts";
import { createExclusive, presentToken } from "./exclusive.ts";
import {
  type InterfaceInfo,
  type PoolsInfo,
  type PortCounters,
  type PortEntry,
  type PortInfo,
  readPortInfo,
} from "./info.ts";
import { takeBackLookups } from "./installed_lookups.ts";
import { createInterface, interfaceCounters } from "./interfaces.ts";
import { PORT_INFO } from "./layout.ts";
import { loadLibrary, prepareLibrary } from "./library.ts";
import type { LibraryDownload } from "./download.ts";
import { checkOutsideLookup } from "./lookup_state.ts";
import {
  changeMemoryParameters,
  type MemoryParameters,
  type MemoryState,
  readMemoryParameters,
} from "./memory_parameters.ts";
import { NO_OPTIONS, openPort, type PortOptions } from "./open_port.ts";
import type { Port } from "./port.ts";
import { bridgeName, requestName } from "./names.ts";
import { findPools, findPort, type InterfaceOptions, listPorts, readPools } from "./requests.ts";

export type { InterfaceOptions };

/** Most bytes of the name of an engine: `ENGINE_NAME_BYTES` of the C library, less its NUL. */
const INSTANCE_BYTES = 31;

/** Options of `Netmap.open()`. */
export interface NetmapOptions {
  /**
   * Where netmap lives: "kernel" is /dev/netmap; "daemon" is valet's daemon, one engine for all
   * processes of this user; "embedded" is valet's own engine in this process; "auto" is what
   * VALET_BACKEND says, else the kernel if /dev/netmap opens, else the daemon if one runs, else
   * embedded. Opening starts no daemon. Default: "auto".
   */
  backend?: "auto" | BackendName | undefined;
  /** Which engine: those of one name in one process, or in one daemon, are one. Default: "". At
   * most 31 bytes. The kernel ignores it. */
  instance?: string | undefined;
  /** File of the C library, instead of looking for it. */
  library?: string | undefined;
  /** Memory parameters to change first, see `setMemoryParameters()`. */
  memory?: { readonly [Name in keyof MemoryParameters]?: number | undefined } | undefined;
}

/** Options of `Netmap.prepare()`. */
export interface PrepareOptions extends Pick<NetmapOptions, "library"> {
  /** Where to get the C library if this machine has none. */
  download?: LibraryDownload | undefined;
}

/**
 * A netmap: ports, bridges and the memory that they live in.
 *
 * Closing it closes the ports that were opened through it and takes back the lookups that were set
 * through it. Interfaces that were created stay.
 *
 * @example
 * ```ts
 * import { Netmap } from "@valet/valet";
 * import assert from "node:assert/strict";
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "netmap example" });
 * using port = netmap.open("vale0:a", { slots: 256 });
 * assert.equal(netmap.backend, "embedded");
 * assert.equal(netmap.ports()[0].name, "vale0:a");
 * assert.equal(netmap.portInfo("vale0:a").txSlots, 256);
 * ```
 */
export class Netmap implements Disposable {
  readonly #descriptor: Descriptor;
  readonly #asked: string;
  readonly #ports = new Set<WeakRef<Port>>();

  private constructor(descriptor: Descriptor, asked: string) {
    this.#descriptor = descriptor;
    this.#asked = asked;
    // With the descriptor, which bridges hold on to as well
    descriptor.closeWith(descriptor);
  }

  /**
   * Opens a netmap. The first call loads the C library; see `loadLibrary()` for where it is looked for.
   *
   * Permission: --allow-ffi.
   *
   * @throws {NetmapError} ENOENT, EACCES ... if /dev/netmap was asked for and cannot be opened
   * @throws {Error} if the C library cannot be found; the message says what was tried and what helps
   */
  static open(options: NetmapOptions = {}): Netmap {
    const { backend = "auto", instance = "", library, memory } = options;
    for (const [key, value] of Object.entries({ backend, instance })) {
      if (typeof value !== "string") {
        throw new TypeError(`Cannot use ${show(value)} as ${key}: expected a string`);
      }
    }
    if (!["auto", "kernel", "daemon", "embedded"].includes(backend)) {
      throw new RangeError(
        `Cannot use ${show(backend)} as backend: it is "auto", "kernel", "daemon" or "embedded"`,
      );
    }
    const bytes = cString(instance).length - 1;
    if (bytes > INSTANCE_BYTES) {
      throw new RangeError(
        `Cannot use ${
          show(instance)
        } as instance: it takes ${bytes} bytes, at most ${INSTANCE_BYTES} fit`,
      );
    }
    const loaded = loadLibrary({ path: library });
    const names = {
      kernel: "/dev/netmap",
      daemon: "the daemon",
      embedded: "netmap",
      auto: "netmap",
    };
    const netmap = new Netmap(
      Descriptor.open(loaded, backend, instance, names[backend]),
      backend,
    );
    try {
      if (memory !== undefined) netmap.setMemoryParameters(memory);
      return netmap;
    } catch (error) {
      netmap.close();
      throw error;
    }
  }

  /**
   * Loads the C library, downloading it if there is no other way; `Netmap.open()` works afterwards.
   * Only programs that import these modules from a URL need it.
   *
   * Permissions: --allow-ffi, and to download --allow-net, --allow-read, --allow-write, --allow-env.
   */
  static async prepare({ library, download }: PrepareOptions = {}): Promise<void> {
    await prepareLibrary({ path: library, download });
  }

  /** Where it lives: "kernel", "daemon", "embedded". */
  get backend(): BackendName {
    return this.#descriptor.backend;
  }

  /** Which engine it is; "" for the usual one. */
  get instance(): string {
    return this.#descriptor.instance;
  }

  /** Why it lives there: a line for each backend, the chosen one first. */
  get reason(): string {
    this.#checkOpen("describe");
    const text = new Uint8Array(1024);
    const { functions } = this.#descriptor.library;
    const length = functions.valet_reason(cString(this.#asked), text, text.length);
    return new TextDecoder().decode(text.subarray(0, Math.min(length, text.length - 1))).trimEnd();
  }

  /** True after `close()`. */
  get closed(): boolean {
    return this.#descriptor.closed;
  }

  /**
   * Opens a port. "vale0:a" is made if it does not exist, and goes with its last descriptor.
   *
   * @param name "vale0:a", "netmap:eth0", "vale0:a{1" ...; see `parsePortName()`
   * @throws {SyntaxError} if the name is no port name
   * @throws {NetmapError} EBUSY, ENXIO, ENOMEM ...; the message says what helps
   */
  open(name: string, options: PortOptions = NO_OPTIONS): Port {
    this.#checkOpen("open");
    const opened: Port = openPort(this.#descriptor, name, options, () => this.#ports.delete(ref));
    const ref = new WeakRef(opened);
    this.#ports.add(ref);
    return opened;
  }

  /**
   * A bridge, whether it exists or not.
   *
   * @param name "vale0" or "vale0:"
   * @param options token: of an exclusive bridge, to be allowed to change it
   * @throws {SyntaxError} if it is no name of a bridge
   * @throws {NetmapError} EACCES if that is not its token
   */
  bridge(name: string, { token }: { token?: number | undefined } = {}): Bridge {
    this.#checkOpen("use");
    const bridge = bridgeName(name);
    if (token !== undefined) presentToken(this.#descriptor, bridge, token);
    return new Bridge(this.#descriptor, bridge, token);
  }

  /**
   * Makes an exclusive bridge (netmap_vale_create() in the kernel): it exists without ports, until
   * `bridge.destroy()`, and only who has its token can attach and detach interfaces and set its lookup.
   * Ports are opened on it as on every bridge.
   *
   * @param name "vale0"
   * @throws {NetmapError} EEXIST if there is such a bridge, ENOMEM if there can be no more bridges,
   * EOPNOTSUPP on the kernel, where only modules can make one
   *
   * @example
   * ```ts
   * import { Netmap } from "@valet/valet";
   *
   * using netmap = Netmap.open({ backend: "embedded", instance: "exclusive example" });
   * const bridge = netmap.createBridge("vale0");
   * console.log(netmap.bridge("vale0", { token: bridge.token }).info().ports); // 0
   * bridge.destroy();
   * ```
   */
  createBridge(name: string): Bridge {
    this.#checkOpen("create");
    const bridge = bridgeName(name);
    return new Bridge(this.#descriptor, bridge, createExclusive(this.#descriptor, bridge));
  }

  /**
   * Makes a persistent interface, which can be attached to a bridge (VALE_NEWIF).
   *
   * @param name at most 15 characters: "vi0"
   * @throws {NetmapError} EEXIST if it exists
   */
  createInterface(name: string, options: InterfaceOptions = {}): InterfaceInfo {
    this.#checkOpen("create");
    return createInterface(this.#descriptor, name, options);
  }

  /**
   * The persistent interfaces, on a bridge or not, and what each has counted, by name. While others make
   * or remove some the list is no snapshot.
   *
   * @throws {NetmapError} EOPNOTSUPP on the kernel, which does not list them
   *
   * @example
   * ```ts
   * import { Netmap } from "@valet/valet";
   *
   * using netmap = Netmap.open({ backend: "embedded", instance: "interfaces example" });
   * netmap.createInterface("vi0");
   * console.log(netmap.interfaces()["vi0"].bridgeIndex); // undefined: it is on none
   * ```
   */
  interfaces(): Record<string, PortCounters> {
    this.#checkOpen("read");
    return interfaceCounters(this.#descriptor);
  }

  /**
   * Removes a persistent interface (VALE_DELIF).
   *
   * @throws {NetmapError} ENXIO if there is none of that name, EBUSY if it is attached or open
   */
  removeInterface(name: string): void {
    this.#descriptor.request(RequestType.VALE_DELIF, name, 0);
    this.#descriptor.control("remove", name);
  }

  /** All ports on all bridges. */
  ports(): PortEntry[] {
    return listPorts(this.#descriptor);
  }

  /**
   * A port on a bridge, by its name (VALE_LIST).
   *
   * @param name "vale0:vi0"
   * @throws {NetmapError} ENXIO if the bridge does not have it, ENOENT if there is no such bridge,
   * EINVAL if it is no name of a port of a bridge
   */
  findPort(name: string): PortEntry {
    this.#checkOpen("find");
    if (name === "") throw new SyntaxError('Cannot find port "": the name is empty');
    return findPort(this.#descriptor, name);
  }

  /**
   * Rings, slots and memory of a port. A port that does not exist is made and removed, so what is
   * told is what opening it would give.
   *
   * With netmap's kernel module, asking about a persistent port that is attached to a bridge makes it
   * impossible to detach it (its issue 882): ask for `poolsInfo()` there.
   *
   * @param name a port's name, or the plain name of an interface: "vi0"
   */
  portInfo(name: string): PortInfo {
    const request = requestName(name);
    this.#descriptor.request(RequestType.PORT_INFO_GET, request, PORT_INFO.size);
    return readPortInfo(this.#descriptor.control("describe", request));
  }

  /**
   * The pools of a port's memory.
   *
   * @param of a port's name as in `portInfo()`, or the number of the memory region of a port
   * that is on a bridge
   */
  poolsInfo(of: string | { memoryId: number }): PoolsInfo {
    if (typeof of === "object" && of !== null) {
      return findPools(this.#descriptor, checkInteger("memoryId", of.memoryId, 1, 0xffff));
    }
    return readPools(this.#descriptor, requestName(of));
  }

  /**
   * Bytes of a memory region.
   *
   * @param memoryId 1 is the global one, which is always there
   * @throws {NetmapError} EINVAL if there is none of that number
   */
  memoryBytes(memoryId = 1): number {
    this.#checkOpen("describe");
    const message = this.#descriptor.request(RequestType.PORT_INFO_GET, "", PORT_INFO.size);
    message.setU16(PORT_INFO.memId, checkInteger("memoryId", memoryId, 1, 0xffff));
    return this.#descriptor.control("describe", `memory ${memoryId}`).u64(PORT_INFO.memsize);
  }

  /** netmap's memory parameters, and what the global region has now. */
  get memoryParameters(): MemoryState {
    this.#checkOpen("read");
    return readMemoryParameters(this.#descriptor);
  }

  /**
   * Changes some of netmap's memory parameters: how large regions are that are made from now on, and
   * the global one when nobody uses it. They hold for all of this engine and as long as it is there;
   * on the kernel for all programs until the module is unloaded.
   *
   * @throws {RangeError} if a value is beyond netmap's limits; nothing is changed then
   * @throws {NetmapError} EACCES on the kernel, unless root
   *
   * @example
   * ```ts
   * import { Netmap } from "@valet/valet";
   * import assert from "node:assert/strict";
   *
   * using netmap = Netmap.open({ backend: "embedded", instance: "parameters example" });
   * netmap.setMemoryParameters({ bufNum: 8192, bufSize: 4096 });
   * using port = netmap.open("vale0:a", { memory: "global" });
   * assert.equal(port.rxRings[0].bufferSize, 4096);
   * ```
   */
  setMemoryParameters(
    parameters: { readonly [Name in keyof MemoryParameters]?: number | undefined },
  ): MemoryState {
    this.#checkOpen("change");
    return changeMemoryParameters(this.#descriptor, parameters);
  }

  /**
   * Closes the ports that were opened through this object, takes its lookups back, and lets the engine
   * go if nothing else holds it. Further calls do nothing.
   *
   * @throws {NetmapError} EDEADLK inside a lookup
   */
  close(): void {
    if (this.closed) return;
    checkOutsideLookup("close", "netmap");
    takeBackLookups(this.#descriptor);
    for (const ref of [...this.#ports]) ref.deref()?.close();
    this.#descriptor.close();
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #checkOpen(operation: string): void {
    if (this.closed) throw closedError(operation, "netmap", "netmap");
  }

  /** What `console.log(netmap)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    if (this.closed) return "Netmap (closed)";
    const instance = this.instance === "" ? "" : ` "${this.instance}"`;
    const ports = this.ports().map((port) => port.name);
    return `Netmap (${this.backend}${instance}, ` +
      `${ports.length === 0 ? "no ports" : `ports ${ports.join(" ")}`})`;
  }
}
