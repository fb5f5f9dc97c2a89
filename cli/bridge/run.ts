/**
 * What `bridge` does: joins two netmap ports.
 *
 * @module
 */

import type { Netmap, Port } from "../../mod.ts";
import type { Context } from "../context.ts";
import { logLine, nowMs } from "../log_line.ts";
import { openNetmap } from "../open.ts";
import { withHint } from "../port_hints.ts";
import { sleep } from "../sleep.ts";
import { type Awaited, turn, waitAny } from "../wait_any.ts";
import { Mover, type MoveReport, sharesMemory, slotsOf } from "./move.ts";

/** What the command line says. */
export interface BridgeOptions {
  /** Name of the first port. */
  readonly first: string;
  /** Name of the second; may be the same, with `loop`. */
  readonly second: string;
  /** Send what a port receives back into it. */
  readonly loop: boolean;
  /** Most packets from one ring to another at once. */
  readonly burst: number;
  /** Exchange buffers where the memory is shared. */
  readonly zeroCopy: boolean;
  /** Seconds before the beginning. */
  readonly waitSeconds: number;
  /** How much to say. */
  readonly verbose: number;
}

/** After so long without packets a line says so. */
const SILENCE_MS = 2500;

/** Rounds that may follow each other without a turn of the event loop. */
const ROUNDS_A_TURN = 16;

/** Joins the ports until the command is interrupted. */
export async function runBridge(options: BridgeOptions, context: Context): Promise<void> {
  using netmap = await openNetmap(context);
  try {
    await new BridgeRun(options, context).run(netmap);
  } catch (error) {
    throw withHint(error, netmap);
  }
}

class BridgeRun {
  readonly #options: BridgeOptions;
  readonly #context: Context;

  constructor(options: BridgeOptions, context: Context) {
    this.#options = options;
    this.#context = context;
  }

  async run(netmap: Netmap): Promise<void> {
    const { first, second, loop, waitSeconds } = this.#options;
    const { signal } = this.#context;
    const isSame = first === second;
    if (isSame) {
      if (loop) this.#log("main [274]", "same interface, loopbacking traffic");
      else this.#log("main [270]", "same interface, endpoint 0 goes to host");
    }
    using a = netmap.open(isSame && !loop ? `${first}^` : first);
    using b = netmap.open(second);
    const zeroCopy = this.#options.zeroCopy && sharesMemory(a, b);
    this.#log("main [292]", `------- zerocopy ${zeroCopy ? "" : "NOT "}supported`);
    this.#log("main [299]", `Wait ${waitSeconds} secs for link to come up...`);
    await sleep(waitSeconds * 1000, signal);
    this.#log("main [301]", `Ready to go, ${ringsText(a)} <-> ${ringsText(b)}.`);
    await this.#join(a, b, zeroCopy);
  }

  async #join(a: Port, b: Port, zeroCopy: boolean): Promise<void> {
    const { signal } = this.#context;
    const ways = [this.#way(a, b, zeroCopy), this.#way(b, a, zeroCopy)];
    for (let round = 1; !signal.aborted; round++) {
      let moved = 0;
      for (const { to, mover } of ways) {
        const count = mover.move();
        if (count > 0) to.txSync();
        moved += count;
      }
      if (moved > 0) {
        a.rxSync();
        b.rxSync();
        if (round % ROUNDS_A_TURN === 0) await turn();
        continue;
      }
      // What has no room waits for room, and what has nothing for packets
      const awaited = ways.map(({ from, to }): Awaited =>
        slotsOf(from.rxRings) > 0 ? { port: to, events: "write" } : { port: from, events: "read" }
      );
      const found = await waitAny(awaited, SILENCE_MS, signal);
      if (!signal.aborted && (!found || this.#options.verbose > 0)) {
        this.#log("main [352]", `poll ${found ? "ok" : "timeout"} ${waitText(a, b, awaited)}`);
      }
    }
  }

  #way(from: Port, to: Port, zeroCopy: boolean): { from: Port; to: Port; mover: Mover } {
    const { burst, verbose } = this.#options;
    const text = `${endText(from)} --> ${endText(to)}`;
    const report: MoveReport = {
      ...(verbose === 0 ? {} : {
        moved: (rx, tx, packets) =>
          this.#log(
            "rings_move [131]",
            `${text} fwd ${packets} packets: rxring ${rx.index} --> txring ${tx.index}`,
          ),
      }),
      ...(verbose < 2 ? {} : {
        packet: (rx, tx, bytes) =>
          this.#log("rings_move [104]", `${text}: fwd len ${bytes}, rx[${rx}] -> tx[${tx}]`),
      }),
    };
    return { from, to, mover: new Mover(from, to, burst, zeroCopy, report) };
  }

  #log(where: string, text: string): void {
    this.#context.stderr.write(logLine(where, text, nowMs()));
  }
}

/** "vale0:a 0x0/1": first receive ring, and how many the port has. */
function ringsText({ name, rxRings, ringCounts }: Port): string {
  return `${name} 0x${(rxRings[0]?.index ?? 0).toString(16)}/${ringCounts.rx}`;
}

function endText({ name, rxRings }: Port): string {
  return `${name}:${rxRings.length > 0 && rxRings.every(({ host }) => host) ? "host" : "nic"}`;
}

/** What was waited for at each port (bit 1 packets, bit 4 room), what has come of it, and what is there. */
function waitText(a: Port, b: Port, awaited: readonly Awaited[]): string {
  return [a, b].map((port, i) => {
    const rx = slotsOf(port.rxRings), tx = slotsOf(port.txRings);
    const wanted = awaited.filter((it) => it.port === port)
      .reduce((all, { events }) => all | (events === "read" ? 1 : 4), 0);
    const found = wanted & ((rx > 0 ? 1 : 0) | (tx > 0 ? 4 : 0));
    return `[${i}] ev ${wanted} ${found} rx ${rx}@${port.rxRings[0]?.head ?? 0} tx ${tx}`;
  }).join(", ");
}
