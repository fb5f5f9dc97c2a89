/**
 * Round trips of a frame between this thread and another one.
 *
 * @module
 */
/// <reference lib="deno.worker" />

import { quantile, significant } from "../../../bench/statistics.ts";
import { type BackendName, Netmap, PacketTemplate, type Port } from "../../../mod.ts";
import type { Lab } from "./experiment.ts";

/** How long round trips took, in microseconds. */
export type RoundTrips = { p50_us: number; p99_us: number };

/** Headings for it. */
export const ROUND_TRIP_COLUMNS = { p50_us: "median (us)", p99_us: "99 % (us)" } as const;

/** A round trip. */
export interface Way {
  /** Our port, and that of the other thread, as names. */
  readonly ping: string;
  readonly pong: string;
  /** Whether both sleep in poll() until something comes; else they look all the time. */
  readonly isSleeping: boolean;
  /** Slots of their rings. */
  readonly slots?: number | undefined;
}

/** What the other thread is told. */
interface Task {
  readonly backend: BackendName;
  readonly instance: string;
  readonly way: Way;
}

const NAME = "valet ping-pong";
const LENGTH = 60, LAST = 61;
const MACS = ["02:00:00:00:00:0a", "02:00:00:00:00:0b"] as const;
/** Longest sleep without looking, in milliseconds. */
const SLEEP_MS = 100;
/** Round trips in a millisecond of a measurement. */
const A_MS = 50;

function frame(length: number, from: 0 | 1): Uint8Array {
  const [srcMac, dstMac] = [MACS[from], MACS[1 - from]];
  const template = PacketTemplate.udp({ srcMac, dstMac, src: "10.0.0.1", dst: "10.0.0.2", length });
  return template.next().slice();
}

/** Takes what is there. Returns the length of the last frame, 0 if there was none. */
function take(port: Port, isSleeping: boolean): number {
  if (isSleeping) port.poll("read", SLEEP_MS);
  let length = 0;
  for (const packet of port.receive()) length = packet.length;
  return length;
}

function pong({ backend, instance, way }: Task): void {
  using netmap = Netmap.open({ backend, instance });
  using port = netmap.open(way.pong, { slots: way.slots });
  const reply = frame(LENGTH, 1);
  self.postMessage("ready");
  for (let length = 0; length !== LAST;) {
    length = take(port, way.isSleeping);
    if (length !== 0) port.send(reply);
  }
}

/**
 * Measures round trips: a first quarter is left out.
 *
 * @param between is called while an answer is awaited, to do what other parties of the way do
 * @throws {Error} what the other thread threw
 */
export async function roundTrips(lab: Lab, way: Way, between?: () => void): Promise<RoundTrips> {
  using netmap = lab.open();
  using port = netmap.open(way.ping, { slots: way.slots });
  const worker = new Worker(import.meta.url, { type: "module", name: NAME });
  try {
    await new Promise<void>((resolve, reject) => {
      worker.onmessage = (): void => resolve();
      worker.onerror = (event): void => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      const { backend, instance } = lab;
      worker.postMessage({ backend, instance, way } satisfies Task);
    });
    const request = frame(LENGTH, 0), count = Math.ceil(lab.lengthMs * A_MS);
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      port.send(request);
      do between?.(); while (take(port, way.isSleeping) === 0);
      times.push((performance.now() - start) * 1000);
    }
    port.send(frame(LAST, 0));
    const settled = times.slice(count >> 2);
    const at = (part: number): number => significant(quantile(settled, part), 3);
    return { p50_us: at(0.5), p99_us: at(0.99) };
  } finally {
    worker.terminate();
  }
}

if (self.name === NAME) self.onmessage = ({ data }: MessageEvent<Task>): void => pong(data);
