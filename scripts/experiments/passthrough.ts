/**
 * Ways of a virtual machine to its packets: a pipe, a VALE port, the same with the host's thread doing the syncs
 * (netmap passthrough's CSB mode), and an emulated card's socket: rate, and what it costs the CPU.
 *
 *     deno run -A scripts/experiments/passthrough.ts
 *
 * @module
 */

import process from "node:process";
import { type Conclusion, effortOf, type Experiment, type Lab, main } from "./kit/mod.ts";
import { type Effort, measureRate, measureRateAsync, RATE_COLUMNS } from "./kit/mod.ts";
import { type Plot, type RateColumns, rateColumns, ratePoint } from "./kit/mod.ts";
import { type Run, type Series, significant } from "./kit/mod.ts";
import { CARD, GUEST, type Path, realGuest, type Way, WAYS } from "./kit/ways.ts";

/** A measured point. */
export type Passing = RateColumns & { way: string; batch: number; cpu_ns: number };

const BATCHES = [1, 4, 16, 64, 256];
/** CPU time of all our threads so far, and of a guest's, in nanoseconds. */
function cpuNs({ otherCpuMs }: Path): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000 + (otherCpuMs?.() ?? 0) * 1e6;
}

/** Measures the rate, and what the CPU does for a packet. */
async function point(path: Path, batch: number, effort: Effort): Promise<Omit<Passing, "way">> {
  const { round, roundAsync } = path;
  let packets = 0;
  const count = (some: number): number => {
    packets += some;
    return some;
  };
  await roundAsync?.(batch); // a guest may have to be told first
  const before = cpuNs(path);
  const rate = roundAsync === undefined
    ? measureRate(() => count(round!(batch)), effort)
    : await measureRateAsync(async () => count(await roundAsync(batch)), effort);
  const cpu_ns = significant((cpuNs(path) - before) / packets, 3);
  return { batch, ...rateColumns(rate), cpu_ns };
}

async function* measure(lab: Lab): AsyncGenerator<Passing> {
  const ways: Record<string, Way> = { ...WAYS };
  if (lab.guest !== undefined) ways[GUEST] = realGuest(lab.guest);
  for (const [way, open] of Object.entries(ways)) {
    // netmap's module has no sockets
    if ([CARD, GUEST].includes(way) && lab.backend === "kernel") continue;
    using netmap = lab.open();
    await using ending = new AsyncDisposableStack();
    const path = await open(netmap, lab.bridge(), ending);
    for (const batch of lab.steps(BATCHES, (batch) => `${way}, batch ${batch}`)) {
      yield { way, ...await point(path, batch, effortOf(lab)) };
    }
  }
}

function conclude(runs: readonly Run<Passing>[]): Conclusion {
  const x = { label: "batch size", unit: "packets", log: true };
  const series = (point: (row: Passing) => Series["points"][number]): Series[] =>
    runs.flatMap(({ backend: panel, rows }) =>
      [...new Set(rows.map(({ way }) => way))].map((name) => ({
        ...{ name, panel },
        points: rows.filter(({ way }) => way === name).map(point),
      }))
    );
  const found = runs.flatMap(({ backend, rows }) =>
    rows.filter(({ batch }) => batch === BATCHES.at(-1)).map(({ way, mpps, cpu_ns, batch }) => {
      const alone = rows.find((row) => row.way === way && row.batch === 1);
      return `${backend}, ${way}: ${alone?.mpps} Mpps one by one, ${mpps} in batches of ${batch}; ` +
        `${cpu_ns} ns of CPU time a packet then.`;
    })
  );
  const plots: Plot[] = [{
    ...{ name: "rate", title: "Ways to a guest: rate against batch size", x },
    y: { label: "rate", unit: "Mpps, 60 bytes", log: true },
    series: series((row) => ratePoint(row.batch, row)),
  }, {
    ...{ name: "cost", title: "Ways to a guest: CPU time a packet", x },
    y: { label: "CPU time", unit: "ns a packet", log: true },
    series: series((row) => ({ x: row.batch, y: row.cpu_ns })),
  }];
  return { plots, found, compared: COMPARED };
}

const COMPARED = [
  "A pipe copies nothing, VALE copies and looks up, which is for guests that do not trust each other. The authors " +
  "had more than 70 and 20 Mpps; here the script's own work on a packet is most of both, so they come close.",
  "With a sync loop sending takes no call, as a guest takes no exit. As in the paper that is worth most where a " +
  "call is dear: on a daemon, for which it is a message to another process, and for small batches. In this " +
  "process a call costs less than two threads that share a ring do. The price is the second thread's CPU time.",
  "An emulated card pays for each frame with a socket in between, most for single ones: that is what passthrough " +
  "was made for. The scripted one has no guest behind it: the script writes what QEMU writes.",
  "A real guest (--guest ROOT) is Linux in QEMU, here without KVM, and its kernel sends as fast as it can: what " +
  "it reaches is what emulating it costs, some microseconds a packet, not what the switch takes.",
];

export const experiment: Experiment<Passing> = {
  name: "passthrough",
  title: "Passthrough: ways of a virtual machine to its packets",
  follows: {
    paper:
      "V. Maffione, L. Rizzo, G. Lettieri, Flexible Virtual Machine Networking Using netmap Passthrough, LANMAN 2016",
    figure: "the comparison of ptnet over pipes and VALE with an emulated card",
  },
  about:
    "Packets of 60 bytes from a guest's port to another one: over a pipe, over VALE, over VALE with a sync " +
    "loop (CSB mode, which ptnet is made of), and from QEMU's card, whose frames come through a Unix socket: " +
    "from the script, and with --guest from a real guest. Rate against batch size, and CPU time of all threads " +
    "of this process, and of QEMU's; a daemon's is not in it.",
  columns: {
    ...{ way: "way", batch: "batch (packets)", ...RATE_COLUMNS, cpu_ns: "CPU (ns/packet)" },
  },
  measure,
  conclude,
};

if (import.meta.main) await main(experiment);
