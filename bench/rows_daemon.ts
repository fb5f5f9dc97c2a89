/** Rows of several threads and processes: through the daemon, and where a lookup in TypeScript lives. */

import { extra, type IdleRow, type LatencyRow, ofLimit, type RateRow } from "./row.ts";
import type { Program } from "./subject.ts";

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

/** All of them. */
export const DAEMON_ROWS: readonly (RateRow | LatencyRow | IdleRow)[] = [
  { ...throughDaemon("daemon.60", 60), goal: ABOVE_KERNEL },
  ...extra(...BATCHES.map((batch) => throughDaemon(`daemon.60.batch${batch}`, 60, batch))),
  throughDaemon("daemon.1500", 1500),
  ...extra(...BATCHES.map((batch) => throughDaemon(`daemon.1500.batch${batch}`, 1500, batch))),
  {
    name: "daemon.ts.60",
    about: "the same as daemon.60 with two scripts, which send a template and read headers",
    program: { script: "daemon", args: ["60", `${BATCH}`] },
    limit: "limit.60",
    daemon: true,
  },
  ...extra(
    ...[1, 64].map((batch) => bySyncLoop("embedded", batch)),
    ...[1, 64].map((batch) => bySyncLoop("daemon", batch)),
  ),
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
];
