/**
 * A virtual machine's network card as QEMU's `-netdev stream` has it, on a bridge; we are its guest.
 *
 * @module
 */

import { join } from "node:path";
import type { Netmap } from "../../../mod.ts";

/** QEMU writes the length of each frame before it, in network order. */
const LENGTH_BYTES = 4;

/** A card that is plugged into a bridge. */
export class GuestCard implements AsyncDisposable {
  readonly #connection: Deno.UnixConn;
  readonly #unplug: () => void;
  readonly #folder: string;
  /** Frames as they go through the socket, and which and how many they are. */
  #bytes = new Uint8Array(0);
  #frame: Uint8Array | undefined;

  private constructor(connection: Deno.UnixConn, unplug: () => void, folder: string) {
    this.#connection = connection;
    this.#unplug = unplug;
    this.#folder = folder;
  }

  /**
   * Attaches a port to the bridge, and connects to its socket.
   *
   * @throws {NetmapError} EOPNOTSUPP on the kernel, which has no such device
   */
  static async plug(netmap: Netmap, bridgeName: string): Promise<GuestCard> {
    const folder = await Deno.makeTempDir({ prefix: "valet-guest-" });
    const bridge = netmap.bridge(bridgeName), path = join(folder, "card.sock");
    try {
      bridge.attach("card", { device: "stream", socket: path });
      const connection = await Deno.connect({ transport: "unix", path });
      return new GuestCard(connection, () => bridge.detach("card"), folder);
    } catch (error) {
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  /** What the guest sends: the frame, so many times, in one write as far as the socket takes it. */
  async send(frame: Uint8Array, count: number): Promise<void> {
    const each = LENGTH_BYTES + frame.length;
    if (frame !== this.#frame || this.#bytes.length !== count * each) {
      this.#bytes = new Uint8Array(count * each);
      const view = new DataView(this.#bytes.buffer);
      for (let at = 0; at < this.#bytes.length; at += each) {
        view.setUint32(at, frame.length);
        this.#bytes.set(frame, at + LENGTH_BYTES);
      }
      this.#frame = frame;
    }
    for (let at = 0; at < this.#bytes.length;) {
      at += await this.#connection.write(this.#bytes.subarray(at));
    }
  }

  /** Unplugs it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close();
    this.#unplug();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
