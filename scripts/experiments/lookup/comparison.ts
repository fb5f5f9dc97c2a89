/**
 * What a comparison of hooks has found: as a table, and as a plot.
 *
 * @module
 */

import { draw, type Drawing, formatTable, type Plot } from "../kit/mod.ts";

/** How a hook can run. */
export type LookupForm = "V8" | "V8, batch" | "machine code" | "C" | "eBPF";

/** A form that was timed. */
export type FormRow = {
  form: LookupForm;
  /** Packets a second from sender to receivers, in millions. */
  mpps: number;
  low_mpps: number;
  high_mpps: number;
  /** Nanoseconds of a packet, all of its way. */
  packet_ns: number;
  /** Nanoseconds more than in the fastest form. */
  more_ns: number;
  /** Packets that each port has received of one round of the traffic: "1: 100, 2: 28". */
  received: string;
};

/** The columns, with units. */
export const COLUMNS = {
  form: "form",
  mpps: "rate (Mpps)",
  low_mpps: "1st quartile",
  high_mpps: "3rd quartile",
  packet_ns: "ns/packet",
  more_ns: "ns more",
  received: "port: packets",
} as const;

/** All forms of a hook. */
export class Comparison {
  readonly title: string;
  readonly rows: readonly FormRow[];
  /** Forms that could not be timed, and why. */
  readonly missing: readonly string[];

  constructor(title: string, rows: readonly FormRow[], missing: readonly string[]) {
    this.title = title;
    this.rows = rows;
    this.missing = missing;
  }

  /** Whether all forms have sent the packets the same ways. */
  get agrees(): boolean {
    return new Set(this.rows.map(({ received }) => received)).size <= 1;
  }

  /** The rates as bars. */
  plot(): Plot {
    return {
      name: "forms",
      title: this.title,
      x: { label: "form of the hook" },
      y: { label: "rate", unit: "Mpps" },
      size: [420, 260],
      series: [{
        name: "rate",
        style: "bar",
        points: this.rows.map(({ form, mpps, low_mpps, high_mpps }) => ({
          x: form,
          y: mpps,
          low: low_mpps,
          high: high_mpps,
        })),
      }],
    };
  }

  /** The plot, drawn: `await comparison.draw()` as the last line of a cell shows it. */
  draw(): Promise<Drawing> {
    return draw(this.plot());
  }

  /** The table. */
  toString(): string {
    return [
      this.title,
      formatTable(COLUMNS, this.rows),
      ...this.agrees ? [] : ["The forms do not agree: see what was received"],
      ...this.missing,
    ].join("\n");
  }

  /** What `console.log(comparison)`, and a notebook, shows. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}
