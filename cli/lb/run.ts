/**
 * What `lb` does: opens the port and the pipes, spreads packets, reports.
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
import { Balancer } from "./balancer.ts";
import type { LbOptions } from "./options.ts";
import { OverflowQueue } from "./overflow.ts";
import { Pipe } from "./pipe.ts";
import { type LbSample, statisticsLines, total } from "./statistics.ts";
import { writeSyslog } from "./syslog.ts";

/** Counters are looked at so often: rates are those of the last second, however seldom they are shown. */
const SAMPLE_MS = 1000;

/** Rounds that may follow each other without a turn of the event loop. */
const ROUNDS_A_TURN = 16;

/** A wait for packets looks around so often, in milliseconds. */
const SLICE_MS = 1000;

/** Spreads packets until the command is interrupted. */
export async function runLb(options: LbOptions, context: Context): Promise<void> {
  using netmap = await openNetmap(context);
  try {
    await new Lb(options, context).run(netmap);
  } catch (error) {
    throw withHint(error, netmap);
  }
}

class Lb {
  readonly #options: LbOptions;
  readonly #context: Context;

  constructor(options: LbOptions, context: Context) {
    this.#options = options;
    this.#context = context;
  }

  async run(netmap: Netmap): Promise<void> {
    const { port: name, extraBuffers, batch, waitSeconds } = this.#options;
    const { stdout, signal } = this.#context;
    this.#log("main [634]", `interface is ${name}`);
    using port = netmap.open(name, { extraBuffers });
    this.#log("main [741]", `successfully opened ${name}`);
    if (extraBuffers > 0) {
      this.#log("main [751]", `obtained ${port.extraBuffers.count} extra buffers`);
      if (port.extraBuffers.count === 0) {
        this.#log("main [865]", "*** overflow queues disabled ***");
      }
    }
    const groups = this.#openPipes(netmap, port);
    const pipes = groups.flat();
    using _pipes = { [Symbol.dispose]: () => pipes.forEach((pipe) => pipe.port.close()) };
    const balancer = new Balancer(port, groups, batch);
    try {
      await sleep(waitSeconds * 1000, signal);
      using _reports = this.#report(balancer, pipes);
      await this.#spread(balancer, port);
    } finally {
      const { packets, dropped } = total(pipes.map(({ counts }) => counts));
      stdout.write(
        `${packets} packets forwarded.  ${dropped} packets dropped. Total ${packets + dropped}\n`,
      );
      this.#log("free_buffers [376]", `added ${balancer.giveBack()} buffers to netmap free list`);
    }
  }

  /** Opens the pipes of all groups; groups with one prefix go on counting. */
  #openPipes(netmap: Netmap, port: Port): Pipe[][] {
    const next = new Map<string, number>();
    const opened: Pipe[] = [];
    try {
      return this.#options.groups.map(({ prefix = port.portName.name, pipes }) =>
        Array.from({ length: pipes }, () => {
          const number = next.get(prefix) ?? 0;
          next.set(prefix, number + 1);
          const pipe = this.#openPipe(netmap, port, prefix, number, opened.length + 1);
          opened.push(pipe);
          return pipe;
        })
      );
    } catch (error) {
      for (const pipe of opened) pipe.port.close();
      throw error;
    }
  }

  #openPipe(netmap: Netmap, port: Port, prefix: string, number: number, count: number): Pipe {
    const name = `${
      prefix.startsWith("vale") ? "" : "netmap:"
    }${prefix}{${number}/xT@${port.memoryId}`;
    this.#log("main [812]", `opening pipe named ${name}`);
    const pipe = netmap.open(name);
    if (pipe.memoryId !== port.memoryId) {
      pipe.close();
      throw new Error(
        `failed to open pipe #${count} in zero-copy mode\nHint: Close any application that uses ` +
          `either pipe ${prefix}}${number}, or ${prefix}{${number}, and retry`,
      );
    }
    const { slots } = pipe.txRings[0];
    this.#log("main [828]", `successfully opened pipe #${count} ${name} (tx slots: ${slots})`);
    this.#log("main [837]", "zerocopy enabled");
    const extra = port.extraBuffers.count;
    return new Pipe(name, pipe, extra > 0 ? new OverflowQueue(extra) : undefined);
  }

  async #spread(balancer: Balancer, port: Port): Promise<void> {
    const { signal } = this.#context;
    const { busyWait } = this.#options;
    for (let round = 1; !signal.aborted; round++) {
      if (balancer.run()) {
        if (round % ROUNDS_A_TURN === 0) await turn();
      } else if (busyWait) {
        await turn();
        port.rxSync();
      } else {
        await waitAny(this.#awaited(balancer, port), SLICE_MS, signal);
      }
    }
  }

  /** Packets, and room where something waits for it. */
  #awaited(balancer: Balancer, port: Port): Awaited[] {
    return [
      { port, events: "read" },
      ...balancer.waitingPipes.map(({ port, ring }): Awaited => {
        ring.cur = ring.tail; // what is free already is no news
        return { port, events: "write" };
      }),
    ];
  }

  /** Shows the statistics each so many seconds. */
  #report(balancer: Balancer, pipes: readonly Pipe[]): Disposable {
    const { syslogSeconds, stdoutSeconds } = this.#options;
    if (syslogSeconds === 0 && stdoutSeconds === 0) return { [Symbol.dispose]: () => {} };
    let seconds = 0, before: LbSample | undefined;
    const timer = setInterval(() => {
      const now = this.#sample(balancer, pipes);
      seconds++;
      const isFor = (interval: number): boolean => interval > 0 && seconds % interval === 0;
      if (isFor(syslogSeconds) || isFor(stdoutSeconds)) {
        const lines = statisticsLines(before, now);
        if (isFor(syslogSeconds)) writeSyslog("lb", lines);
        if (isFor(stdoutSeconds)) {
          this.#context.stdout.write(lines.map((line) => `${line}\n`).join(""));
        }
      }
      before = now;
    }, SAMPLE_MS);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  #sample(balancer: Balancer, pipes: readonly Pipe[]): LbSample {
    return {
      nowMs: nowMs(),
      interface: this.#options.port,
      received: balancer.received,
      nonIp: balancer.nonIp,
      freeBuffers: balancer.freeBuffers,
      pipes: pipes.map(({ name, counts, queue }) => ({
        interface: name,
        ...counts,
        queued: queue?.size ?? 0,
      })),
    };
  }

  #log(where: string, text: string): void {
    this.#context.stderr.write(logLine(where, text, nowMs()));
  }
}
