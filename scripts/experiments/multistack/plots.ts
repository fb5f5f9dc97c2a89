/**
 * Plots of stacks that share an address.
 *
 * @module
 */

import type { Plot, Run } from "../kit/mod.ts";
import { PACKET_BYTES, type Rate } from "./rates.ts";
import { type Share, STACKS } from "./shares.ts";

/** A point of the experiment: a rate, or what a stack has received. */
export type Point = Partial<Omit<Rate, "what"> & Omit<Share, "what">> & {
  what: (Rate | Share)["what"];
  how: string;
};

/** The rates of a kind. */
export function ratesOf(rows: readonly Point[], what: Rate["what"]): Rate[] {
  return rows.filter((row): row is Rate => row.what === what);
}

/** What each stack has received. */
export function sharesOf(rows: readonly Point[]): Share[] {
  return rows.filter((row): row is Share => row.what === "requests to the address");
}

/** Ways of one kind, in the order of coming. */
export function waysOf(rows: readonly { how: string }[]): string[] {
  return [...new Set(rows.map(({ how }) => how))];
}

/** Who gets what is sent to the address. */
export function sharePlot(runs: readonly Run<Point>[]): Plot {
  return {
    name: "shares",
    title: "Who gets what is sent to the one address",
    x: { label: "request" },
    y: { label: "received", unit: "packets/request" },
    size: [600, 240],
    series: runs.flatMap(({ backend: panel, rows }) =>
      STACKS.map((to) => ({
        name: `${to} stack`,
        panel,
        style: "bar" as const,
        points: sharesOf(rows).filter((row) => row.to === to)
          .map(({ how: x, packets_each: y }) => ({ x, y })),
      }))
    ),
  };
}

/** Packets a second against stacks. */
export function muxPlot(runs: readonly Run<Point>[]): Plot {
  return {
    name: "packets",
    title: "Packets from one port to all stacks in turn",
    x: { label: "stacks", log: true },
    y: { label: "rate", unit: "Mpps", log: true },
    size: [600, 220],
    series: runs.flatMap(({ backend, rows }) =>
      waysOf(ratesOf(rows, "packets")).flatMap((name) =>
        PACKET_BYTES.map((bytes) => ({
          name,
          panel: `${backend}, ${bytes} bytes`,
          points: ratesOf(rows, "packets").filter((row) => row.how === name && row.bytes === bytes)
            .map(({ stacks, per_s, low_per_s, high_per_s }) => ({
              x: stacks!,
              y: per_s / 1e6,
              low: low_per_s / 1e6,
              high: high_per_s / 1e6,
            })),
        }))
      )
    ),
  };
}

/** HTTP requests a second. */
export function httpPlot(runs: readonly Run<Point>[]): Plot {
  return {
    name: "http",
    title: "HTTP, one request a connection, 8 at a time",
    x: { label: "response", unit: "bytes" },
    y: { label: "rate", unit: "requests/s" },
    series: runs.flatMap(({ backend: panel, rows }) =>
      waysOf(ratesOf(rows, "HTTP requests")).map((name) => ({
        ...{ name, panel, style: "bar" as const },
        points: ratesOf(rows, "HTTP requests").filter(({ how }) => how === name)
          .map(({ bytes, per_s: y, low_per_s: low, high_per_s: high }) => ({
            x: bytes.toLocaleString("en"),
            y,
            low,
            high,
          })),
      }))
    ),
  };
}
