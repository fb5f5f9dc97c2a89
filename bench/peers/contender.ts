/** Peers as something that can be measured in turn with valet's own rows. */

import { sleep, until } from "../net/command.ts";
import { type Join, join, type JoinKind } from "../net/join.ts";
import type { Service } from "../net/service.ts";
import type { Measurable } from "../round.ts";
import { Subject, type Surroundings } from "../subject.ts";
import { bindTo, cpuMicroseconds, threadNamed } from "./thread.ts";

/** Shortest time that a peer is watched: asking it for its counters takes some milliseconds. */
const LEAST_MS = 200;
/** Until all threads of one that was stopped run again. */
const SETTLE_MS = 20;

/** A program with one thread that forwards, or waits in a loop, all the time. */
export class Polling implements Measurable {
  readonly name: string;
  readonly #service: Service;
  readonly #beside: Service | undefined;
  readonly #thread: number;
  readonly #count: () => Promise<number>;
  readonly #stack: AsyncDisposableStack;
  readonly #clock: "cpu" | "wall";

  private constructor(
    { name, service, beside, count, clock }: Omit<PollingOptions, "thread">,
    thread: number,
    stack: AsyncDisposableStack,
  ) {
    this.name = name;
    this.#service = service;
    this.#count = count;
    this.#clock = clock;
    this.#thread = thread;
    this.#stack = stack;
    this.#beside = beside;
    this.#pause();
  }

  /** Takes what is on the stack over, and ends it in the end. */
  static async watch(options: PollingOptions, stack: AsyncDisposableStack): Promise<Polling> {
    const find = (): number | undefined => threadNamed(options.service.pid, options.thread);
    await until(`${options.name}'s thread`, () => find() !== undefined);
    return new Polling(options, find() ?? 0, stack);
  }

  /** Millions of packets in a second of the thread's CPU time, or of the time that passes. */
  async measure(milliseconds: number): Promise<number[]> {
    this.#resume();
    try {
      await sleep(SETTLE_MS);
      const start = await this.#look();
      await sleep(Math.max(milliseconds, LEAST_MS));
      const end = await this.#look();
      return [(end.packets - start.packets) / (end.us - start.us)];
    } finally {
      this.#pause();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#resume();
    await this.#stack.disposeAsync();
  }

  #pause(): void {
    this.#beside?.pause();
    this.#service.pause();
  }

  #resume(): void {
    this.#service.resume();
    this.#beside?.resume();
  }

  /** Both as near to each other as can be: the packets are counted at some time between two looks. */
  async #look(): Promise<{ packets: number; us: number }> {
    const before = this.#us();
    const packets = await this.#count();
    return { packets, us: (before + this.#us()) / 2 };
  }

  #us(): number {
    if (this.#clock === "wall") return performance.now() * 1000;
    return cpuMicroseconds(this.#service.pid, this.#thread);
  }
}

/** What `Polling` watches. */
export interface PollingOptions {
  name: string;
  service: Service;
  /** Another one that it works with. */
  beside?: Service;
  /** Name of the thread that forwards. */
  thread: RegExp;
  /** Packets that it has forwarded. */
  count: () => Promise<number>;
  /** Which time counts: the thread's own, if all of the work is in it. */
  clock: "cpu" | "wall";
}

/** What flows, and where. */
export interface FlowOptions {
  /** Bytes of each frame. */
  bytes: number;
  /**
   * The CPU of who sends, and that of all threads of the switch. The kernel's part of it runs where
   * it is called from.
   */
  cpus: { sender: number; switch: number };
}

/** Two hosts that something joins: one sends frames as fast as it can, the other's interface counts. */
export class Flow implements Measurable {
  readonly name: string;
  readonly #join: Join;
  readonly #sender: Subject;

  private constructor(name: string, join: Join, sender: Subject) {
    this.name = name;
    this.#join = join;
    this.#sender = sender;
    join.switch?.pause();
  }

  /** Joins two hosts, for frames of so many bytes. */
  static async start(
    kind: JoinKind,
    { bytes, cpus }: FlowOptions,
    surroundings: Surroundings,
  ): Promise<Flow> {
    const joined = await join(kind, surroundings.built);
    const { hosts } = joined;
    if (joined.switch !== undefined) await bindTo(joined.switch.pid, cpus.switch);
    const mac = await hosts.mac(hosts.blue);
    const scene = { scene: "frames", args: [hosts.red.device, mac, `${bytes}`] };
    const prefix = ["taskset", "-c", `${cpus.sender}`, ...hosts.inside(hosts.red)];
    return new Flow(kind, joined, new Subject(scene, { ...surroundings, prefix }));
  }

  /** Millions of frames a second, of time that passes. */
  async measure(milliseconds: number): Promise<number[]> {
    const { switch: service, hosts } = this.#join;
    const length = Math.max(milliseconds, LEAST_MS);
    service?.resume();
    try {
      if (service !== undefined) await sleep(SETTLE_MS);
      // Counted before and after, however long looking takes on a busy machine
      const before = await hosts.received(hosts.blue);
      await this.#sender.measure(length);
      const after = await hosts.received(hosts.blue);
      return [(after - before) / length / 1000];
    } finally {
      service?.pause();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#join.switch?.resume();
    await this.#sender[Symbol.asyncDispose]();
    await this.#join[Symbol.asyncDispose]();
  }
}
