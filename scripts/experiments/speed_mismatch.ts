/**
 * Two threads that produce and consume at different speeds, and what waking each other costs: the model's
 * quantities are measured, and what it predicts is compared with what happens.
 *
 *     deno run -A scripts/experiments/speed_mismatch.ts
 *
 * @module
 */

import { type Conclusion, type Experiment, type Lab, main, median, type Run } from "./kit/mod.ts";
import { compare, MISMATCH_COLUMNS, type Mismatched } from "./model/compare.ts";
import { Pair, scaled, type Setting } from "./model/pair.ts";
import { mismatchPlots } from "./model/plots.ts";

/**
 * A message takes a daemon, which stands between the two, some 50 microseconds: there all times are longer by this
 * factor, so that this matters less.
 */
const DAEMON_FACTOR = 10;

/** What leaving and entering a virtual machine costs, in microseconds: set by the script. */
const VM = { nP: 120, nC: 150, sP: 50, sC: 70 };

/** Settings of each group, which says what is varied. */
const GROUPS: Readonly<Record<string, readonly Setting[]>> = {
  "faster consumer": [19, 15, 10, 5, 1].map((wC) => ({ wP: 20, wC, length: 63, ...VM })),
  "faster producer": [19, 15, 10, 5, 1].map((wP) => ({ wP, wC: 20, length: 63, ...VM })),
  "later notification": [16, 32, 48].map((kC) => ({ wP: 10, wC: 20, length: 63, kC, ...VM })),
  "slow to start": [
    { wP: 5, wC: 6, nP: 200, nC: 200, sP: 400, sC: 600, length: 8 },
    { wP: 10, wC: 4, nP: 100, nC: 100, sP: 300, sC: 300, length: 8 },
    { wP: 40, wC: 30, nP: 100, nC: 100, sP: 30, sC: 400, length: 8 },
    { wP: 60, wC: 20, nP: 50, nC: 50, sP: 30, sC: 500, length: 8 },
    { wP: 30, wC: 40, nP: 100, nC: 100, sP: 400, sC: 30, length: 8 },
    { wP: 20, wC: 60, nP: 50, nC: 50, sP: 500, sC: 30, length: 8 },
  ],
  "bare threads": [
    { wP: 20, wC: 10, length: 63 },
    { wP: 20, wC: 2, length: 63 },
    { wP: 10, wC: 20, length: 63 },
    { wP: 2, wC: 20, length: 63 },
  ],
  "sleeping consumer": [100, 300, 1000, 3000].map((yC) => ({
    ...{ wP: 20, wC: 10, length: 63, yP: 100, yC },
  })),
  "sleeping producer": [100, 300, 1000, 3000].map((yP) => ({
    ...{ wP: 10, wC: 20, length: 63, yP, yC: 100 },
  })),
};

async function* measure(lab: Lab): AsyncGenerator<Mismatched> {
  // Not much of what is measured shortly is worth another try
  const tries = Math.ceil(Math.min(lab.lengthMs / 5, lab.pick(4, 10)));
  using pair = new Pair(lab, tries);
  const amount = { lengthMs: 3 * lab.lengthMs, tries };
  const settings = Object.entries(GROUPS).flatMap(([group, settings]) =>
    settings.map((setting) => ({ group, setting }))
  );
  for (const { group, setting } of lab.steps(settings, ({ group }) => group)) {
    const factor = lab.backend === "daemon" ? DAEMON_FACTOR : 1;
    yield await compare(pair, group, scaled(setting, factor), amount);
  }
}

function conclude(runs: readonly Run<Mismatched>[]): Conclusion {
  const found: string[] = [], figures: Record<string, number> = {};
  for (const { backend, rows } of runs) {
    const near = rows.filter(({ off_percent }) => Math.abs(off_percent) <= 25).length;
    figures[`${backend}_within_25_percent`] = near / rows.length;
    const sweep = rows.filter(({ group }) => group === "faster consumer");
    const slow = sweep[0], fast = sweep[sweep.length - 1];
    const inBound = rows.filter(({ latency_us, bound_us }) => latency_us <= (bound_us ?? Infinity));
    found.push(
      `${backend}: ${near} of ${rows.length} points are within 25 % of the prediction; ` +
        `the latency of ${inBound.length} within the bound. Other programs had the CPU that a thread wanted for ` +
        `${median(rows.map((row) => row.disturbed_percent))} % of the time (median).`,
      `${backend}: with W_C from ${slow.w_c_us} down to ${fast.w_c_us} us a message takes ` +
        `${slow.measured_us}, then ${fast.measured_us} us.`,
    );
  }
  return { plots: mismatchPlots(runs), found, compared: COMPARED, figures };
}

const COMPARED = [
  "As the papers say, the throughput falls when the faster party gets faster: it sleeps more often, and the " +
  "slower one pays for each notification. Notifying a producer late (K_C) takes most of that away.",
  "Where both are slow to start (a short queue), the formulas hold as well; what N and S are is set by the " +
  "script on top of what this machine takes, as a virtual machine's exits and interrupts would.",
  "On a busy machine, or with more parties than CPUs, a thread that is woken has to wait for its turn, which the " +
  "model does not know: look at the column of disturbance first.",
  "Bare threads deviate more: who has just begun to sleep is woken faster than one who has slept, or finds the " +
  "message before it sleeps, so N and S are no constants.",
  "A daemon is a third party, which needs a CPU while the two work. The model knows nothing of that, so there " +
  "work is slept through, as a device does it: then its part of a sync is in the W, N and S that are measured. " +
  "With work that keeps two CPUs busy half as many points were near the prediction.",
  "Sleeps that are short against the queue cost no throughput, only latency, as the papers promise.",
];

export const experiment: Experiment<Mismatched> = {
  name: "speed_mismatch",
  title: "Speed mismatch: why a faster party makes both slower",
  follows: {
    paper:
      "L. Rizzo, S. Garzarella, G. Lettieri, V. Maffione, A Study of Speed Mismatches Between Communicating " +
      "Virtual Machines, ANCS 2016; G. Lettieri, V. Maffione, L. Rizzo, A Study of I/O Performance of Virtual " +
      "Machines, The Computer Journal 61(6), 2018",
    figure: "the model and its validation",
  },
  about:
    "A producer and a consumer, two threads, share a netmap pipe. The script sets their work on a message, " +
    "and how much more than on this machine a notification (N) and a start (S) take. All of it is measured, put " +
    "into the model, and what it says is compared with what happens, in all regimes: fast consumer (FC) and " +
    "producer (FP), slow starts (SCS, SPS, SS), and sleeping instead of being notified.",
  columns: MISMATCH_COLUMNS,
  measure,
  conclude,
};

if (import.meta.main) await main(experiment);
