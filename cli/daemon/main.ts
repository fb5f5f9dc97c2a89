/**
 * The daemon in the background: what `startDaemon()` runs, detached. Not for people, who have
 * `valet daemon`.
 *
 * Exit status: 0 it has ended as it should, or a daemon runs there already; 1 it could not run.
 *
 * @module
 */

import { parseArgs } from "node:util";
import process from "node:process";
import { NetmapError } from "../../mod.ts";
import { Host } from "./host.ts";
import { isLogLevel, Log, LogFile } from "./log.ts";

const { values } = parseArgs({
  options: {
    socket: { type: "string" },
    log: { type: "string" },
    "log-level": { type: "string" },
    idle: { type: "string" },
    threads: { type: "string" },
  },
});

const { socket = "", log: logFile = "", "log-level": level } = values;
using file = new LogFile(logFile);
const log = new Log(isLogLevel(level) ? level : "info", file.sink);
const controller = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.addSignalListener(signal, () => controller.abort());
}

// Hooks and clients look for the daemon where it is
process.env.VALET_SOCKET = socket;

let status = 0;
try {
  await using host = Host.start({
    socket,
    threads: Number(values.threads),
    idleMs: Number(values.idle) * 1000,
    log,
    logFile,
  });
  await host.run(controller.signal);
} catch (error) {
  if (error instanceof NetmapError && error.code === "EADDRINUSE") {
    log.info("Not started: a daemon runs already", { pid: Deno.pid, socket });
  } else {
    const message = error instanceof Error ? error.message : String(error);
    log.error("Daemon failed", { pid: Deno.pid, error: message });
    status = 1;
  }
}
// Signal listeners and Workers that hang would keep the process
process.exit(status);
