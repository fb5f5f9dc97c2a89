/**
 * Many ports of a learning bridge, each with a station that the bridge knows.
 *
 * VALE's table has 1024 buckets, each for one station: of some hundred addresses that follow each other many push
 * others out, and what is for those goes to all ports. Here addresses are chosen so that none does.
 *
 * @module
 */

import { list, type Netmap, PacketTemplate, type Port } from "../../../mod.ts";

const SENDER_MAC = 0x02_ff_00_00_00_00, FIRST_MAC = 0x02_00_00_00_00_00;
/** Times that all are looked at. */
const PASSES = 50;

/** A bridge, and its ports. */
export class Stations {
  readonly ports: Port[] = [];
  readonly #netmap: Netmap;
  readonly #bridge: string;
  readonly #slots: number;
  /** Addresses of ports that receive. */
  readonly #addresses = new Map<number, number>();
  #next = FIRST_MAC;

  constructor(netmap: Netmap, bridge: string, slots: number) {
    this.#netmap = netmap;
    this.#bridge = bridge;
    this.#slots = slots;
  }

  /** Opens ports until there are so many, and has the bridge learn where those are that receive. */
  open(count: number, receives: (index: number) => boolean): void {
    while (this.ports.length < count) {
      const index = this.ports.length;
      const name = `${this.#bridge}:p${index}`;
      this.ports.push(this.#netmap.open(name, { slots: this.#slots }));
      if (receives(index)) this.#introduce(index);
    }
    this.#settle();
    for (const port of this.ports) port.receiveFrames();
  }

  /** A frame of 60 bytes to a port that receives, or to so many from that one on, in turn. */
  frame(to: number, count = 1): PacketTemplate {
    const macs = Array.from({ length: count }, (_, i) => this.#addresses.get(to + i)!);
    return PacketTemplate.udp({
      ...{ srcMac: SENDER_MAC, dstMac: macs[0], src: "10.0.0.1:1", dst: "10.0.0.2:53" },
      ...{ length: 60, vary: count > 1 ? { dstMac: list(macs) } : {} },
    });
  }

  /** Gives new addresses to those that the bridge does not know, until it knows all. */
  #settle(): void {
    const all = [...this.#addresses.keys()];
    for (let pass = 0, unknown = all; unknown.length > 0; pass++) {
      if (pass === PASSES) throw new Error(`${this.#bridge} does not learn where its ports are`);
      unknown = all.filter((index) => !this.#isKnown(index));
      for (const index of unknown) this.#introduce(index);
    }
  }

  /** Has a port send to itself, which goes nowhere. */
  #introduce(index: number): void {
    const mac = this.#next++, ends = { srcMac: mac, dstMac: mac };
    this.#addresses.set(index, mac);
    this.ports[index].send(PacketTemplate.udp({ ...ends, src: "10.0.0.2", dst: "10.0.0.2" }));
  }

  /** Whether what is sent to a port goes there alone. */
  #isKnown(index: number): boolean {
    const other = this.ports[index === 1 ? 2 : 1];
    this.ports[index].receiveFrames();
    other?.receiveFrames();
    this.ports[0].send(this.frame(index));
    if (this.ports[index].poll("read", 1000) === 0) {
      throw new Error(`${this.#bridge}: nothing comes to port ${index}`);
    }
    return (other?.receiveFrames().length ?? 0) === 0;
  }
}
