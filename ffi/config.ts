/**
 * NIOCCONFIG: messages to whoever has taken over a bridge, as a module's config function in the kernel.
 *
 * @module
 */

import { Descriptor } from "./descriptor.ts";
import { check, closedError, NetmapError, show } from "./errors.ts";
import { errorNumber } from "./errno.ts";
import { presentToken } from "./exclusive.ts";
import { BODY, CONFIG, ValetRequest } from "./message.ts";

/** Bytes of a message: `data` of netmap's `struct nm_ifreq`. */
export const CONFIG_BYTES: number = CONFIG.dataBytes;

/**
 * Gets a message to a bridge: 256 bytes, of which unused ones are 0. What it writes into them is the
 * answer. A {@linkcode NetmapError} that it throws refuses the message with its code, anything else with
 * EINVAL.
 */
export type ConfigHandler = (message: Uint8Array<ArrayBuffer>) => void | Promise<void>;

/** Options of `bridge.config.serve()`. */
export interface ServeConfigOptions {
  /** Ends it, half a second later at most. */
  signal?: AbortSignal | undefined;
}

// enum valet_config_serve of c/uapi/valet_requests.h
const ConfigServe = { GO_ON: 0, BEGIN: 1, END: 2 } as const;

/**
 * Messages to whoever has taken over a bridge (NIOCCONFIG): a script that serves them, in whatever
 * process, or on the kernel the module that has set the bridge's lookup.
 *
 * @example
 * ```ts
 * import { DROP, Netmap } from "@valet/valet";
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "config example" });
 * using _port = netmap.open("vale0:a");
 * using bridge = netmap.bridge("vale0");
 * const routes = new Map<number, number>();
 * bridge.lookup = (packet) => routes.get(packet.port) ?? DROP;
 * const end = new AbortController();
 * const served = bridge.config.serve(([from, to]) => void routes.set(from!, to!), end);
 * await bridge.config.send(Uint8Array.of(0, 1));
 * end.abort();
 * await served;
 * console.log(routes); // Map(1) { 0 => 1 }
 * ```
 */
export class BridgeConfig {
  readonly #control: Descriptor;
  readonly #bridge: string;
  readonly #token: number | undefined;

  /** Comes with its bridge: `bridge.config`. */
  constructor(control: Descriptor, bridge: string, token?: number) {
    this.#control = control;
    this.#bridge = bridge;
    this.#token = token;
  }

  /**
   * Sends a message.
   *
   * @param data at most 256 bytes, which only sender and receiver understand
   * @returns the 256 bytes as they were answered
   * @throws {NetmapError} EINVAL if there is no such bridge, or nobody takes messages; ETIMEDOUT without an
   * answer for three seconds; else what the receiver answered
   */
  async send(data: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    return await sendConfig(this.#control, this.#bridge, data);
  }

  /**
   * Takes the messages that others send, and takes over from whoever did so before: what a module's
   * config function does in the kernel. Messages from this call on wait until they are served.
   *
   * @param handler called with each message, one after the other
   * @returns when the signal has ended it, or the netmap was closed
   * @throws {NetmapError} ENXIO if there is no such bridge (any more), EACCES if it is exclusive, ESTALE when
   * another has taken over, EOPNOTSUPP on the kernel
   */
  async serve(handler: ConfigHandler, options: ServeConfigOptions = {}): Promise<void> {
    await serveConfig(this.#control, this.#bridge, handler, options, this.#token);
  }
}

const NAME_BYTES = 16;

/** Waits for the answer on another thread: it may be this thread's to give. */
async function sendConfig(
  control: Descriptor,
  bridge: string,
  data: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!(data instanceof Uint8Array)) {
    throw new TypeError(`Cannot send ${show(data)} to "${bridge}": expected a Uint8Array`);
  }
  if (data.length > CONFIG_BYTES) {
    throw new RangeError(
      `Cannot send ${data.length} bytes to "${bridge}": a message has at most ${CONFIG_BYTES}`,
    );
  }
  const request = new Uint8Array(NAME_BYTES + CONFIG_BYTES);
  request.set(new TextEncoder().encode(`${bridge}:`).subarray(0, NAME_BYTES - 1));
  request.set(data, NAME_BYTES);
  const descriptor = descriptorLike(control, bridge);
  try {
    const { functions } = descriptor.library;
    const result = await functions.valet_config_async(descriptor.handle, request, request.length);
    check(result, "configure", { port: bridge, backend: control.backend });
  } finally {
    descriptor.close();
  }
  return request.subarray(NAME_BYTES);
}

/** One of its own: the calls wait, and others' on the same descriptor would wait behind them. */
function descriptorLike(control: Descriptor, bridge: string): Descriptor {
  if (control.closed) throw closedError("configure", bridge, "netmap");
  return Descriptor.open(control.library, control.backend, control.instance, bridge);
}

/** Time after which a closed netmap is noticed, in milliseconds. */
const WAIT_MS = 500;

/** One message after the other, until it is told to end. */
async function serveConfig(
  control: Descriptor,
  bridge: string,
  handler: ConfigHandler,
  { signal }: ServeConfigOptions,
  token: number | undefined,
): Promise<void> {
  if (typeof handler !== "function") {
    throw new TypeError(`Cannot serve with ${show(handler)}: expected a function`);
  }
  signal?.throwIfAborted();
  const descriptor = descriptorLike(control, bridge);
  try {
    if (token !== undefined) presentToken(descriptor, bridge, token);
    const call = new ServeCall(descriptor, bridge);
    call.start();
    while (!control.closed && !signal?.aborted) {
      if (call.ticket !== 0) call.result = await answer(handler, call.data);
      await call.next();
    }
    await call.end();
  } finally {
    descriptor.close();
  }
}

async function answer(handler: ConfigHandler, data: Uint8Array<ArrayBuffer>): Promise<number> {
  try {
    await handler(data);
    return 0;
  } catch (error) {
    return -(error instanceof NetmapError ? error.errno : errorNumber("EINVAL"));
  }
}

/** The request that is made again and again, in a buffer of its own. */
class ServeCall {
  readonly #descriptor: Descriptor;
  readonly #bridge: string;
  readonly #message: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  /** The message: the answer is written over it. */
  readonly data: Uint8Array<ArrayBuffer>;

  constructor(descriptor: Descriptor, bridge: string) {
    this.#descriptor = descriptor;
    this.#bridge = bridge;
    const { bytes, length } = descriptor.request(
      ValetRequest.CONFIG_SERVE,
      `${bridge}:`,
      CONFIG.size,
    );
    this.#message = bytes.slice(0, length);
    this.#view = new DataView(this.#message.buffer);
    this.data = this.#message.subarray(BODY + CONFIG.data, BODY + CONFIG.size);
  }

  /** Which message it is; 0: none. */
  get ticket(): number {
    return this.#view.getUint32(BODY + CONFIG.ticket, true);
  }

  /** The answer: 0 or a negative errno. */
  set result(value: number) {
    this.#view.setInt32(BODY + CONFIG.result, value, true);
  }

  /** Says that somebody serves; from then on messages wait. */
  start(): void {
    const { library, handle } = this.#descriptor;
    this.#begin(ConfigServe.BEGIN);
    this.#check(library.functions.valet_control(handle, this.#message, this.#message.length));
    this.#view.setUint32(BODY + CONFIG.waitMs, WAIT_MS, true);
    this.#begin(ConfigServe.GO_ON);
  }

  /** Answers the message that is there, and waits for the next. */
  async next(): Promise<void> {
    await this.#call();
  }

  /** Gives up: what has not been served is refused. */
  async end(): Promise<void> {
    this.#begin(ConfigServe.END);
    await this.#call();
  }

  /** What the request is to do, of `ConfigServe`. */
  #begin(value: number): void {
    this.#view.setUint32(BODY + CONFIG.done, value, true);
  }

  async #call(): Promise<void> {
    const { library, handle } = this.#descriptor;
    const message = this.#message;
    this.#check(
      await library.functions.valet_control_async(handle, message, message.length),
    );
  }

  #check(result: number): void {
    check(result, "serve", { port: this.#bridge, backend: this.#descriptor.backend });
  }
}
