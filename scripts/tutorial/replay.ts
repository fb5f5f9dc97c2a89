/**
 * Replaying a capture on a switch, and comparing what arrives with what has to.
 *
 * @module
 */

import { type Port, ProtocolCounter, type ProtocolCounts } from "../../mod.ts";
import type { Frame } from "./capture.ts";
import type { Expectation } from "./expect.ts";

/** What happened at one port in one step. */
export interface PortResult {
  /** "vi0". */
  name: string;
  /** Packets that it sent. */
  sent: number;
  /** Packets that it received. */
  received: number;
  /** Packets that it had to receive. */
  expected: number;
  /** The received ones by protocol. */
  counts: ProtocolCounts;
}

/** What happened in one step. */
export interface StepResult {
  /** For each port. */
  ports: PortResult[];
  /** What was not as expected, a sentence each. */
  faults: string[];
}

/** Frames sent between two syncs. */
const BATCH = 256;

/** The longest frame that a port takes: netmap joins at most 64 slots. */
export function longestFrame(port: Port): number {
  const [ring] = port.txRings;
  return ring.slotBytes * Math.min(64, ring.slots - 1);
}

/**
 * Sends the frames, each into the port that `from` says, and reads everything that arrives.
 *
 * A VALE switch never makes a sender wait, it drops what a receiver has no room for. So at most as many
 * slots are under way as the smallest receive ring has.
 */
export function replay(
  ports: readonly Port[],
  frames: readonly Frame[],
  from: (frame: Frame) => number,
  expected: Expectation,
  onProgress: (done: number) => void,
): StepResult {
  const slotBytes = Math.min(...ports.map((port) => port.rxRings[0].bufferSize));
  const room = Math.min(...ports.map((port) => port.rxRings[0].slots)) - 1;
  const sent = ports.map(() => 0);
  const readers = ports.map((port, i) => new Reader(port, frames, expected.received[i]));
  let run: Uint8Array[] = [], runPort = 0, slots = 0;
  const flush = (): void => {
    sent[runPort] += ports[runPort].sendMany(run, { batch: BATCH });
    run = [];
  };
  const drain = (): void => {
    flush();
    for (const reader of readers) reader.read();
    slots = 0;
  };
  frames.forEach((frame, index) => {
    const port = from(frame);
    const need = Math.ceil(frame.bytes.length / slotBytes);
    if (slots + need > room) {
      drain();
      onProgress(index);
    } else if (port !== runPort) flush();
    runPort = port;
    run.push(frame.bytes);
    slots += need;
  });
  drain();
  onProgress(frames.length);
  return judge(readers, sent, frames, from);
}

/** Reads a port, and compares each packet with the one that is due. */
class Reader {
  readonly port: Port;
  readonly counter = new ProtocolCounter();
  readonly expected: readonly number[];
  readonly #frames: readonly Frame[];
  received = 0;
  /** The first packet that is not the one that was due. */
  surprise: string | undefined;

  constructor(port: Port, frames: readonly Frame[], expected: readonly number[]) {
    this.port = port;
    this.expected = expected;
    this.#frames = frames;
  }

  read(): void {
    for (const packet of this.port.receive()) {
      this.counter.addView(packet);
      const due = this.expected[this.received++];
      if (this.surprise !== undefined || due === undefined) continue;
      if (!isEqual(packet.bytes(), this.#frames[due].bytes)) {
        this.surprise = `packet ${this.received} is not number ${due + 1} of the capture, ` +
          `but "${packet}"`;
      }
    }
    // The slots go back to the switch now, not when the port is read the next time
    this.port.rxSync();
  }
}

function judge(
  readers: readonly Reader[],
  sent: readonly number[],
  frames: readonly Frame[],
  from: (frame: Frame) => number,
): StepResult {
  const faults: string[] = [];
  const due = readers.map(() => 0);
  for (const frame of frames) due[from(frame)]++;
  const ports = readers.map(({ port, received, expected, surprise, counter }, i): PortResult => {
    const name = port.portName.interface;
    if (sent[i] !== due[i]) faults.push(`${name} sent ${sent[i]} packets, not ${due[i]}`);
    const wanted = new ProtocolCounter();
    for (const frame of expected) wanted.add(frames[frame].bytes);
    faults.push(...differences(name, counter.toJSON(), wanted.toJSON()));
    if (received === expected.length && surprise !== undefined) faults.push(`${name}: ${surprise}`);
    return { name, sent: sent[i], received, expected: expected.length, counts: counter.toJSON() };
  });
  return { ports, faults };
}

/** The counts that are off, by name. */
function differences(port: string, received: ProtocolCounts, expected: ProtocolCounts): string[] {
  const names = Object.keys(expected) as (keyof ProtocolCounts)[];
  return names.filter((name) => received[name] !== expected[name]).map((name) =>
    `${port} received ${received[name]} ${LABELS[name]}, expected ${expected[name]}`
  );
}

const LABELS: Record<keyof ProtocolCounts, string> = {
  packets: "packets",
  arp: "ARP packets",
  ipv4: "IPv4 packets",
  ipv6: "IPv6 packets",
  other: "packets of other protocols",
  icmp: "ICMP packets",
  icmpv6: "ICMPv6 packets",
  udp: "UDP packets",
  tcp: "TCP packets",
  dns: "DNS packets",
};

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
