/**
 * Which thread opens which ring.
 *
 * Pure.
 *
 * @module
 */

import { RegisterMode, type RingCounts } from "../../mod.ts";

/** A ring, in both directions. */
export interface ThreadRing {
  /** Among those of its kind. */
  readonly index: number;
  /** It is of the host's network stack. */
  readonly host: boolean;
}

/** Rings that a direction of a port has. */
export interface Queues {
  /** Of the port itself. */
  readonly own: number;
  /** Of the host's network stack. */
  readonly host: number;
}

/** The rings that count: of a sender those to transmit, of all others those to receive. */
export function queuesOf({ tx, rx, hostTx, hostRx }: RingCounts, isSender: boolean): Queues {
  return isSender ? { own: tx, host: hostTx } : { own: rx, host: hostRx };
}

/** How many threads can have a ring of their own, when the name asks for these rings. */
export function mostThreads({ own, host }: Queues, mode: RegisterMode): number {
  if (mode === RegisterMode.NIC_SW) return own + host;
  return mode === RegisterMode.SW || mode === RegisterMode.ONE_SW ? host : own;
}

/**
 * The ring of a thread.
 *
 * @param own rings of the port itself; the first thread opens the port without knowing
 */
export function ringOf(thread: number, mode: RegisterMode, own = Infinity): ThreadRing {
  if (mode === RegisterMode.SW || mode === RegisterMode.ONE_SW) {
    return { index: thread, host: true };
  }
  return mode === RegisterMode.NIC_SW && thread >= own
    ? { index: thread - own, host: true }
    : { index: thread, host: false };
}
