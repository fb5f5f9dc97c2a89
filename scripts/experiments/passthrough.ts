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
import { type Estimate, measureRate, measureRateAsync, RATE_COLUMNS } from "./kit/mod.ts";
import { type Plot, type RateColumns, rateColumns, ratePoint } from "./kit/mod.ts";
import { type Run, type Series, significant } from "./kit/mod.ts";
import { CARD, WAYS } from "./kit/ways.ts";

/** A measured point. */
export type Passing = RateColumns & { way: string; batch: number; cpu_ns: number };

const BATCHES = [1, 4, 16, 64, 256];
/** CPU time of all our threads so far, in nanoseconds. */
function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

/** Adds what the CPU does for a packet to its rate. */
async function point(
  way: string,
  batch: number,
  measured: (count: (packets: number) => number) => Estimate | Promise<Estimate>,
): Promise<Passing> {
  let packets = 0;
  const before = cpuNs();
  const rate = await measured((count) => {
    packets += count;
    return count;
  });
  return { way, batch, ...rateColumns(rate), cpu_ns: significant((cpuNs() - before) / packets, 3) };
}

async function* measure(lab: Lab): AsyncGenerator<Passing> {
  const effort = effortOf(lab);
  for (const [way, open] of Object.entries(WAYS)) {
    if (way === CARD && lab.backend === "kernel") continue; // netmap's module has no sockets
    using netmap = lab.open();
    await using ending = new AsyncDisposableStack();
    const round = await open(netmap, lab.bridge(), ending);
    for (const batch of lab.steps(BATCHES, (batch) => `${way}, batch ${batch}`)) {
      yield await point(
        way,
        batch,
        (count) =>
          way === CARD
            ? measureRateAsync(async () => count(await round(batch)), effort)
            : measureRate(() => count(round(batch) as number), effort),
      );
    }
  }
}

function conclude(runs: readonly Run<Passing>[]): Conclusion {
  const x = { label: "batch size", unit: "packets", log: true };
  const series = (point: (row: Passing) => Series["points"][number]): Series[] =>
    runs.flatMap(({ backend: panel, rows }) =>
      Object.keys(WAYS).map((name) => ({
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
    ...{ name: "cost", title: "Ways to a guest: CPU time of this process a packet", x },
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
  "was made for. The script is the guest here; docs/vms.md tells how QEMU plugs into the same socket.",
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
    "loop (CSB mode, which ptnet is made of), and from QEMU's card, whose frames come through a Unix socket. " +
    "Rate against batch size, and CPU time of all threads of this process; a daemon's is not in it.",
  columns: {
    ...{ way: "way", batch: "batch (packets)", ...RATE_COLUMNS, cpu_ns: "CPU (ns/packet)" },
  },
  measure,
  conclude,
};

if (import.meta.main) await main(experiment);
