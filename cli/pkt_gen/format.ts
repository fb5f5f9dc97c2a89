/**
 * The lines that pkt-gen prints: netmap's, so that what reads them need not be changed.
 *
 * Pure.
 *
 * @module
 */

const UNITS = ["", "K", "M", "G", "T"];

/** Sums over some time. */
export interface Figures {
  /** Packets. */
  readonly packets: number;
  /** Their bytes. */
  readonly bytes: number;
  /** Batches that they came in. */
  readonly events: number;
}

/** How figures are shown. */
export interface FigureOptions {
  /** Use K, M, G (`-N` does not). */
  readonly scaled: boolean;
  /** Bits of each packet on a link that are not in its bytes (`-B`). */
  readonly framingBits: number;
}

/** "19.973 K", or without units "19973 ". The name of what is counted follows. */
export function norm(value: number, scaled: boolean): string {
  if (!scaled) return `${value.toFixed(0)} `;
  let unit = 0;
  for (; value >= 1000 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${value.toFixed(3)} ${UNITS[unit]}`;
}

/** What was done between two reports. */
export interface Report extends Figures {
  /** How long it took, in microseconds. */
  readonly microseconds: number;
  /** Fewest free slots in the receive rings. */
  readonly minSpace: number;
}

/** Packets a second, a whole number as in netmap's pkt-gen. */
export function packetRate({ packets, microseconds }: Report): number {
  return Math.floor((packets * 1e6 + Math.floor(microseconds / 2)) / microseconds);
}

/**
 * The line that comes each interval.
 *
 * @param stats "[avg/std ...]", or ""
 */
export function reportText(report: Report, stats: string, options: FigureOptions): string {
  const { packets, bytes, events, microseconds, minSpace } = report;
  const { scaled, framingBits } = options;
  const bits = 1e6 * (bytes * 8 + packets * framingBits) / microseconds;
  const batch = events > 0 ? packets / events : 0;
  return `${norm(packetRate(report), scaled)}pps ${stats}(${norm(packets, scaled)}pkts ` +
    `${norm(bits, scaled)}bps in ${microseconds} usec) ${batch.toFixed(2)} avg_batch ` +
    `${minSpace} min_space`;
}

/** Mean and standard deviation of the last rates, without those of 0. */
export class MovingStats {
  readonly #window: number[] = [];
  readonly #scaled: boolean;

  /** @param scaled use K, M, G */
  constructor(scaled: boolean) {
    this.#scaled = scaled;
  }

  /** Takes a rate; returns "[avg/std 19.973 K/0.000  pps]". */
  add(rate: number): string {
    this.#window.push(rate);
    if (this.#window.length > 15) this.#window.shift();
    const rates = this.#window.filter((rate) => rate > 0);
    const count = Math.max(rates.length, 1);
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / count;
    const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / count;
    return `[avg/std ${norm(mean, this.#scaled)}/${norm(Math.sqrt(variance), this.#scaled)} pps]`;
  }
}

/** The two lines at the end. */
export function summaryText(
  what: "Sent" | "Received",
  figures: Figures,
  seconds: number,
  { scaled, framingBits }: FigureOptions,
): string {
  const { packets, bytes, events } = figures;
  if (packets === 0) return `${what} nothing.\n`;
  const time = seconds === 0 ? 1e-6 : seconds;
  const bits = 8 * bytes / time, rawBits = (8 * bytes + packets * framingBits) / time;
  return `${what} ${packets} packets ${bytes} bytes ${events} events ` +
    `${Math.floor(bytes / packets)} bytes each in ${seconds.toFixed(2)} seconds.\n` +
    `Speed: ${norm(packets / time, scaled)}pps Bandwidth: ${norm(bits, scaled)}bps ` +
    `(raw ${norm(rawBits, scaled)}bps). ` +
    `Average batch: ${(packets / Math.max(events, 1)).toFixed(2)} pkts\n`;
}

/** What `-X` shows of a slot. */
export interface DumpedSlot {
  /** Address of its ring in memory. */
  readonly ring: bigint;
  /** Number of the slot. */
  readonly slot: number;
  /** Index of its buffer. */
  readonly buffer: number;
  /** Its flags. */
  readonly flags: number;
  /** Its bytes. */
  readonly bytes: Uint8Array;
}

/** A slot as `-X` shows it. */
export function dumpText({ ring, slot, buffer, flags, bytes }: DumpedSlot): string {
  const lines = [
    `ring 0x${ring.toString(16)} cur ${pad(slot, 5)} [buf ${pad(buffer, 6)} ` +
    `flags 0x${pad(flags.toString(16), 4, "0")} len ${pad(bytes.length, 5)}]`,
  ];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const hex = Array.from(row, (byte) => `${pad(byte.toString(16), 2, "0")} `).join("");
    // netmap shows characters of whole rows only
    const characters = row.length < 16 ? "" : Array.from(row, printable).join("");
    lines.push(`${pad(at, 5)}: ${hex}${characters}`);
  }
  return lines.join("\n") + "\n";
}

function printable(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
}

/** The counts of a histogram whose bucket `k` holds what is from 2^k to below 2^(k+1). */
export function bucketsText(buckets: ArrayLike<number>): string {
  let low = 0, high = buckets.length - 1;
  while (low < high && buckets[low] === 0) low++;
  while (high > low && buckets[high] === 0) high--;
  let counts = "";
  for (let k = low; k <= high; k++) counts += ` ${pad(buckets[k], 5)}`;
  return `k: ${2 ** low} .. ${2 ** high}\n\t${counts}`;
}

function pad(value: number | string, width: number, fill = " "): string {
  return String(value).padStart(width, fill);
}
