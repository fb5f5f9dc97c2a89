/** A thread of another process: which CPU it is on, and how much of it it has had. */

import { availableParallelism } from "node:os";
import { run } from "../net/command.ts";

/** The CPU that the benchmark's own threads are bound to as well. */
export function lastCpu(): number {
  return availableParallelism() - 1;
}

/** The thread of a process whose name has the pattern; undefined: there is none yet. */
export function threadNamed(pid: number, pattern: RegExp): number | undefined {
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    if (pattern.test(Deno.readTextFileSync(`/proc/${pid}/task/${name}/comm`))) return Number(name);
  }
  return undefined;
}

/** Binds all of a process's threads to one CPU. */
export async function bindTo(pid: number, cpu: number): Promise<void> {
  await run("taskset", "-a", "-c", "-p", `${cpu}`, `${pid}`);
}

/** Microseconds of CPU time that a thread has had. */
export function cpuMicroseconds(pid: number, thread: number): number {
  const [ns] = Deno.readTextFileSync(`/proc/${pid}/task/${thread}/schedstat`).split(" ");
  return Number(ns) / 1000;
}
