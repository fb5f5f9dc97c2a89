/**
 * The doctor on valet itself: which backend a program gets here, and what that stands on.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { daemonPath, libraryPath, Netmap } from "../../mod.ts";
import { daemonStatus } from "../daemon/start.ts";
import { type Finding, type FindingOf, findings } from "./finding.ts";
import { exists } from "./system.ts";

const BACKENDS = {
  kernel: "netmap's kernel module: all programs meet on its switches",
  daemon: "valet's daemon: all programs of this user meet on its switches",
  embedded:
    "the engine in each process: what one program opens, no other sees. Commands that need " +
    "more start the daemon",
} as const;

/** What `valet doctor` says about valet. */
export function examineBackends(backend: string): Finding[] {
  let library: string;
  try {
    library = libraryPath();
  } catch (error) {
    const [text, ...more] = messageOf(error).split("\n");
    const hint = more.findLast((line) => line.startsWith("Hint: "))?.slice(6);
    return findings("valet", {
      name: "library",
      state: "lacking",
      text,
      mend: hint ?? 'In a checkout: "deno task build", which needs a C compiler and make',
      facts: { path: null },
    });
  }
  return findings(
    "valet",
    { name: "library", state: "ok", text: `The C library is ${library}`, facts: { path: library } },
    examineBackend(backend),
    examineDaemon(),
    examinePreload(library),
  );
}

function examineBackend(asked: string): FindingOf {
  try {
    using netmap = Netmap.open({ backend: asked as "auto" });
    const { backend, reason } = netmap;
    return {
      name: "backend",
      state: "ok",
      text: `Netmap is ${BACKENDS[backend]} (${reason.replaceAll("\n", "; ")})`,
      facts: { backend, asked, reason },
    };
  } catch (error) {
    const [text, hint] = messageOf(error).split("\nHint: ");
    return {
      name: "backend",
      state: "lacking",
      text: asked === "auto" ? text : `${text}, which VALET_BACKEND asks for`,
      mend: hint ?? "Unset VALET_BACKEND",
      facts: { backend: null, asked, error: text },
    };
  }
}

function examineDaemon(): FindingOf {
  try {
    const status = daemonStatus();
    const socket = daemonPath();
    if (status === undefined) {
      return {
        name: "daemon",
        state: "ok",
        text: `No daemon runs (socket ${socket}); the first command that needs it starts it`,
        facts: { running: false, socket },
      };
    }
    const { pid, connections, ports, persistent, hooks } = status;
    return {
      name: "daemon",
      state: "ok",
      text:
        `The daemon runs: process ${pid}, ${ports} open ports, ${persistent} persistent interfaces, ` +
        `${hooks} hooks (socket ${socket})`,
      facts: { running: true, socket, pid, connections, ports, persistent, hooks },
    };
  } catch (error) {
    const [text, hint] = messageOf(error).split("\nHint: ");
    return { name: "daemon", state: "lacking", text, mend: hint, facts: { running: null } };
  }
}

function examinePreload(library: string): FindingOf {
  const path = join(dirname(library), "libvalet-preload.so");
  const isThere = exists(path);
  return {
    name: "preload",
    state: isThere ? "ok" : "lacking",
    text: isThere
      ? `The preload library is ${path}: "valet run" runs netmap programs with the daemon`
      : `The preload library ${path} is missing, which "valet run" needs`,
    mend: isThere ? undefined : 'In a checkout: "deno task build"',
    facts: { path: isThere ? path : null },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
