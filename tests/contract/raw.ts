/**
 * Requests as they go to netmap, for what the API has no way to ask: wrong headers, fields that it
 * does not set, answers that it does not show.
 *
 * @module
 */

import { Descriptor } from "../../ffi/descriptor.ts";
import { codeOf } from "../../ffi/errors.ts";
import { loadLibrary } from "../../ffi/library.ts";
import { BODY, type Message } from "../../ffi/message.ts";
import { Region } from "../../ffi/region.ts";
import type { Scene } from "./backends.ts";

export { INTERFACE, POOLS_INFO, PORT_INFO, REGISTER, VALE_LIST } from "../../ffi/layout.ts";
export { RequestType } from "../../ffi/constants.ts";

/** Bytes of each request's body, by request type; 0: none. */
const BODIES: readonly number[] = [0, 56, 32, 64, 8, 8, 8, 8, 16, 0, 16, 16, 64, 8, 0, 0];

/** A netmap descriptor, as open("/dev/netmap") gives one. */
export class RawDescriptor implements Disposable {
  readonly #descriptor: Descriptor;
  /** The message of the last request; the next one writes over it. */
  answer: Message;

  /** Opens one in the same netmap as the scene's. */
  constructor({ backend, instance }: Scene) {
    this.#descriptor = Descriptor.open(loadLibrary(), backend.name, instance, "raw");
    this.answer = this.#descriptor.request(0, "", 0);
  }

  /**
   * Makes a request.
   *
   * @param edit changes the message before it is sent
   * @returns "" or the error's name
   */
  request(type: number, name: string, edit: (message: Message) => void = () => {}): string {
    const message = this.answer = this.#descriptor.request(type, name, BODIES[type] ?? 0);
    edit(message);
    return errorOf(this.#descriptor.tryControl("request", name));
  }

  /** NIOCTXSYNC, as it answers: "" or the error's name. */
  txSync(): string {
    return errorOf(this.#descriptor.library.functions.valet_txsync(this.#descriptor.handle));
  }

  /** NIOCRXSYNC. */
  rxSync(): string {
    return errorOf(this.#descriptor.library.functions.valet_rxsync(this.#descriptor.handle));
  }

  /** poll(2): the events. */
  poll(events: number, timeoutMs = 0): number {
    return this.#descriptor.poll(events, timeoutMs);
  }

  /** The mapped region; only after a REGISTER. Close it before the descriptor. */
  map(): Region {
    return Region.ofHandle(this.#descriptor.library.functions, this.#descriptor.handle, "raw");
  }

  /** Closes the descriptor. */
  [Symbol.dispose](): void {
    this.#descriptor.close();
  }
}

/** Where the body is in a message. */
export const BODY_OFFSET: number = BODY;

function errorOf(result: number): string {
  return result < 0 ? codeOf(result) : "";
}
