/**
 * What `valet top` shows.
 *
 * Pure.
 *
 * @module
 */

import { cut, formatColumns, plural } from "../columns.ts";
import { hasDrops, PORT_COLUMNS, PORT_WIDTHS, portCells } from "../port_table.ts";
import { type PortSample, portsOf, ratesOf, type Sample } from "../sample.ts";
import { BOLD, DIM, PLAIN, RED, type ScreenSize } from "../screen.ts";

/** What ports can be sorted by. */
export const SORT_KEYS = ["name", "sent", "received", "dropped"] as const;

/** One of them. */
export type SortKey = typeof SORT_KEYS[number];

/** What there is to show. */
export interface TopState {
  /** The counters before; undefined for the first picture. */
  readonly before: Sample | undefined;
  /** The counters. */
  readonly now: Sample;
  /** Which ports are shown. */
  readonly wanted: (port: PortSample) => boolean;
  /** By what they are sorted: names as they are, rates with the largest first. */
  readonly sort: SortKey;
  /** The other way round. */
  readonly reversed: boolean;
}

/** What the picture says about itself. */
export interface TopSettings {
  /** It does not change. */
  readonly stopped: boolean;
  /** Milliseconds between two pictures. */
  readonly intervalMs: number;
  /** There is a keyboard. */
  readonly hasKeys: boolean;
  /** When it is, in milliseconds since 1970. */
  readonly timeMs: number;
}

/** A line of the table. */
export interface TopLine {
  /** Not wider than there is room. */
  readonly text: string;
  /** It is about lost packets. */
  readonly drops: boolean;
}

/** The table, its titles first. */
export function topLines(state: TopState, width: number): { lines: TopLine[]; ports: number } {
  const { before, now, wanted, sort, reversed } = state;
  const old = before === undefined ? undefined : portsOf(before);
  const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1000;
  const ports = [...portsOf(now).values()].filter(wanted)
    .map((port) => ({ port, key: keyOf(port, old?.get(port.name), seconds, sort) }))
    .sort((a, b) => b.key - a.key || compareNames(a.port.name, b.port.name));
  if (reversed) ports.reverse();
  const rows = ports.map(({ port }) => portCells(port, old?.get(port.name), seconds, port.name));
  const [titles, ...lines] = formatColumns(PORT_COLUMNS, rows, { width, least: PORT_WIDTHS });
  return {
    ports: ports.length,
    lines: [
      { text: titles, drops: false },
      ...lines.map((text, i) => ({ text, drops: hasDrops(rows[i]) })),
    ],
  };
}

/** The line of keys, for wide screens and for others: it always says how to leave. */
const KEYS = [
  "n name  t sent  r received  d dropped  R reverse  space stop  +- interval  q quit",
  "ntrd sort  R reverse  space stop  +- interval  q quit",
  "ntrd sort  R space +-  q quit",
  "q quit",
] as const;

/** The whole picture: lines that fit the room. */
export function renderTop(
  state: TopState,
  { stopped, intervalMs, hasKeys, timeMs }: TopSettings,
  { columns, rows }: ScreenSize,
  color: boolean,
): string[] {
  const paint = (text: string, style: string): string =>
    color && text !== "" ? style + text + PLAIN : text;
  const { lines, ports } = topLines(state, columns);
  const head = [
    `valet top  ${new Date(timeMs).toTimeString().slice(0, 8)}`,
    plural(ports, "port"),
    plural(state.now.bridges.length, "bridge"),
    `by ${state.sort}${state.reversed ? ", reversed" : ""}`,
    stopped ? "STOPPED" : `each ${intervalMs / 1000} s`,
  ].join("  ");
  const keys = hasKeys ? KEYS.find(({ length }) => length <= columns) ?? "q" : "Ctrl-C ends it";
  const room = Math.max(1, rows - 3);
  const shown = lines.length <= room ? lines : [
    ...lines.slice(0, room - 1),
    { text: cut(`… and ${plural(lines.length - room + 1, "port")} more`, columns), drops: false },
  ];
  const empty = ports === 0 ? [cut("No ports", columns)] : [];
  return [
    paint(cut(head, columns), BOLD),
    paint(cut(keys, columns), DIM),
    "",
    ...shown.map(({ text, drops }, i) => paint(text, i === 0 ? BOLD : drops ? RED : "")),
    ...empty,
  ].slice(0, rows);
}

function keyOf(
  port: PortSample,
  before: PortSample | undefined,
  seconds: number,
  sort: SortKey,
): number {
  if (sort === "name") return 0;
  const rates = ratesOf(before?.counters, port.counters, seconds);
  return { sent: rates.txPackets, received: rates.rxPackets, dropped: rates.dropped }[sort];
}

/** "vale0:a2" comes before "vale0:a10". */
function compareNames(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
