/**
 * What a bridge with its ports, and a pipe, do with packets, said as simply as can be: no rings, no
 * batches, no threads. `model_test.ts` compares it with the real thing.
 *
 * @module
 */

import type { DropCause } from "../../mod.ts";

/** A packet. */
export interface Packet {
  /** Destination address. */
  to: string;
  /** Source address. */
  from: string;
  /** Bytes. */
  length: number;
  /** What it is known by; no two are equal. */
  tag: number;
}

/** What decides where packets go: the table, or a lookup in a script. */
export type Decision = "learning" | "by tag" | "flood" | "drop" | "garbage" | "throw";

/** Index that a lookup "by tag" answers. */
export const portByTag = (tag: number): number => tag % 5;

const isGroup = (address: string): boolean => (parseInt(address, 16) & 1) === 1;

/** A port, or the end of a pipe: what waits to be received, and what was counted. */
export class ModelPort {
  readonly #slots: number;
  readonly #bufferBytes: number;
  /** Index on the bridge; undefined while it is on none. */
  index: number | undefined;
  /** Whether somebody has it open. */
  isOpen = true;
  /** Source of the packet that it sent last. */
  lastSource = "";
  /** What waits to be received. */
  readonly queue: Packet[] = [];
  /** Packets and bytes, sent and received. */
  readonly counted = { txPackets: 0, txBytes: 0, rxPackets: 0, rxBytes: 0 };
  /** Packets dropped. */
  readonly drops: Partial<Record<DropCause, number>> = {};

  /**
   * @param slots of the receive ring, of which one stays free
   * @param bufferBytes what fits in a slot
   */
  constructor(slots: number, bufferBytes: number) {
    this.#slots = slots;
    this.#bufferBytes = bufferBytes;
  }

  #slotsOf(packets: readonly Packet[]): number {
    return packets.reduce((sum, { length }) => sum + Math.ceil(length / this.#bufferBytes), 0);
  }

  /** Counts dropped packets. */
  drop(cause: DropCause, packets = 1): void {
    if (packets > 0) this.drops[cause] = (this.drops[cause] ?? 0) + packets;
  }

  /** Counts packets as sent. */
  sent(packets: readonly Packet[]): void {
    this.counted.txPackets += packets.length;
    for (const { length } of packets) this.counted.txBytes += length;
  }

  /** Takes the packets for which there is room, up to the first that does not fit. Returns how many. */
  take(packets: readonly Packet[]): number {
    let free = this.#slots - 1 - this.#slotsOf(this.queue);
    for (const [i, packet] of packets.entries()) {
      free -= this.#slotsOf([packet]);
      if (free < 0) return i;
      this.queue.push(packet);
      this.counted.rxPackets++;
      this.counted.rxBytes += packet.length;
    }
    return packets.length;
  }
}

/** A bridge. */
export class ModelBridge {
  readonly #isKernel: boolean;
  readonly #table = new Map<string, number>();
  #freed: number[] = [];
  #indices = 0;
  /** Those that are on it. */
  readonly ports: Set<ModelPort> = new Set();
  /** What decides. */
  decision: Decision = "learning";

  /** @param isKernel copies what valet's engine does not do on purpose: no purge, no relearning */
  constructor(isKernel: boolean) {
    this.#isKernel = isKernel;
  }

  /** Puts a port on the bridge. */
  add(port: ModelPort): void {
    port.index = this.#freed.pop() ?? this.#indices++;
    this.ports.add(port);
  }

  /** Takes a port off; the last one takes all along. */
  remove(port: ModelPort): void {
    this.ports.delete(port);
    this.#freed.push(port.index!);
    for (const [address, index] of this.#table) {
      if (index === port.index && !this.#isKernel) this.#table.delete(address);
    }
    port.index = undefined;
    if (this.ports.size > 0) return;
    this.#table.clear();
    this.#freed = [];
    this.#indices = 0;
    this.decision = "learning";
  }

  /** Passes on what a port sends with one sync. Returns false if the lookup threw. */
  send(from: ModelPort, packets: readonly Packet[]): boolean {
    from.sent(packets);
    if (from.index === undefined) from.drop("notAttached", packets.length);
    else if (this.decision === "throw") from.drop("failed", packets.length);
    else this.#deliver(from, packets);
    return from.index === undefined || this.decision !== "throw" || packets.length === 0;
  }

  #deliver(from: ModelPort, packets: readonly Packet[]): void {
    const queues = new Map<ModelPort, Packet[]>();
    for (const packet of packets) {
      for (const port of this.#receivers(from, packet)) {
        queues.set(port, [...queues.get(port) ?? [], packet]);
      }
    }
    for (const [port, queue] of queues) {
      if (!port.isOpen) port.drop("notOpen", queue.length);
      else port.drop("ringFull", queue.length - port.take(queue));
    }
  }

  #receivers(from: ModelPort, packet: Packet): ModelPort[] {
    const answer = this.#answer(from, packet);
    if (answer === "flood") {
      if (this.ports.size === 1) from.drop("alone");
      return [...this.ports].filter((port) => port !== from);
    }
    const port = [...this.ports].find(({ index }) => index === answer);
    if (answer === "drop") from.drop("lookup");
    else if (answer === "garbage") from.drop("garbage");
    else if (port === undefined) from.drop("noPort");
    else if (port === from) from.drop("samePort");
    else return [port];
    return [];
  }

  #answer(from: ModelPort, packet: Packet): number | Decision {
    if (this.decision === "by tag") return portByTag(packet.tag);
    if (this.decision !== "learning") return this.decision;
    if (!isGroup(packet.from) && !(this.#isKernel && from.lastSource === packet.from)) {
      this.#table.set(packet.from, from.index!);
      from.lastSource = packet.from;
    }
    return isGroup(packet.to) ? "flood" : this.#table.get(packet.to) ?? "flood";
  }
}
