/**
 * The doctor on huge pages.
 *
 * @module
 */

import { type Finding, type FindingOf, findings } from "./finding.ts";
import { readText } from "./system.ts";

const THP = "/sys/kernel/mm/transparent_hugepage";

/** What `valet doctor` says about memory. */
export function examineMemory(): Finding[] {
  return findings("Memory", examineTransparent(), examineReserved());
}

/** "always [madvise] never" */
function chosen(text: string | undefined): string | undefined {
  return /\[(\w+)\]/.exec(text ?? "")?.[1];
}

function examineTransparent(): FindingOf {
  const name = "transparent huge pages";
  const mode = chosen(readText(`${THP}/enabled`));
  const shared = chosen(readText(`${THP}/shmem_enabled`));
  const facts = { enabled: mode ?? null, shmem: shared ?? null };
  if (mode === undefined) {
    return { name, state: "ok", text: "The kernel has no transparent huge pages", facts };
  }
  // The engine does not ask for them: it gets them where they are given unasked
  const have = (isOn: boolean): string => isOn ? "have them" : "have none";
  const inProcess = `${have(mode === "always")} (${mode})`;
  const isShared = /^(always|within_size|force)$/.test(shared ?? "");
  const inDaemon = `${have(isShared)} (${shared ?? "not there"})`;
  return {
    name,
    state: "ok",
    text: `Transparent huge pages: ports in a process ${inProcess}, those of the daemon, whose ` +
      `memory is shared, ${inDaemon}. They save time where rings are large: "always" in ` +
      `${THP}/enabled and shmem_enabled gives them`,
    facts,
  };
}

function examineReserved(): FindingOf {
  const info = readText("/proc/meminfo") ?? "";
  const value = (key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(info)?.[1] ?? 0);
  const total = value("HugePages_Total"), free = value("HugePages_Free");
  const kibibytes = value("Hugepagesize");
  const facts = { total, free, kibibytes };
  const text = total === 0
    ? "No huge pages are reserved; valet needs none, netmap's extmem can use them"
    : `${free} of ${total} huge pages of ${kibibytes / 1024} MiB are free`;
  return { name: "huge pages", state: "ok", text, facts };
}
