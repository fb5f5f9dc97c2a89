/**
 * Descriptors: what stands behind a `Netmap` and behind each port. Calls into the C library are here,
 * but for loading and mapping, tables and the daemon.
 *
 * @module
 */

import { check, closedError, codeOf, type ErrorContext, NetmapError } from "./errors.ts";
import { checkOutsideLookup, lookupState, takeLookupFailure } from "./lookup_state.ts";
import { Message } from "./message.ts";
import type { NativeFunctions, NativeLibrary } from "./symbols.ts";

/** Where netmap lives. */
export type BackendName = "kernel" | "daemon" | "embedded";

const BACKENDS: readonly (BackendName | undefined)[] = [, "kernel", "daemon", "embedded"];

/** Events of poll(2). */
export const POLLIN = 0x1;
/** See {@linkcode POLLIN}. */
export const POLLOUT = 0x4;
/** See {@linkcode POLLIN}. */
export const POLLERR = 0x8;

/** The one message of this thread: a request is read and forgotten before the next is made. */
const message = new Message();

/** What does the syncs of a descriptor in CSB mode: see `sync_loop.ts`. */
export interface Exchange {
  /** As {@linkcode Descriptor.txSync}. */
  txSync(): void;
  /** As {@linkcode Descriptor.rxSync}. */
  rxSync(): void;
  /** As {@linkcode Descriptor.poll} without waiting. */
  poll(events: number): number;
  /** Lets go of its memory. */
  close(): void;
}

interface Handle {
  functions: NativeFunctions;
  handle: number;
}

/** Closes what was dropped without being closed, once nothing can look at its memory any more. */
const dropped = new FinalizationRegistry<Handle>(({ functions, handle }) => {
  functions.valet_close(handle);
});

/** One open netmap descriptor. */
export class Descriptor {
  readonly #functions: NativeFunctions;
  #handle: number;
  /** The library that it belongs to. */
  readonly library: NativeLibrary;
  /** Where its netmap lives. */
  readonly backend: BackendName;
  /** Name of the engine. */
  readonly instance: string;
  /** What it is, for messages: a port's name, or "netmap". */
  readonly name: string;
  /** Set once it is in CSB mode. */
  exchange: Exchange | undefined;

  private constructor(library: NativeLibrary, handle: number, instance: string, name: string) {
    this.library = library;
    this.#functions = library.functions;
    this.#handle = handle;
    this.backend = BACKENDS[library.functions.valet_backend(handle)] ?? "embedded";
    this.instance = instance;
    this.name = name;
  }

  /**
   * Opens a descriptor.
   *
   * @param backend "auto", "kernel", "daemon" or "embedded"
   * @param instance which engine; "" is the usual one
   * @param name what it is for
   */
  static open(
    library: NativeLibrary,
    backend: string,
    instance: string,
    name: string,
  ): Descriptor {
    const handle = library.functions.valet_open(cString(backend), cString(instance));
    check(handle, "open", { port: name });
    return new Descriptor(library, handle, instance, name);
  }

  /** True after `close()`. */
  get closed(): boolean {
    return this.#handle === 0;
  }

  /** The handle, for calls that are not here; 0 when closed. */
  get handle(): number {
    return this.#handle;
  }

  /** Which engine it is, as a key: equal for descriptors of the same one. */
  get engine(): string {
    return `${this.backend} ${this.instance}`;
  }

  /** Has the handle closed when `owner` is collected. */
  closeWith(owner: object): void {
    dropped.register(owner, { functions: this.#functions, handle: this.#handle }, this);
  }

  /**
   * Starts a request.
   *
   * @param type `RequestType` or `ValetRequest`
   */
  request(type: number, name: string, bodySize: number): Message {
    return message.begin(type, name, bodySize);
  }

  /** Sends the request. Returns 0 or a negative error number. */
  tryControl(operation: string, about: string): number {
    if (this.#handle === 0) throw closedError(operation, about, "netmap");
    return this.#functions.valet_control(this.#handle, message.bytes, message.length);
  }

  /**
   * Sends the request; the answer is in the message then.
   *
   * @throws {NetmapError} if it fails
   */
  control(operation: string, about: string, context?: ErrorContext): Message {
    check(this.tryControl(operation, about), operation, {
      port: about,
      backend: this.backend,
      ...context,
    });
    return message;
  }

  /** Hands what is before `head` in the transmit rings to netmap. */
  txSync(): void {
    if (this.exchange !== undefined) return this.exchange.txSync();
    lookupState.calls++;
    const result = this.#functions.valet_txsync(this.#handle);
    lookupState.calls--;
    if (result < 0) this.#fail(result, "send");
  }

  /** Gives back what is before `head` in the receive rings, and shows what has come. */
  rxSync(): void {
    if (this.exchange !== undefined) return this.exchange.rxSync();
    lookupState.calls++;
    const result = this.#functions.valet_rxsync(this.#handle);
    lookupState.calls--;
    if (result < 0) this.#fail(result, "receive");
  }

  /** Gives slots back, syncs, and describes what the ring has then: `valet_receive()`. */
  receive(ring: Uint8Array<ArrayBuffer>, received: Int32Array<ArrayBuffer>): number {
    lookupState.calls++;
    const result = this.#functions.valet_receive(this.#handle, ring, received);
    lookupState.calls--;
    if (result < 0) this.#fail(result, "receive");
    return result;
  }

  /** Waits on this thread; returns the events that are there. */
  poll(events: number, timeoutMs: number): number {
    const found = this.exchange?.poll(events);
    if (found !== undefined && (found > 0 || timeoutMs === 0)) return found;
    lookupState.calls++;
    const result = found === undefined
      ? this.#functions.valet_poll(this.#handle, events, timeoutMs)
      : this.#functions.valet_sync_loop_wait(this.#handle, events, timeoutMs);
    lookupState.calls--;
    if (result < 0) this.#fail(result, "poll");
    return this.exchange?.poll(events) ?? result;
  }

  /** Waits on another thread; returns the events that are there, 0 also when closed meanwhile. */
  async pollAsync(events: number, timeoutMs: number): Promise<number> {
    const found = this.exchange?.poll(events);
    if (found) return found;
    const result = found === undefined
      ? await this.#functions.valet_poll_async(this.#handle, events, timeoutMs)
      : await this.#functions.valet_sync_loop_wait_async(this.#handle, events, timeoutMs);
    if (this.#handle === 0) return 0;
    if (result < 0) this.#fail(result, "poll");
    return this.exchange?.poll(events) ?? result;
  }

  /** Enters CSB mode and starts a loop. Returns address and bytes of its status blocks. */
  startSyncLoop(interfaceOffset: number, sleepUs: number, flags: number): BigUint64Array {
    const out = new BigUint64Array(2);
    const result = this.#functions.valet_sync_loop_start(
      this.#handle,
      interfaceOffset,
      sleepUs,
      flags,
      out,
    );
    if (result < 0) this.#fail(result, "start a sync loop on");
    return out;
  }

  /** Wakes the loop. */
  kickSyncLoop(): void {
    this.#functions.valet_sync_loop_kick(this.#handle);
  }

  /** Has the loop end. */
  endSyncLoop(): void {
    if (this.#handle !== 0) this.#functions.valet_sync_loop_stop(this.#handle, 0);
  }

  /** The same, and waits until it has; closed meanwhile, it ends all the same. */
  async stopSyncLoop(): Promise<void> {
    if (this.#handle === 0) return;
    const result = await this.#functions.valet_sync_loop_stop_async(this.#handle, 1);
    if (this.#handle !== 0 && result < 0) this.#fail(result, "stop the sync loop of");
  }

  /** Ends a `pollAsync()`. */
  wake(): void {
    if (this.#handle !== 0) this.#functions.valet_wake(this.#handle);
  }

  /** Closes; further calls do nothing. */
  close(): void {
    if (this.#handle === 0) return;
    checkOutsideLookup("close", this.name);
    const handle = this.#handle;
    this.#handle = 0;
    dropped.unregister(this);
    this.exchange?.close();
    lookupState.calls++;
    this.#functions.valet_close(handle);
    lookupState.calls--;
  }

  #fail(result: number, operation: string): never {
    const port = this.name;
    if (this.#handle === 0) throw closedError(operation, port);
    const code = codeOf(result);
    const failure = code === "ECANCELED" ? takeLookupFailure() : undefined;
    if (failure === undefined) {
      throw new NetmapError(operation, code, { port, backend: this.backend });
    }
    const { bridge, error, packet } = failure;
    throw new NetmapError(operation, code, {
      port,
      backend: this.backend,
      cause: error,
      hint: `The lookup of "${bridge}" threw ${describe(error)}\n  at packet ${packet}`,
    });
  }
}

function describe(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : `"${error}"`;
  } catch {
    return "something without a text";
  }
}

/** A text as C has it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) {
    throw new SyntaxError(`Cannot use ${JSON.stringify(text)}: there is a NUL in it`);
  }
  return new TextEncoder().encode(`${text}\0`);
}
