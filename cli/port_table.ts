/**
 * The table of ports that live pictures show: what each is, and how fast it sends, receives and loses.
 *
 * Pure.
 *
 * @module
 */

import { formatRate } from "../mod.ts";
import type { Column } from "./columns.ts";
import { type PortSample, ratesOf } from "./sample.ts";

/** Whatever has less room than it wants loses the columns with the highest numbers first. */
export const PORT_COLUMNS: readonly Column[] = [
  { title: "PORT" },
  { title: "KIND", spare: 3 },
  { title: "OPEN", align: "right", spare: 2 },
  { title: "SENT", align: "right" },
  { title: "", align: "right", spare: 4 },
  { title: "RECEIVED", align: "right" },
  { title: "", align: "right", spare: 4 },
  { title: "DROPPED", align: "right" },
  { title: "CAUSE", spare: 1 },
];

/** What numbers grow to, so that columns neither jump nor come and go. */
export const PORT_WIDTHS: readonly number[] = [6, 10, 0, 10, 12, 10, 12, 10, 8];

/**
 * A port's line.
 *
 * @param before the port at the sample before; undefined if it was not there
 * @param seconds between the two; 0: there was none
 * @param name what stands below PORT
 */
export function portCells(
  port: PortSample,
  before: PortSample | undefined,
  seconds: number,
  name: string = port.interface,
): string[] {
  const rates = ratesOf(before?.counters, port.counters, seconds);
  return [
    name,
    port.counters.device ?? port.counters.kind,
    String(port.counters.opens),
    formatRate(rates.txPackets),
    formatRate(rates.txBits, "bit/s"),
    formatRate(rates.rxPackets),
    formatRate(rates.rxBits, "bit/s"),
    formatRate(rates.dropped),
    seconds > 0 ? rates.cause ?? "" : "",
  ];
}

/** Whether a line says that packets were lost. */
export function hasDrops(cells: readonly string[]): boolean {
  return cells[8] !== "";
}
