/**
 * A real virtual machine on a bridge, whose kernel sends packets as fast as it can.
 *
 * @module
 */

import { join } from "node:path";
import type { Netmap } from "../../../mod.ts";
import { Guest, makeInitrd } from "./virtual_machine.ts";

/** Length of its packets, in bytes. */
const LENGTH = 60;
/** What Linux's pktgen has of the first CPU, and of its interface. */
const THREAD = "/proc/net/pktgen/kpktgend_0", DEVICE = "/proc/net/pktgen/eth0";

/** QEMU with a virtio card at the socket of a port, and Linux's pktgen in it. */
export class SendingGuest implements AsyncDisposable {
  readonly #guest: Guest;
  readonly #ending: AsyncDisposableStack;

  private constructor(guest: Guest, ending: AsyncDisposableStack) {
    this.#guest = guest;
    this.#ending = ending;
  }

  /**
   * Attaches a port to the bridge, and boots a guest that is plugged into it.
   *
   * @param root folder with the guest's kernel, where `whyNoGuests()` finds nothing missing
   * @throws {NetmapError} EOPNOTSUPP on the kernel, which has no such device
   */
  static async boot(netmap: Netmap, bridgeName: string, root: string): Promise<SendingGuest> {
    await using ending = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "valet-guest-" });
    ending.defer(() => Deno.remove(folder, { recursive: true }));
    const bridge = netmap.bridge(bridgeName), path = join(folder, "card.sock");
    bridge.attach("guest", { device: "stream", socket: path });
    ending.defer(() => void bridge.detach("guest"));
    const netdev = `stream,server=off,addr.type=unix,addr.path=${path}`;
    const initrd = makeInitrd(folder, root);
    const guest = ending.use(new Guest({ root, initrd, number: 11, netdev }));
    await guest.ready();
    await guest.must(`echo "add_device eth0" > ${THREAD}`);
    return new SendingGuest(guest, ending.move());
  }

  /** Has it send to an address, so many packets at a time, until it is told otherwise. */
  async send(mac: string, batch: number): Promise<void> {
    await this.#guest.must("echo stop > /proc/net/pktgen/pgctrl");
    const settings = [`count 0`, `pkt_size ${LENGTH}`, `dst_mac ${mac}`, `dst 10.0.0.2`];
    for (const setting of [...settings, `burst ${batch}`]) {
      await this.#guest.must(`echo "${setting}" > ${DEVICE}`);
    }
    await this.#guest.must("echo start > /proc/net/pktgen/pgctrl &");
  }

  /** CPU time of the machine so far, in milliseconds. */
  cpuMs(): number {
    return this.#guest.cpuMs();
  }

  /** Pulls the plug. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ending.disposeAsync();
  }
}
