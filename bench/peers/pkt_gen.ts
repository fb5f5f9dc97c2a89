/** netmap's own pkt-gen: one sends, one receives, on the kernel's netmap or through valet's preload library. */

import { hasProgram, until } from "../net/command.ts";
import { Service } from "../net/service.ts";
import type { Measurable } from "../round.ts";

/** Milliseconds between two of its reports. */
const REPORT_MS = 100;

/** Reports that go before what counts: they tell of the time in which it was stopped. */
const RUN_UP = 3;

/** Longest time that enough of them may take. */
const PATIENCE_MS = 60_000;

/** Fewest reports that count. */
const LEAST_REPORTS = 5;

/** What the two do. */
export interface PktGenOptions {
  name: string;
  /** The program. */
  program: string;
  /** Port of the one that sends, and of the one that receives. */
  ports: readonly [string, string];
  /** Bytes of a frame. */
  bytes: number;
  /** Their environment, besides what this process has. */
  env?: Record<string, string>;
}

/** Why it cannot run on the kernel's netmap, in words. */
export function pktGenProblem(program: string): string | undefined {
  if (!hasProgram(program)) return `there is no ${program}`;
  try {
    Deno.statSync("/dev/netmap");
    return undefined;
  } catch {
    return "this kernel has no netmap: there is no /dev/netmap";
  }
}

/** A pair of them. */
export class PktGenPair implements Measurable {
  readonly name: string;
  readonly #receiver: Service;
  readonly #sender: Service;
  readonly #stack: AsyncDisposableStack;

  private constructor(name: string, services: readonly Service[], stack: AsyncDisposableStack) {
    this.name = name;
    [this.#receiver, this.#sender] = services;
    this.#stack = stack;
    this.#pause();
  }

  /** Starts both. */
  static async start({ name, program, ports, bytes, env }: PktGenOptions): Promise<PktGenPair> {
    await using stack = new AsyncDisposableStack();
    const services: Service[] = [];
    for (const [i, port] of ports.toReversed().entries()) {
      const what = i === 0 ? ["-f", "rx"] : ["-f", "tx", "-l", `${bytes}`];
      const args = ["-i", port, ...what, "-w", "1", "-T", `${REPORT_MS}`, "-b", "512"];
      const service = stack.use(new Service([program, ...args], env));
      await service.prints(/main_thread|receiver_body|sender_body/);
      services.push(service);
    }
    return new PktGenPair(name, services, stack.move());
  }

  /** Millions of packets a second that were received: time that passes. */
  async measure(milliseconds: number): Promise<number[]> {
    const wanted = RUN_UP + Math.max(LEAST_REPORTS, milliseconds / REPORT_MS);
    const from = this.#receiver.output.length;
    this.#resume();
    try {
      // An emulated machine is late with them
      await until(
        `${wanted} reports of pkt-gen`,
        () => reportsOf(this.#receiver.output.slice(from)).length >= wanted,
        PATIENCE_MS,
      );
    } finally {
      this.#pause();
    }
    return [receivedMpps(this.#receiver.output.slice(from), RUN_UP)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#resume();
    await this.#stack.disposeAsync();
  }

  #pause(): void {
    this.#sender.pause();
    this.#receiver.pause();
  }

  #resume(): void {
    this.#receiver.resume();
    this.#sender.resume();
  }
}

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6, G: 1e9 };

/** What its reports tell of, each about a tenth of a second. */
function reportsOf(text: string): { packets: number; us: number }[] {
  return [...text.matchAll(/\(([\d.]+) ([KMG]?)pkts [^)]* in (\d+) usec\)/g)]
    .map(([, count, unit, us]) => ({ packets: Number(count) * UNITS[unit], us: Number(us) }));
}

/**
 * Millions of packets a second that its reports tell of, after the first ones.
 *
 * @throws {Error} if there are no others
 */
export function receivedMpps(text: string, skip: number): number {
  let packets = 0, us = 0;
  for (const report of reportsOf(text).slice(skip)) {
    packets += report.packets;
    us += report.us;
  }
  if (us === 0) throw new Error(`pkt-gen tells of no packets in "${text.slice(-500)}"`);
  return packets / us;
}
