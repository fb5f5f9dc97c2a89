/**
 * What the tutorial tells: text with tables for people, or one JSON object for programs.
 *
 * @module
 */

import type { PortResult } from "./replay.ts";

const encoder = new TextEncoder();
const CLEAR_LINE = "\r\x1b[K";

/** Writes to the terminal as the tutorial goes on. */
export class Report {
  readonly #quiet: boolean;
  readonly #colors = Deno.stdout.isTerminal() && !Deno.noColor;
  readonly #shows = Deno.stderr.isTerminal();
  #lastProgressMs = 0;
  #titles = 0;

  /** With `quiet`, only progress is shown, and that only on a terminal. */
  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  /** A title, numbered. */
  title(name: string, text: string): void {
    this.line(`\n${this.#style(1, `${++this.#titles}  ${name}`)}  ${text}`);
  }

  /** A line; with a label, text of several lines stands behind it. */
  line(text: string, label?: string): void {
    if (this.#quiet) return;
    const indented = label === undefined
      ? text
      : `${this.#style(2, label.padEnd(10))}${text.replaceAll("\n", `\n${" ".repeat(10)}`)}`;
    write(Deno.stdout, `${indented}\n`);
  }

  /** A table: the first column is text, the others are numbers, or text behind them. */
  table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
    const cells = [head, ...rows.map((row) => row.map((cell) => formatCell(cell)))];
    const widths = head.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
    cells.forEach((row, i) => {
      const text = row.map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
      ).join("  ");
      this.line(`   ${i === 0 ? this.#style(2, text) : this.#verdict(text)}`);
    });
  }

  /** What the ports of a step have received. */
  ports(ports: readonly PortResult[]): void {
    const other = ports.some(({ counts }) => counts.other > 0);
    this.table(
      [
        "port",
        "sent",
        "received",
        "expected",
        "",
        "ARP",
        "IPv4",
        "IPv6",
        ...other ? ["other"] : [],
      ],
      ports.map(({ name, sent, received, expected, counts: { arp, ipv4, ipv6, ...counts } }) => [
        ...[name, sent, received, expected, received === expected ? "ok" : "WRONG"],
        ...[arp, ipv4, ipv6, ...other ? [counts.other] : []],
      ]),
    );
  }

  /** What has been done of something that takes a while; gone when the next line comes. */
  progress(what: string, part: number): void {
    if (!this.#shows) return;
    const now = performance.now();
    if (part >= 1) write(Deno.stderr, CLEAR_LINE);
    else if (now - this.#lastProgressMs > 50) {
      this.#lastProgressMs = now;
      const bar = "=".repeat(Math.round(part * 30)).padEnd(30);
      write(Deno.stderr, `${CLEAR_LINE}   ${what} [${bar}] ${Math.floor(part * 100)} %`);
    }
  }

  /** Something is wrong: told in JSON mode as well. */
  fault(text: string): void {
    this.progress("", 1);
    const red = Deno.stderr.isTerminal() && !Deno.noColor;
    write(Deno.stderr, red ? `\x1b[31m${text}\x1b[0m\n` : `${text}\n`);
  }

  /** The last lines: what was not as expected, if anything. */
  end(faults: readonly string[]): void {
    for (const fault of faults) this.fault(fault);
    const text = faults.length === 0
      ? "Every port received what it had to, packet by packet, and nothing else."
      : "This is not what had to happen.";
    this.line(`\n${this.#style(faults.length === 0 ? 32 : 31, text)}`);
  }

  #verdict(text: string): string {
    return text.replace(/\bok\b/, (word) => this.#style(32, word))
      .replace(/\bWRONG\b/, (word) => this.#style(31, word));
  }

  #style(code: number, text: string): string {
    return this.#colors ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

/** Writes text. */
export function write(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}

/** A number with its thousands apart. */
export function grouped(value: number): string {
  return value.toLocaleString("en-US");
}

function formatCell(cell: string | number): string {
  return typeof cell === "number" ? grouped(cell) : cell;
}
