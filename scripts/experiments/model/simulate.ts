/**
 * An event simulator of the same producer and consumer as `speed_mismatch.ts` describes: it knows the rules
 * that both follow, and nothing of the formulas.
 *
 * @module
 */

import type { Mismatch, Sleeping } from "./speed_mismatch.ts";

/** What was seen after the start had been left behind. */
export interface Simulated {
  /** Mean time between messages. */
  readonly time: number;
  /** Notifications, of both parties, or sleeps, a message. */
  readonly wakes: number;
  /** The longest time from the start of producing a message to the end of consuming it. */
  readonly latency: number;
}

/** What one party is doing, and until when. */
interface Party {
  /** What ends at `until`: work on a message, a notification, or waking up (or a sleep). */
  doing: "work" | "notify" | "wake" | "blocked";
  until: number;
}

class Simulation {
  readonly producer: Party = { doing: "wake", until: 0 };
  readonly consumer: Party = { doing: "wake", until: 0 };
  now = 0;
  queued = 0;
  consumed = 0;
  wakes = 0;
  /** When each queued message, and the one in the making, was begun; oldest first, a ring. */
  readonly begun: Float64Array;
  #first = 0;
  #next = 0;
  longest = 0;

  constructor(readonly length: number) {
    this.begun = new Float64Array(length + 1);
  }

  start(party: Party, doing: Party["doing"], time: number): void {
    party.doing = doing;
    party.until = doing === "blocked" ? Infinity : this.now + time;
  }

  begin(): void {
    this.begun[this.#next] = this.now;
    this.#next = (this.#next + 1) % this.begun.length;
  }

  end(): void {
    this.longest = Math.max(this.longest, this.now - this.begun[this.#first]!);
    this.#first = (this.#first + 1) % this.begun.length;
    this.queued--;
    this.consumed++;
  }
}

/** The rules of one way to wait. */
interface Rules {
  readonly wP: number;
  readonly wC: number;
  /** The producer finds no free slot; the consumer finds nothing. */
  full(simulation: Simulation): void;
  empty(simulation: Simulation): void;
  /** A message was queued, or taken: true if that is announced, and the party is busy with it. */
  queued(simulation: Simulation): boolean;
  taken(simulation: Simulation): boolean;
  /** The announcement is made. */
  notified(simulation: Simulation, by: Party): void;
}

function produce(simulation: Simulation, rules: Rules): void {
  if (simulation.queued === simulation.length) return rules.full(simulation);
  simulation.begin();
  simulation.start(simulation.producer, "work", rules.wP);
}

function consume(simulation: Simulation, rules: Rules): void {
  if (simulation.queued === 0) return rules.empty(simulation);
  simulation.start(simulation.consumer, "work", rules.wC);
}

/**
 * The next event. What both do at the same instant is done by both before either looks at the queue: a message
 * that comes just as the consumer is ready keeps it awake.
 */
function step(simulation: Simulation, rules: Rules): void {
  const { producer, consumer } = simulation;
  const now = simulation.now = Math.min(producer.until, consumer.until);
  const produced = producer.until === now ? producer.doing : undefined;
  const consumed = consumer.until === now ? consumer.doing : undefined;
  if (produced === "work") simulation.queued++;
  if (consumed === "work") simulation.end();
  if (produced !== undefined) {
    if (produced === "notify") rules.notified(simulation, producer);
    if (produced !== "work" || !rules.queued(simulation)) produce(simulation, rules);
  }
  if (consumed !== undefined) {
    if (consumed === "notify") rules.notified(simulation, consumer);
    if (consumed !== "work" || !rules.taken(simulation)) consume(simulation, rules);
  }
}

function run(length: number, rules: Rules, messages: number): Simulated {
  const simulation = new Simulation(length);
  while (simulation.consumed < messages / 4) step(simulation, rules);
  const { now, consumed, wakes } = simulation;
  simulation.longest = 0;
  while (simulation.consumed < consumed + messages) step(simulation, rules);
  const seen = simulation.consumed - consumed;
  return {
    time: (simulation.now - now) / seen,
    wakes: (simulation.wakes - wakes) / seen,
    latency: simulation.longest,
  };
}

/** Simulates notifications, for so many messages after the start. */
export function simulate(cost: Mismatch, messages = 20_000): Simulated {
  const { wP, wC, nP, nC, sP, sC, kP, kC, length } = cost;
  return run(length, {
    wP,
    wC,
    full: (simulation) => simulation.start(simulation.producer, "blocked", 0),
    empty: (simulation) => simulation.start(simulation.consumer, "blocked", 0),
    queued(simulation): boolean {
      if (simulation.consumer.doing !== "blocked" || simulation.queued < kP) return false;
      simulation.start(simulation.producer, "notify", nP);
      return true;
    },
    taken(simulation): boolean {
      const free = length - simulation.queued;
      if (simulation.producer.doing !== "blocked" || free < kC) return false;
      simulation.start(simulation.consumer, "notify", nC);
      return true;
    },
    notified(simulation, by): void {
      const isProducer = by === simulation.producer;
      simulation.wakes++;
      simulation.start(
        isProducer ? simulation.consumer : simulation.producer,
        "wake",
        isProducer ? sC : sP,
      );
    },
  }, messages);
}

/** Simulates sleeping instead, for so many messages after the start. */
export function simulateSleeping(cost: Sleeping, messages = 20_000): Simulated {
  const { wP, wC, yP, yC, length } = cost;
  return run(length, {
    wP,
    wC,
    full(simulation): void {
      simulation.wakes++;
      simulation.start(simulation.producer, "wake", yP);
    },
    empty(simulation): void {
      simulation.wakes++;
      simulation.start(simulation.consumer, "wake", yC);
    },
    queued: () => false,
    taken: () => false,
    notified: () => {},
  }, messages);
}
