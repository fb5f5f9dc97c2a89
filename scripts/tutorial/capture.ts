/**
 * The capture that the tutorial replays, and who is who in it.
 *
 * @module
 */

import {
  CaptureError,
  type CaptureReader,
  ethernet,
  formatMac,
  LinkType,
  ProtocolCounter,
  type ProtocolCounts,
  readCapture,
} from "../../mod.ts";

/** A frame, with what the tutorial asks about it again and again. */
export interface Frame {
  /** Its bytes. */
  bytes: Uint8Array;
  /** Its destination, a number below 2^48. */
  destination: number;
  /** Its source. */
  source: number;
  /** True when it goes to a group of stations, or to all. */
  isGroup: boolean;
}

/** A capture that can be replayed. */
export interface Capture {
  /** The file. */
  file: string;
  /** The frames to replay, in the order of the file. */
  frames: Frame[];
  /** Their bytes. */
  bytes: number;
  /** Their protocols. */
  counts: ProtocolCounts;
  /** Packets of the file that are not replayed. */
  skipped: number;
  /** What is to be said about the file, a sentence each. */
  notes: string[];
  /** All stations that send, the busiest first. */
  stations: number[];
}

/**
 * Reads a capture, pcap or pcapng, and keeps what a switch can carry.
 *
 * @throws {Error} if the file cannot be read, or has nothing to replay
 */
export function loadCapture(file: string): Capture {
  const frames: Frame[] = [], notes: string[] = [];
  let otherLinks = 0, short = 0, cut = 0;
  try {
    for (const { data, linkType, originalLength } of open(file)) {
      if (linkType !== LinkType.ETHERNET) otherLinks++;
      else if (data.length < ethernet.HEADER_LENGTH) short++;
      else {
        if (originalLength > data.length) cut++;
        frames.push(frameOf(data));
      }
    }
  } catch (error) {
    // What comes before the damage can be replayed all the same
    if (!(error instanceof CaptureError) || frames.length === 0) {
      throw new Error(`Cannot read ${file}: ${reason(error)}`, { cause: error });
    }
    notes.push(`The file is damaged: ${reason(error)}; what comes before is replayed`);
  }
  if (otherLinks > 0) notes.push(`${packets(otherLinks)} left out: not captured on Ethernet`);
  if (short > 0) notes.push(`${packets(short)} left out: no whole Ethernet header`);
  if (cut > 0) notes.push(`${packets(cut)} replayed cut off, as the capture has them`);
  return describe(file, frames, notes, otherLinks + short);
}

/** Leaves out what is too long for a ring. */
export function leaveOutLong(capture: Capture, longestBytes: number): Capture {
  const frames = capture.frames.filter(({ bytes }) => bytes.length <= longestBytes);
  const long = capture.frames.length - frames.length;
  if (long === 0) return capture;
  const note = `${
    packets(long)
  } left out: longer than ${longestBytes} bytes, the most a ring takes`;
  return describe(capture.file, frames, [...capture.notes, note], capture.skipped + long);
}

function describe(file: string, frames: Frame[], notes: string[], skipped: number): Capture {
  if (frames.length === 0) {
    throw new Error([`Cannot replay ${file}: it has no Ethernet frames`, ...notes].join("\n"));
  }
  const counter = new ProtocolCounter();
  let byteCount = 0;
  for (const { bytes } of frames) {
    counter.add(bytes);
    byteCount += bytes.length;
  }
  const counts = counter.toJSON();
  return { file, frames, bytes: byteCount, counts, skipped, notes, stations: stationsOf(frames) };
}

/** A MAC address for people. */
export const mac: (station: number) => string = formatMac;

function open(file: string): CaptureReader {
  const bytes = Deno.readFileSync(file);
  if (bytes.length === 0) throw new Error("the file is empty");
  return readCapture(bytes);
}

function frameOf(bytes: Uint8Array): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    bytes,
    destination: ethernet.destination(view, 0),
    source: ethernet.source(view, 0),
    isGroup: (bytes[0] & 1) !== 0,
  };
}

/** Stations that send, those first that most frames come from or go to. */
function stationsOf(frames: readonly Frame[]): number[] {
  const frameCount = new Map<number, number>();
  for (const { source } of frames) frameCount.set(source, (frameCount.get(source) ?? 0) + 1);
  for (const { destination } of frames) {
    const count = frameCount.get(destination);
    if (count !== undefined) frameCount.set(destination, count + 1);
  }
  return [...frameCount].sort((a, b) => b[1] - a[1]).map(([station]) => station);
}

function packets(count: number): string {
  return `${count} packet${count === 1 ? "" : "s"}`;
}

function reason(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder";
  if (error instanceof Deno.errors.NotCapable) return "run Deno with --allow-read";
  return (error instanceof Error ? error.message : String(error)).replace(
    "Cannot read capture: ",
    "",
  );
}
