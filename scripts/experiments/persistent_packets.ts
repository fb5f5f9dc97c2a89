/**
 * PASTE's idea: packets are received straight into a file, and kept there without a copy. What that costs,
 * against write() and fdatasync() of the same packets, and what is left when the receiver is killed.
 *
 *     deno run -A scripts/experiments/persistent_packets.ts
 *
 * @module
 */

import {
  type Conclusion,
  type Experiment,
  type Lab,
  main,
  type Run,
  significant,
} from "./kit/mod.ts";
import { KEEPERS } from "./persistent/keepers.ts";
import { Victim } from "./persistent/killed.ts";
import { BYTES, type Point, rates } from "./persistent/rates.ts";

async function* measure(lab: Lab): AsyncGenerator<Point> {
  yield* rates(lab);
  using victim = new Victim();
  const { backend, instance } = lab, bridge = lab.bridge(1);
  for (const i of lab.steps(Array.from({ length: lab.pick(8, 200) }, (_, i) => i), () => "kill")) {
    await victim.kill({ backend, instance, port: `${bridge}:r${i}`, sender: `${bridge}:s${i}` });
  }
  yield { how: "kept in place, SIGKILL", ...victim.result };
}

function conclude(runs: readonly Run<Point>[]): Conclusion {
  const found = runs.flatMap(({ backend, rows }) => {
    const rate = (how: string, batch: number, bytes = 1514): number =>
      rows.find((row) => row.how === how && row.batch === batch && row.bytes === bytes)?.kpps ??
        NaN;
    const ratio = (a: string, b: string, batch: number): string =>
      `${significant(rate(a, batch) / rate(b, batch), 2)} times`;
    const { kills, acknowledged, lost, corrupt } = rows.at(-1)!;
    return [
      `${backend}: packets of 1514 bytes in batches of 64 are kept in place at ${
        ratio("kept in place", "write()", 64)
      } the rate of write(), one by one at ${ratio("kept in place", "write()", 1)}; both outlive ` +
      "the process.",
      `${backend}: to outlive the machine as well, msync() reaches ${
        ratio("kept in place, msync()", "write(), fdatasync()", 64)
      } the rate of fdatasync() in batches of 64.`,
      `${backend}: ${kills} receivers were killed at random; looked for were ${acknowledged} packets that ` +
      `they had said to be kept, after each kill all: ${lost} were lost, and ${corrupt} corrupt.`,
    ];
  });
  return {
    plots: [{
      name: "rate",
      title: "Packets received and kept",
      x: { label: "batch size", unit: "packets", log: true },
      y: { label: "rate", unit: "1,000 packets/s", log: true },
      size: [600, 260],
      series: runs.flatMap(({ backend, rows }) =>
        Object.keys(KEEPERS).flatMap((how) =>
          BYTES.map((bytes) => ({
            name: how,
            panel: `${backend}, ${bytes} bytes`,
            points: rows.filter((row) => row.how === how && row.bytes === bytes)
              .map(({ batch, kpps, low_kpps: low, high_kpps: high }) => ({
                x: batch!,
                y: kpps!,
                low,
                high,
              })),
          }))
        )
      ),
    }],
    found,
    compared: [
      "The paper's point is visible: what is received into its place needs no second copy and no system call " +
      "for each batch, which counts most for large packets and small batches.",
      "The paper has non-volatile memory, where a flush of cache lines makes a packet outlive the machine. " +
      "Here the file is on a disk: that takes msync(), which costs what fdatasync() does, and the gain is gone.",
    ],
  };
}

export const experiment: Experiment<Point> = {
  name: "persistent_packets",
  title: "Persistent packets: received into a file",
  follows: {
    paper:
      "M. Honda, G. Lettieri, L. Eggert, D. Santry, PASTE: A Network Programming Interface for " +
      "Non-Volatile Main Memory, NSDI 2018",
    figure: "the write-ahead log",
  },
  about:
    "A port's memory is a file. Packets are kept where they were received by writing an entry of 32 bytes " +
    "into a journal and giving the slot another buffer. The same packets are written with write(), with and " +
    "without waiting for the disk. Then receivers are killed (SIGKILL) at random, also while they open the file, " +
    "and each time all that they had acknowledged is looked for, byte for byte: 8 times, or 200 with --full.",
  columns: {
    how: "how",
    bytes: "bytes",
    batch: "batch",
    kpps: "rate (1,000/s)",
    low_kpps: "1st quartile",
    high_kpps: "3rd quartile",
    kills: "kills",
    acknowledged: "acknowledged",
    lost: "lost",
    corrupt: "corrupt",
  },
  measure,
  conclude,
};

if (import.meta.main) await main(experiment);
