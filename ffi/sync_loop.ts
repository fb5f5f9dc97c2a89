/**
 * CSB mode: packets are exchanged by loads and stores, and a thread does the syncs (netmap's sync
 * loop, the mechanism behind ptnet).
 *
 * @module
 */

import { checkInteger, closedError, codeOf, NetmapError } from "./errors.ts";
import { type Descriptor, POLLIN, POLLOUT } from "./descriptor.ts";
import { CSB_ATOK, CSB_KTOA, RING } from "./layout.ts";
import { Region } from "./region.ts";
import type { Ring } from "./ring.ts";

/** Options of `port.startSyncLoop()`. */
export interface SyncLoopOptions {
  /**
   * How the loop knows that there is something to do. "event": it sleeps until a ring has something,
   * or a send kicks it, which takes a call only when it sleeps. "time": it looks every `sleepUs`, and
   * sending and receiving never take a call. Default: "event".
   */
  wakeup?: "event" | "time" | undefined;
  /** Microseconds between two looks of a loop by time, 0 to 1,000,000. Default: 100. */
  sleepUs?: number | undefined;
}

/** `valet_sync_loop_start()`: VALET_SYNC_LOOP_BY_EVENT. */
const BY_EVENT = 1;

const ATOK_WORDS = CSB_ATOK.size / 4;
const KTOA_WORDS = CSB_KTOA.size / 4;
const CUR = CSB_ATOK.cur / 4;
const HWCUR = CSB_KTOA.hwcur / 4;
const HWTAIL = CSB_KTOA.hwtail / 4;
const NEED_KICK = CSB_KTOA.kernNeedKick / 4;
/** In words from a ring's head. */
const RING_CUR = (RING.cur - RING.head) / 4;
const RING_TAIL = (RING.tail - RING.head) / 4;

/** A ring and its two status blocks, as words of their regions. */
interface Place {
  readonly head: number;
  readonly atok: number;
  readonly ktoa: number;
}

/** What stands in for a descriptor's txsync, rxsync and poll in CSB mode. */
export class CsbExchange {
  readonly #descriptor: Descriptor;
  readonly #region: Region;
  readonly #csb: Region;
  readonly #tx: readonly Place[];
  readonly #rx: readonly Place[];
  /** The word that is 1 as long as the loop runs; its result is in the next one. */
  readonly #running: number;

  /** @param csb all atok entries, transmit rings first, all ktoa entries, the loop's status */
  constructor(
    descriptor: Descriptor,
    region: Region,
    csb: Region,
    tx: readonly Ring[],
    rx: readonly Ring[],
  ) {
    this.#descriptor = descriptor;
    this.#region = region;
    this.#csb = csb;
    const count = tx.length + rx.length;
    const places = [...tx, ...rx].map((ring, i) => ({
      head: (ring.offset + RING.head) / 4,
      atok: i * ATOK_WORDS,
      ktoa: count * ATOK_WORDS + i * KTOA_WORDS,
    }));
    this.#tx = places.slice(0, tx.length);
    this.#rx = places.slice(tx.length);
    this.#running = count * (ATOK_WORDS + KTOA_WORDS);
  }

  /** True until the loop has ended, whatever ended it. */
  get running(): boolean {
    return !this.#csb.closed && Atomics.load(this.#csb.u32, this.#running) === 1;
  }

  /** Hands what is before `head` in the transmit rings to the loop, and shows the slots that are free. */
  txSync(): void {
    this.#exchange(this.#tx, "send");
  }

  /** Gives back what is before `head` in the receive rings, and shows what has come. */
  rxSync(): void {
    this.#exchange(this.#rx, "receive");
  }

  /** What netmap's poll() finds, after the syncs that it implies. */
  poll(events: number): number {
    this.txSync();
    if (events & POLLIN) this.rxSync();
    return (events & POLLIN && this.#isReady(this.#rx) ? POLLIN : 0) |
      (events & POLLOUT && this.#isReady(this.#tx) ? POLLOUT : 0);
  }

  /** Takes the memory away from all views. */
  close(): void {
    this.#csb.close();
  }

  #exchange(places: readonly Place[], operation: string): void {
    if (!this.running) this.#fail(operation);
    const { u32 } = this.#region;
    const csb = this.#csb.u32;
    let kick = false;
    for (const { head, atok, ktoa } of places) {
      const slot = u32[head];
      csb[atok + CUR] = u32[head + RING_CUR];
      // head last: the loop loads it first. The loop raises its need for a kick, and then looks at head
      Atomics.store(csb, atok, slot);
      if (Atomics.load(csb, ktoa + NEED_KICK) !== 0 && Atomics.load(csb, ktoa + HWCUR) !== slot) {
        kick = true;
      }
      // Slots before it are filled, or free
      Atomics.store(u32, head + RING_TAIL, Atomics.load(csb, ktoa + HWTAIL));
    }
    if (kick) this.#descriptor.kickSyncLoop();
  }

  #isReady(places: readonly Place[]): boolean {
    const { u32 } = this.#region;
    return places.some(({ head }) => u32[head + RING_CUR] !== u32[head + RING_TAIL]);
  }

  #fail(operation: string): never {
    const { name: port, backend, closed } = this.#descriptor;
    if (closed || this.#csb.closed) throw closedError(operation, port);
    const result = this.#csb.u32[this.#running + 1] | 0;
    throw new NetmapError(operation, result < 0 ? codeOf(result) : "EBUSY", {
      port,
      backend,
      hint: "Its sync loop has ended, and only another one can do its syncs: startSyncLoop()",
    });
  }
}

/**
 * A running sync loop: netmap's SYNC_KLOOP, in a thread of its own.
 *
 * While it runs, `send()`, `receive()` and all else of the port work as before but take no system call:
 * they leave in memory what the loop is to do, and find there what it has done. So a send returns before
 * the packets are forwarded, and the ring may be full until the loop has caught up.
 *
 * `using` asks it to end; `await using` and `stop()` also wait until it has. A port that was once in
 * CSB mode stays in it: without a loop nothing can be sent or received.
 *
 * Source: SYNC_KLOOP_START and nm_csb_atok in netmap's net/netmap.h; V. Maffione, L. Rizzo, G. Lettieri,
 * "Flexible virtual machine networking using netmap passthrough", LANMAN 2016.
 *
 * @example
 * ```ts
 * import { Netmap } from "@valet/valet";
 *
 * using netmap = Netmap.open({ backend: "embedded", instance: "sync loop example" });
 * using a = netmap.open("vale0:a/x@conf:slots=64");
 * using b = netmap.open("vale0:b@conf:slots=64");
 * await using loop = a.startSyncLoop();
 * a.send(new Uint8Array(60));
 * await b.wait();
 * console.log(loop.running, b.receiveFrames().length);
 * ```
 */
export class SyncLoop implements Disposable, AsyncDisposable {
  readonly #descriptor: Descriptor;
  readonly #exchange: CsbExchange;

  /** Made by `port.startSyncLoop()`. */
  constructor(descriptor: Descriptor, exchange: CsbExchange) {
    this.#descriptor = descriptor;
    this.#exchange = exchange;
  }

  /** True until it has ended: stopped, or by an error. */
  get running(): boolean {
    return !this.#descriptor.closed && this.#exchange.running;
  }

  /**
   * Ends it, and waits until it has ended.
   *
   * @throws {NetmapError} what ended it before, if something did: ECONNRESET when the daemon is gone
   */
  async stop(): Promise<void> {
    await this.#descriptor.stopSyncLoop();
  }

  /** Has it end, without waiting for that. */
  [Symbol.dispose](): void {
    this.#descriptor.endSyncLoop();
  }

  /** The same as `stop()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** What `port.startSyncLoop()` does. */
export function startSyncLoop(
  descriptor: Descriptor,
  region: Region,
  rings: { tx: readonly Ring[]; rx: readonly Ring[] },
  interfaceOffset: number,
  { wakeup = "event", sleepUs = 100 }: SyncLoopOptions,
): SyncLoop {
  if (wakeup !== "event" && wakeup !== "time") {
    throw new RangeError(`Cannot use ${wakeup} as wakeup: expected "event" or "time"`);
  }
  checkInteger("sleepUs", sleepUs, 0, 1_000_000);
  const [address, length] = descriptor.startSyncLoop(
    interfaceOffset,
    sleepUs,
    wakeup === "event" ? BY_EVENT : 0,
  );
  const csb = new Region(address, Number(length));
  const exchange = new CsbExchange(descriptor, region, csb, rings.tx, rings.rx);
  descriptor.exchange?.close();
  descriptor.exchange = exchange;
  return new SyncLoop(descriptor, exchange);
}
