/**
 * TAP interfaces: a program's end of a cable whose other end is a network interface of the host.
 *
 * @module
 */

import { cString } from "./descriptor.ts";
import { check, checkInteger, closedError, codeOf, NetmapError } from "./errors.ts";
import { loadLibrary } from "./library.ts";
import type { NativeFunctions } from "./symbols.ts";

/** Bytes of an interface's name with its NUL (IFNAMSIZ). */
const NAME_BYTES = 16;

const EAGAIN = -11, ENOBUFS = -105;

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'There is no /dev/net/tun: "modprobe tun"',
  EACCES: "Run as root, or with the capability CAP_NET_ADMIN",
  EPERM: "Run as root, or with the capability CAP_NET_ADMIN",
  EBUSY: "Another process has it open",
  EINVAL: "There is an interface of that name, and it is no TAP interface",
  ENAMETOOLONG: "The name of an interface has at most 15 bytes",
  EIO: 'The interface is down: "ip link set NAME up"',
};

/** Options of `Tap.open()`. */
export interface TapOptions {
  /** File of the C library, instead of looking for it. */
  library?: string | undefined;
}

/**
 * A TAP interface (tun(4)): what is written here, the host receives from its network interface of that
 * name; what the host sends through that interface is read here. An interface that `open()` has made
 * goes when it is closed.
 *
 * Needs root or CAP_NET_ADMIN. Permission: --allow-ffi.
 *
 * @example
 * ```ts ignore
 * import { PacketTemplate, Tap } from "@valet/valet";
 *
 * using tap = Tap.open("tap0");
 * // ip link set tap0 up; ip addr add 10.0.0.2/24 dev tap0
 * tap.write(PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" }).next());
 * const frame = new Uint8Array(2048);
 * const bytes = tap.read(frame, 1000);
 * console.log(frame.subarray(0, bytes));
 * ```
 */
export class Tap implements Disposable {
  /** Name of the host's interface. */
  readonly name: string;
  readonly #functions: NativeFunctions;
  #fd: number;

  private constructor(functions: NativeFunctions, fd: number, name: string) {
    this.#functions = functions;
    this.#fd = fd;
    this.name = name;
  }

  /**
   * Opens a TAP interface, making it if there is none.
   *
   * @param name at most 15 bytes; "" lets the kernel choose one
   * @throws {NetmapError} EPERM, EBUSY, EINVAL ...; the message says what helps
   */
  static open(name = "", { library }: TapOptions = {}): Tap {
    if (typeof name !== "string") {
      throw new TypeError(`Cannot open a TAP interface: expected its name, got ${typeof name}`);
    }
    const { functions } = loadLibrary({ path: library });
    const actual = new Uint8Array(NAME_BYTES);
    const fd = functions.valet_tap_open(cString(name), actual);
    if (fd < 0) throw tapError(fd, "open", name);
    return new Tap(functions, fd, new TextDecoder().decode(actual).split("\0")[0]);
  }

  /** True after `close()`. */
  get closed(): boolean {
    return this.#fd < 0;
  }

  /**
   * Hands the host one frame, from the Ethernet header on.
   *
   * @returns false if the host takes no more now
   * @throws {NetmapError} EIO while the interface is down, EINVAL for less than 14 bytes
   */
  write(frame: Uint8Array<ArrayBuffer>): boolean {
    this.#checkOpen("send");
    const result = this.#functions.valet_tap_write(this.#fd, frame, frame.length);
    if (result === EAGAIN || result === ENOBUFS) return false;
    if (result < 0) throw tapError(result, "send", this.name);
    return true;
  }

  /**
   * Reads one frame that the host sends through the interface, and blocks this thread meanwhile.
   *
   * @param frame where to; what does not fit is cut off
   * @param timeoutMs milliseconds, 0: only look, -1: for ever
   * @returns its bytes; 0 when the time is up
   */
  read(frame: Uint8Array<ArrayBuffer>, timeoutMs = 0): number {
    this.#checkOpen("receive");
    checkInteger("timeoutMs", timeoutMs, -1, 0x7fffffff);
    const result = this.#functions.valet_tap_read(this.#fd, frame, frame.length, timeoutMs);
    if (result < 0) throw tapError(result, "receive", this.name);
    return result;
  }

  /** Closes. Further calls do nothing. */
  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    check(this.#functions.valet_tap_close(fd), "close", { port: this.name });
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #checkOpen(operation: string): void {
    if (this.#fd < 0) throw closedError(operation, this.name, "interface");
  }

  /** What `console.log(tap)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return `Tap ${this.name}${this.closed ? " (closed)" : ""}`;
  }
}

function tapError(result: number, operation: string, name: string): NetmapError {
  const code = codeOf(result);
  const hint = HINTS[code]?.replace("NAME", name);
  return new NetmapError(operation, code, { port: name, hint });
}
