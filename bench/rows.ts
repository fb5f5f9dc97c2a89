/** The rows of the benchmark: what each measures, and what it has to reach. */

import type { Program } from "./subject.ts";

/** A row that measures a rate. */
export interface RateRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** What is measured. */
  program: Program;
  /** Row of the limit loop with the same frame size. */
  limit: "limit.60" | "limit.1500";
  /** Least ratio: to `limit`, or to another row's ratio. */
  goal: { factor: number; of: "limit" | "engine.learning.60" };
  /** Further programs that are measured in turn with it, by the name of their rate in the results. */
  beside?: Record<string, Program>;
}

/** A row that measures memory. */
export interface MemoryRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** Slots per ring of the ports that are opened; 0 = the default. */
  slots: number;
  /** How many are opened. */
  ports: number;
  /** The goal: less than so many bytes a port. */
  below: number;
}

/** Any row. */
export type Row = RateRow | MemoryRow;

/** A goal that is a share of what the limit loop does. */
const ofLimit = (factor: number): RateRow["goal"] => ({ factor, of: "limit" });
/** A goal that is a share of what the learning bridge does in the same run. */
const ofLearning = (factor: number): RateRow["goal"] => ({ factor, of: "engine.learning.60" });

/** All rows, in the order in which they are measured. */
export const ROWS: readonly Row[] = [
  {
    name: "engine.learning.60",
    about: "learning bridge, 60 bytes: fill the slots, forward, consume, on one core",
    program: { native: "engine.learning.60" },
    limit: "limit.60",
    goal: ofLimit(0.5),
  },
  {
    name: "engine.learning.1500",
    about: "the same with 1500 bytes",
    program: { native: "engine.learning.1500" },
    limit: "limit.1500",
    goal: ofLimit(0.85),
  },
  {
    name: "engine.broadcast.3.60",
    about: "the same, broadcast to 3 receivers; rate of packets sent",
    program: { native: "engine.broadcast.3.60" },
    limit: "limit.60",
    goal: ofLimit(0.22),
  },
  {
    name: "engine.hook.native.60",
    about: "a lookup in C (IPv4 to the next port)",
    program: { native: "engine.hook.native.60" },
    limit: "limit.60",
    goal: ofLearning(0.9),
  },
  {
    name: "engine.hook.ts.60",
    about:
      "the same lookup in TypeScript, a function of a packet; the sending loop is the one in C",
    program: { script: "hook" },
    limit: "limit.60",
    goal: ofLearning(0.5),
  },
  {
    name: "engine.ports.1000",
    about: "1000 ports of 256 slots, 500 pairs taking turns of 64 packets",
    program: { native: "engine.ports.1000" },
    limit: "limit.60",
    goal: ofLearning(0.7),
    beside: { limit_pairs: { native: "limit.pairs.500" } },
  },
  {
    name: "engine.threads.2",
    about: "two threads on disjoint pairs of ports of one bridge, both rates added",
    program: { native: "engine.learning.60", threads: 2 },
    limit: "limit.60",
    goal: ofLearning(1.4),
    beside: {
      one_thread: { native: "engine.learning.60" },
      limit_threads: { native: "limit.60", threads: 2 },
    },
  },
  {
    name: "pipe.60",
    about: "a pipe, which copies no frame",
    program: { native: "pipe.60" },
    limit: "limit.60",
    goal: ofLimit(1.5),
  },
  {
    name: "api.send",
    about: "TypeScript sends a template with a field that varies; learning bridge, receiver in C",
    program: { script: "send" },
    limit: "limit.60",
    goal: ofLimit(0.35),
  },
  {
    name: "api.receive",
    about: "TypeScript receives batches of 256 and reads headers; only the receiving loop is timed",
    program: { script: "receive" },
    limit: "limit.60",
    goal: ofLimit(0.8),
  },
  {
    name: "memory.port.default",
    about: "memory touched by opening a port, mean of 100",
    slots: 0,
    ports: 100,
    below: 1e6,
  },
  {
    name: "memory.port.256",
    about: "the same with 256 slots a ring, mean of 1000",
    slots: 256,
    ports: 1000,
    below: 1e5,
  },
];
