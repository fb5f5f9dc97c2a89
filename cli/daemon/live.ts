/**
 * The live table of a daemon in the foreground: ports, rates and drops, and the end of the log.
 *
 * @module
 */

import { type Netmap, NetmapError } from "../../mod.ts";
import { cut, formatColumns, plural } from "../columns.ts";
import type { TextWriter } from "../context.ts";
import { hasDrops, PORT_COLUMNS, PORT_WIDTHS, portCells } from "../port_table.ts";
import { type BridgeSample, portsOf, type Sample, takeSample } from "../sample.ts";
import { BOLD, DIM, PLAIN, RED, Screen, type ScreenSize } from "../screen.ts";
import type { StatusAnswer } from "./answers.ts";
import { formatPlain, type LogEntry, type LogSink } from "./log.ts";

/** All that the table shows. */
export interface LiveState {
  /** The daemon. */
  readonly status: StatusAnswer;
  /** When it is, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The counters before; undefined for the first picture. */
  readonly before: Sample | undefined;
  /** The counters. */
  readonly now: Sample;
  /** The end of the log. */
  readonly log: readonly LogEntry[];
}

const PICTURE_MS = 1000;

/** Lines of the log that are kept. */
const LOG_LINES = 100;

/** Of the lines below the tables, so many are the log's if there is room for ports as well. */
const LOG_SHARE = 5;

const INDENT = "  ";

/** The picture: lines that fit the room. Pure. */
export function renderLive(state: LiveState, size: ScreenSize, color = false): string[] {
  const paint = (line: string, style: string): string =>
    color && line !== "" ? style + line + PLAIN : line;
  const head = header(state).map((line, i) => paint(cut(line, size.columns), i === 0 ? BOLD : DIM));
  const body = bridges(state, size.columns)
    .map(({ text, style }) => paint(text, { bridge: BOLD, drops: RED, plain: "" }[style]));
  const log = state.log.map((entry) => cut(formatPlain(entry).trimEnd(), size.columns))
    .map((line) => paint(line, DIM));

  const room = Math.max(0, size.rows - head.length - 1);
  const logRoom = Math.min(
    log.length,
    Math.max(room - body.length - 1, Math.min(LOG_SHARE, room >> 1)),
  );
  const bodyRoom = Math.max(0, room - (logRoom > 0 ? logRoom + 1 : 0));
  const shown = body.length <= bodyRoom ? body : [
    ...body.slice(0, Math.max(0, bodyRoom - 1)),
    cut(`… and ${plural(body.length - bodyRoom + 1, "line")} more`, size.columns),
  ];
  const gap = Array.from({ length: Math.max(0, bodyRoom - shown.length) }, () => "");
  return [
    ...head,
    "",
    ...shown.slice(0, bodyRoom),
    ...gap,
    ...(logRoom > 0 ? ["", ...log.slice(-logRoom)] : []),
  ].slice(0, size.rows);
}

function header({ status, nowMs, now }: LiveState): string[] {
  const upSeconds = Math.max(0, Math.floor((nowMs - Date.parse(status.since)) / 1000));
  const others = status.engines - 1;
  const facts = [
    `valet daemon, process ${status.pid}`,
    `up ${formatUptime(upSeconds)}`,
    plural(status.connections, "connection"),
    plural(now.bridges.reduce((sum, { ports }) => sum + ports.length, 0), "port"),
    ...(status.persistent > 0 ? [`${status.persistent} persistent`] : []),
    ...(status.hooks > 0 ? [plural(status.hooks, "hook")] : []),
    ...(status.refused > 0 ? [`${status.refused} refused`] : []),
    ...(others > 0 ? [`${plural(others, "other engine")} not shown`] : []),
  ];
  return [facts.join(", "), `${status.socket} · Ctrl-C ends it`];
}

interface Line {
  text: string;
  style: "bridge" | "drops" | "plain";
}

function bridges({ before, now }: LiveState, width: number): Line[] {
  if (now.bridges.length === 0) {
    return [{
      text: cut("No ports. Try: vale-ctl -n vi0, vale-ctl -a vale0:vi0", width),
      style: "plain",
    }];
  }
  const old = before === undefined ? undefined : portsOf(before);
  const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1000;
  const rows = now.bridges.map((bridge) =>
    bridge.ports.map((port) => portCells(port, old?.get(port.name), seconds))
  );
  // One table, so that the columns of all bridges are below each other
  const [titles, ...lines] = formatColumns(PORT_COLUMNS, rows.flat(), {
    width,
    indent: INDENT,
    least: PORT_WIDTHS,
  });
  let next = 0;
  return now.bridges.flatMap((bridge, i): Line[] => [
    ...(i === 0 ? [] : [{ text: "", style: "plain" } as const]),
    { text: cut(describe(bridge), width), style: "bridge" },
    { text: titles, style: "plain" },
    ...rows[i].map((row): Line => ({
      text: lines[next++],
      style: hasDrops(row) ? "drops" : "plain",
    })),
  ]);
}

function describe({ name, lookup, stations, ports }: BridgeSample): string {
  const decides =
    { learning: "learning", native: "native lookup", script: "lookup in a script" }[lookup];
  return `${name}  ${decides}, ${plural(ports.length, "port")}` +
    (lookup === "learning" ? `, ${plural(stations, "station")}` : "");
}

/** "3 d 04:05:06" */
export function formatUptime(seconds: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  const days = Math.floor(seconds / 86400);
  const clock = `${two(seconds % 86400 / 3600)}:${two(seconds % 3600 / 60)}:${two(seconds % 60)}`;
  return days === 0 ? clock : `${days} d ${clock}`;
}

/** Draws the picture again and again on a terminal of its own screen, until it is closed. */
export class LiveTable implements Disposable {
  readonly #screen: Screen;
  readonly #netmap: Netmap;
  readonly #status: () => StatusAnswer;
  readonly #entries: readonly LogEntry[];
  readonly #timer: ReturnType<typeof setInterval>;
  #before: Sample | undefined;
  #now: Sample;

  /**
   * @param netmap of the daemon; its caller closes it
   * @param status asked for each picture
   * @param entries the log so far
   */
  constructor(
    writer: TextWriter,
    netmap: Netmap,
    status: () => StatusAnswer,
    entries: readonly LogEntry[],
  ) {
    this.#netmap = netmap;
    this.#status = status;
    this.#entries = entries;
    this.#now = takeSample(netmap);
    this.#screen = new Screen(writer, (size) => renderLive(this.#state(), size, writer.color));
    this.#timer = setInterval(() => this.#tick(), PICTURE_MS);
  }

  /** Gives the terminal back as it was. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#screen[Symbol.dispose]();
  }

  #tick(): void {
    try {
      const now = takeSample(this.#netmap);
      this.#before = this.#now;
      this.#now = now;
    } catch (error) {
      if (!(error instanceof NetmapError)) throw error;
      return; // the daemon is about to end
    }
    this.#screen.draw();
  }

  #state(): LiveState {
    return {
      status: this.#status(),
      nowMs: Date.now(),
      before: this.#before,
      now: this.#now,
      log: this.#entries,
    };
  }
}

/** A sink that keeps the end of the log. */
export function keepEntries(entries: LogEntry[]): LogSink {
  return (entry) => {
    entries.push(entry);
    if (entries.length > LOG_LINES) entries.shift();
  };
}
