/**
 * What a bridge's ports have counted since a moment: how machine code, which counts nothing, is watched.
 *
 * @module
 */

import type { Bridge } from "../../mod.ts";

/** Sums up what is counted at ports that come and go. */
export class BridgeCounts {
  readonly #bridge: Bridge;
  /** As the ports were when they were looked at last, by name. */
  #before = new Map<string, { packets: number; failed: number }>();
  #isStarted = false;
  /** Packets sent into the bridge. */
  packets = 0;
  /** Packets at which the lookup failed. */
  failed = 0;

  /** Counts nothing before `start()`. */
  constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  /** From now on. */
  start(): void {
    this.#before.clear();
    this.#isStarted = false;
    this.update();
    this.#isStarted = true;
  }

  /**
   * Adds what is new. What a port has counted between the last time and its end is not seen.
   *
   * @throws {NetmapError} if the bridge cannot be read
   */
  update(): void {
    const now = new Map<string, { packets: number; failed: number }>();
    for (const [name, { txPackets, drops, kind }] of Object.entries(this.#bridge.counters())) {
      const count = { packets: txPackets, failed: drops.failed };
      now.set(name, count);
      // Interfaces may have counted elsewhere before; ports begin at 0
      const isNew = this.#isStarted && kind === "ephemeral";
      const old = this.#before.get(name) ?? (isNew ? { packets: 0, failed: 0 } : count);
      const isSame = old.packets <= count.packets && old.failed <= count.failed;
      this.packets += count.packets - (isSame ? old.packets : 0);
      this.failed += count.failed - (isSame ? old.failed : 0);
    }
    this.#before = now;
  }
}
