/**
 * The tutorial's question: what does a hook cost? Some hooks of `scripts/hooks/`, each in all of its forms.
 * `lookup/mod.ts` does the same for hooks that you write, in the REPL or a notebook.
 *
 *     deno run -A scripts/experiments/lookup_lab.ts
 *
 * @module
 */

import {
  type Conclusion,
  effortOf,
  type Experiment,
  type Lab,
  main,
  type Run,
  significant,
} from "./kit/mod.ts";
import { HOOKS, traffic } from "./lookup/hooks.ts";
import { COLUMNS, compareForms, type FormRow } from "./lookup/mod.ts";

/** A hook in one form. */
export type Point = FormRow & { hook: string };

async function* measure(lab: Lab): AsyncGenerator<Point> {
  const { lengthMs, repetitions } = effortOf(lab), frames = traffic();
  const hooks = Object.entries(HOOKS);
  for (
    const [number, [name, options]] of [...lab.steps([...hooks.entries()], ([, [name]]) => name)]
  ) {
    using netmap = lab.open();
    const where = { netmap, bridge: lab.bridge(number), ports: 2 };
    const compared = await compareForms(options.hook, {
      ...options,
      ...where,
      traffic: frames,
      lengthMs,
      repetitions,
    });
    if (!compared.agrees) throw new Error(`${name}: the forms do not agree\n${compared}`);
    for (const why of compared.missing) lab.lacks(name, why);
    for (const row of compared.rows) yield { hook: name, ...row };
  }
}

function conclude(runs: readonly Run<Point>[]): Conclusion {
  const found = runs.flatMap(({ backend, rows }) => {
    const forms = [...new Set(rows.map(({ form }) => form))];
    return forms.length < 2 ? [] : forms.map((form) => {
      const more = rows.filter((row) => row.form === form).map(({ more_ns }) => more_ns);
      const [least, most] = [Math.min(...more), Math.max(...more)].map((ns) => significant(ns, 2));
      return `${backend}, ${form}: ${least} to ${most} ns a packet more than the hook's fastest form.`;
    });
  });
  return {
    plots: [{
      name: "forms",
      title: "Hooks in their forms, 60-byte packets",
      x: { label: "hook" },
      y: { label: "rate", unit: "Mpps" },
      size: [760, 340],
      series: runs.flatMap(({ backend, rows }) =>
        [...new Set(rows.map(({ form }) => form))].map((form) => ({
          name: `${backend}, ${form}`,
          style: "bar" as const,
          points: rows.filter((row) => row.form === form)
            .map(({ hook: x, mpps: y, low_mpps: low, high_mpps: high }) => ({ x, y, low, high })),
        }))
      ),
    }],
    found: found.length > 0
      ? found
      : ["There is one form, or none, that runs here: nothing to compare."],
    compared: [
      "mSwitch's point is that the switch's logic is a small function whose cost adds to that of switching, and " +
      "is small beside it. Machine code of a function in TypeScript and the same in C show that; V8 adds tens " +
      "of nanoseconds, and more for each look-up in a table.",
    ],
  };
}

export const experiment: Experiment<Point> = {
  name: "lookup_lab",
  title: "The lookup lab: hooks in all forms",
  follows: {
    paper:
      "M. Honda, F. Huici, G. Lettieri, L. Rizzo, mSwitch: a highly-scalable, modular software switch, " +
      "SOSR 2015, and its tutorial",
    figure: "the cost of the lookup function",
  },
  about:
    "Hooks of scripts/hooks/ decide about the same 256 packets, in V8, in V8 a batch at a time, as machine " +
    "code, in C, and on the kernel as eBPF. All forms have to send all packets the same way.",
  columns: { hook: "hook", ...COLUMNS },
  measure,
  conclude,
};

if (import.meta.main) await main(experiment);
