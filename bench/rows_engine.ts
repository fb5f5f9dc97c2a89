/** Rows on the engine in this process: switching, and what a lookup, a monitor or a second region costs. */

import { availableParallelism } from "node:os";
import { extra, ofLearning, ofLimit, type RateRow } from "./row.ts";

const FRAME_BYTES = [60, 124, 252, 508, 1020, 1500];
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
const RECEIVERS = [1, 2, 4, 8, 16];
const PORTS = [10, 100];
/** Slots of rings, and packets of a turn, where ports take turns in another way than in `engine.ports`. */
const TURNS = [[64, 16], [512, 128], [1024, 256]];
const STATIC_PORTS = [2, 10, 100, 1000, 4000];
const STATIONS = [10, 100, 10_000];

/** A row of bench/c that has the same name. */
function native(name: string, bytes: number | "big", about: string): RateRow {
  return { name, about, program: { native: name }, limit: `limit.${bytes}` };
}

const learning = (bytes: number): RateRow =>
  native(
    `engine.learning.${bytes}`,
    bytes,
    `learning bridge, ${bytes} bytes: fill the slots, forward, consume, on one core`,
  );

/** How much of it comes from where the engine's buffers lie: the limit loop with such buffers. */
const strided = (bytes: number): RateRow =>
  native(
    `limit.strided.${bytes}`,
    bytes,
    "the limit loop, with buffers 2112 bytes apart, not 2048",
  );

const batch = (packets: number): RateRow =>
  native(
    `engine.learning.60.batch${packets}`,
    60,
    `engine.learning.60 with batches of ${packets}` +
      (packets < 1024 ? "" : " less one, all that a ring holds"),
  );

const broadcast = (receivers: number): RateRow =>
  native(
    `engine.broadcast.${receivers}.60`,
    60,
    `broadcast to ${receivers} receiver${receivers > 1 ? "s" : ""}; rate of packets sent`,
  );

/** The same with other rings and turns; what it costs is compared with two such ports. */
function turns(count: number, slots: number, packets: number): RateRow {
  const name = (ports: number) => `engine.ports.${ports}.${slots}x${packets}`;
  const row = native(
    name(count),
    60,
    `${count} ports of ${slots} slots, ${count > 2 ? "pairs" : "a pair"} ` +
      `taking turns of ${packets} packets`,
  );
  if (count === 2) return row;
  const limit = `limit.pairs.${count / 2}.${slots}x${packets}`;
  return {
    ...row,
    beside: { limit_pairs: { native: limit } },
    cost: { most: 1.5, of: name(2) },
  };
}

/** More than 1000 ports have more stations than the learning table has room for. */
function ports(count: number, prefix = "engine.ports"): RateRow {
  return {
    ...native(
      `${prefix}.${count}`,
      60,
      `${count} ports of 256 slots, ${count / 2} pair${count > 2 ? "s" : ""} ` +
        "taking turns of 64 packets" +
        (prefix.endsWith("static") ? "; static routes instead of the table" : ""),
    ),
    beside: { limit_pairs: { native: `limit.pairs.${count / 2}` } },
  };
}

const macs = (count: number): RateRow =>
  native(
    `engine.macs.${count}`,
    60,
    `${count} stations on two ports that talk in pairs, one batch there and one back; a third port ` +
      "gets what is flooded",
  );

function threads(count: number): RateRow {
  return {
    name: `engine.threads.${count}`,
    about: `${count} threads on disjoint pairs of ports of one bridge, all rates added`,
    program: { native: "engine.learning.60", threads: count },
    limit: "limit.60",
    beside: {
      one_thread: { native: "engine.learning.60" },
      limit_threads: { native: "limit.60", threads: count },
    },
  };
}

function monitored(kind: "copy" | "zcopy", monitors: number, bytes: 60 | 1500): RateRow {
  const what = kind === "copy" ? "copy" : "zero-copy";
  return native(
    `engine.monitor.${kind}.${monitors}.${bytes}`,
    bytes,
    `engine.learning.${bytes} with ${monitors} ${what} monitor${monitors > 1 ? "s" : ""} ` +
      "of the receiver, read too; see engine.learning for none",
  );
}

/** A lookup of `rows/hook.ts`. */
function hook(name: string, form: string, about: string): RateRow {
  return { name, about, program: { script: "hook", args: [form] }, limit: "limit.60" };
}

const HOOKS: readonly RateRow[] = [
  {
    ...native("engine.hook.native.60", 60, "a lookup in C (IPv4 to the next port)"),
    goal: ofLearning(0.9),
  },
  {
    ...hook(
      "engine.hook.ts.60",
      "batch",
      "the same lookup in TypeScript, a function of a batch; the sending loop is the one in C",
    ),
    goal: ofLearning(0.5),
  },
  hook("engine.hook.packet.60", "packet", "the same as a function of a packet"),
  {
    ...hook(
      "engine.hook.compiled.60",
      "compiled",
      "engine.hook.packet.60 compiled to machine code",
    ),
    goal: ofLearning(0.9),
  },
  hook("engine.hook.c.60", "c", "the same lookup in C source, a function of a packet: hookFromC()"),
  hook("engine.hook.table.60", "table", "TypeScript looks each destination up in a LookupTable"),
  hook("engine.hook.compiled_table.60", "compiled-table", "the same compiled to machine code"),
  {
    name: "ebpf.hook.60",
    about: "the lookup as eBPF, run by the kernel (BPF_PROG_TEST_RUN) without a switch",
    program: { script: "ebpf" },
    limit: "limit.60",
  },
];

const RELAYS: readonly RateRow[] = [
  native(
    "relay.private.1500",
    1500,
    "received on one bridge and copied to a port of another; 1500 bytes, regions of their own",
  ),
  native(
    "relay.shared.1500",
    1500,
    "the same without a copy: both ports share one region, and slots exchange buffers",
  ),
  native("relay.file.1500", 1500, "the same with the region in a file (EXTMEM)"),
];

const pipe = (bytes: number): RateRow =>
  native(`pipe.${bytes}`, bytes, `a pipe, which copies no frame; ${bytes} bytes`);

/** Numbers of threads up to the CPUs, each twice the one before; 1 and 2 are in other rows. */
function moreThreads(): number[] {
  const cpus = availableParallelism();
  const doubled = Array.from({ length: 8 }, (_, i) => 2 ** i).filter((count) => count < cpus);
  return [...doubled, cpus].filter((count) => count > 2);
}

/** All of them. */
export const ENGINE_ROWS: readonly RateRow[] = [
  strided(60),
  strided(1500),
  { ...learning(60), goal: ofLimit(0.5) },
  { ...learning(1500), goal: ofLimit(0.85) },
  ...extra(...FRAME_BYTES.slice(1, -1).map(learning)),
  native(
    "engine.learning.big",
    "big",
    "frames of 64 KB, each in 32 slots (NS_MOREFRAG); the limit loop copies as many full slots",
  ),
  ...extra(...BATCHES.map(batch)),
  native("engine.static.60", 60, "static routes instead of the table: all to the next port, in C"),
  ...extra(
    ...FRAME_BYTES.slice(1).map((bytes) =>
      native(`engine.static.${bytes}`, bytes, `the same with ${bytes} bytes`)
    ),
  ),
  { ...broadcast(3), goal: ofLimit(0.22) },
  ...extra(...RECEIVERS.map(broadcast)),
  ...HOOKS,
  ...RELAYS,
  ports(2),
  {
    ...ports(1000),
    goal: ofLearning(0.7),
    cost: { most: 1.5, of: "engine.ports.2" },
  },
  {
    ...native(
      "engine.ports.quiet.1000",
      60,
      "1000 ports, of which one pair sends, batches of 64: what their number alone costs",
    ),
    cost: { most: 1.5, of: "engine.ports.2" },
  },
  ...extra(
    ...PORTS.map((count) => ports(count)),
    ...TURNS.flatMap(([slots, packets]) => [
      turns(2, slots, packets),
      turns(1000, slots, packets),
    ]),
    ...STATIC_PORTS.map((count) => ports(count, "engine.ports.static")),
  ),
  macs(1),
  { ...macs(1000), cost: { most: 2, of: "engine.macs.1" } },
  { ...macs(100_000), cost: { most: 2, of: "engine.macs.1" } },
  ...extra(...STATIONS.map(macs)),
  { ...threads(2), goal: ofLearning(1.4) },
  ...extra(...moreThreads().map(threads)),
  monitored("copy", 1, 60),
  monitored("copy", 2, 60),
  monitored("zcopy", 1, 60),
  monitored("zcopy", 2, 60),
  monitored("copy", 1, 1500),
  monitored("zcopy", 1, 1500),
  { ...pipe(60), goal: ofLimit(1.5) },
  ...extra(...FRAME_BYTES.slice(1).map(pipe)),
];
