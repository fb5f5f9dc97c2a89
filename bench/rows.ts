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
  goal?: { factor: number; of: "limit" | "engine.learning.60" };
  /** It is measured through a daemon that is started for it. Its second figure is the rate sent. */
  daemon?: boolean;
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

/** A row that measures round trips between two processes, through a daemon. */
export interface LatencyRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** How both wait for the other. */
  wait: "sleep" | "spin";
}

/** A row that measures what a daemon and two clients cost while nothing happens. */
export interface IdleRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** The goal: less than so many CPU seconds a second, of all three. */
  idle_below: number;
}

/** A row that measures how long a command takes. */
export interface StartRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** What deno runs: a path from the root of the repository, and arguments. */
  run: readonly string[];
}

/** A row that measures how exactly a capture is replayed. */
export interface GapRow {
  /** Its name in the results. */
  name: string;
  /** One line about it. */
  about: string;
  /** Microseconds between two packets. */
  gap_us: number;
}

/** Any row. */
export type Row = RateRow | MemoryRow | LatencyRow | IdleRow | StartRow | GapRow;

/** A goal that is a share of what the limit loop does. */
const ofLimit = (factor: number): NonNullable<RateRow["goal"]> => ({ factor, of: "limit" });
/** A goal that is a share of what the learning bridge does in the same run. */
const ofLearning = (factor: number): NonNullable<RateRow["goal"]> => ({
  factor,
  of: "engine.learning.60",
});

/**
 * Kernel VALE between two processes, pkt-gen tx and rx with batches of 512: the best rate received
 * that was ever seen, 7.7 Mpps (User-Mode Linux, near native speed), on a machine on which the limit
 * loop does 168 Mpps.
 */
const ABOVE_KERNEL = ofLimit(7.7 / 168);

const BATCH = 512;

/** Two C programs and a daemon. */
function throughDaemon(name: string, bytes: 60 | 1500, batch = BATCH): RateRow {
  const limit = bytes === 60 ? "limit.60" : "limit.1500";
  const program = { scene: "daemon", args: [`${bytes}`, `${batch}`] };
  const about = `two processes through the daemon, ${bytes} bytes, batches of ${batch}` +
    (batch < 1024 ? "" : " less one, all that a ring holds") + "; rate received";
  return { name, about, program, limit, daemon: true };
}

/** A script that sends and receives, and a lookup in TypeScript. */
function lookedUp(
  name: string,
  backend: "embedded" | "daemon",
  where: "here" | "worker" | "process",
  text: string,
): RateRow {
  const about = `TypeScript sends, backend ${backend}; the lookup in TypeScript runs ${text}`;
  const program = { script: "hook_elsewhere", args: [backend, where] };
  return { name, about, program, limit: "limit.60", daemon: backend === "daemon" };
}

/** A script on a sync loop; beside it, the same with a sync for each batch. */
function bySyncLoop(backend: "embedded" | "daemon", batch: number): RateRow {
  const program = (way: string): Program => ({
    script: "sync_loop",
    args: [backend, way, `${batch}`],
  });
  return {
    name: `csb.${backend}.batch${batch}`,
    about:
      `TypeScript sends and receives, backend ${backend}, batches of ${batch}; a sync loop by ` +
      "event forwards. Beside it, a loop by time, and plain txsync",
    program: program("event"),
    beside: { by_time: program("time"), plain: program("plain") },
    limit: "limit.60",
    daemon: backend === "daemon",
  };
}

const BATCHES = [1, 16, 64, 256, 1024];

function monitored(kind: "copy" | "zcopy", monitors: number, bytes: 60 | 1500): RateRow {
  const name = `engine.monitor.${kind}.${monitors}.${bytes}`;
  const what = kind === "copy" ? "copy" : "zero-copy";
  return {
    name,
    about: `engine.learning.${bytes} with ${monitors} ${what} monitor${monitors > 1 ? "s" : ""} ` +
      "of the receiver, read too; see engine.learning for none",
    program: { native: name },
    limit: `limit.${bytes}`,
  };
}

/** What it costs to be watched. */
const MONITORED: readonly RateRow[] = [
  monitored("copy", 1, 60),
  monitored("copy", 2, 60),
  monitored("zcopy", 1, 60),
  monitored("zcopy", 2, 60),
  monitored("copy", 1, 1500),
  monitored("zcopy", 1, 1500),
];

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
    name: "engine.hook.batch.60",
    about: "the same as a function of a batch",
    program: { script: "hook", args: ["batch"] },
    limit: "limit.60",
  },
  {
    name: "engine.hook.compiled.60",
    about: "engine.hook.ts.60 compiled to machine code",
    program: { script: "hook", args: ["compiled"] },
    limit: "limit.60",
    goal: ofLearning(0.9),
  },
  {
    name: "relay.private.1500",
    about:
      "received on one bridge and copied to a port of another; 1500 bytes, regions of their own",
    program: { native: "relay.private.1500" },
    limit: "limit.1500",
  },
  {
    name: "relay.shared.1500",
    about: "the same without a copy: both ports share one region, and slots exchange buffers",
    program: { native: "relay.shared.1500" },
    limit: "limit.1500",
  },
  {
    name: "relay.file.1500",
    about: "the same with the region in a file (EXTMEM)",
    program: { native: "relay.file.1500" },
    limit: "limit.1500",
  },
  {
    name: "ebpf.hook.60",
    about: "the same as eBPF, run by the kernel (BPF_PROG_TEST_RUN) without a switch",
    program: { script: "ebpf" },
    limit: "limit.60",
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
  ...MONITORED,
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
  { ...throughDaemon("daemon.60", 60), goal: ABOVE_KERNEL },
  ...BATCHES.map((batch) => throughDaemon(`daemon.60.batch${batch}`, 60, batch)),
  throughDaemon("daemon.1500", 1500),
  ...BATCHES.map((batch) => throughDaemon(`daemon.1500.batch${batch}`, 1500, batch)),
  {
    name: "daemon.ts.60",
    about: "the same as daemon.60 with two scripts, which send a template and read headers",
    program: { script: "daemon", args: ["60", `${BATCH}`] },
    limit: "limit.60",
    daemon: true,
  },
  ...[1, 64].map((batch) => bySyncLoop("embedded", batch)),
  ...[1, 64].map((batch) => bySyncLoop("daemon", batch)),
  lookedUp("hook.here.60", "embedded", "here", "on the thread that sends"),
  lookedUp("hook.worker.60", "embedded", "worker", "in another Worker"),
  lookedUp("daemon.hook.here.60", "daemon", "here", "on the thread that sends"),
  lookedUp("daemon.hook.worker.60", "daemon", "worker", "in another Worker"),
  lookedUp("daemon.hook.process.60", "daemon", "process", "in another process"),
  {
    name: "daemon.ping.sleep",
    about:
      "round trip between two processes that sleep in poll(); the limit is an eventfd each way",
    wait: "sleep",
  },
  {
    name: "daemon.ping.spin",
    about: "the same with rxsync again and again; the limit is a word in memory each way",
    wait: "spin",
  },
  {
    name: "daemon.idle",
    about: "CPU time of a daemon and two connected clients, one in poll(), while nothing happens",
    idle_below: 0.01,
  },
  {
    name: "net.replay.100us",
    about: "valet replay, packets 100 us apart: how far received distances are from recorded ones",
    gap_us: 100,
  },
  {
    name: "net.replay.1ms",
    about: "the same, 1 ms apart: the thread still watches the clock",
    gap_us: 1000,
  },
  {
    name: "net.replay.5ms",
    about: "the same, 5 ms apart: the thread sleeps in between",
    gap_us: 5000,
  },
  {
    name: "start.vale_ctl",
    about:
      "time that vale-ctl takes to list no ports (backend embedded); the limit is an empty script",
    run: ["cli/main.ts", "vale-ctl"],
  },
  {
    name: "start.script",
    about: "time that a script takes which opens two ports and sends a packet",
    run: ["bench/rows/start_script.ts"],
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
