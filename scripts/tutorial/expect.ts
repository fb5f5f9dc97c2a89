/**
 * What each port has to receive, worked out from the capture alone.
 *
 * @module
 */

import { ethernet, EtherType, formatMac, vlan } from "../../mod.ts";
import type { Frame } from "./capture.ts";

/** What a step has to do: the frames that each port receives, by their place in the capture. */
export interface Expectation {
  /** For each port, in the order in which they arrive. */
  received: number[][];
  /** For each port, how many of the frames that it sends go nowhere. */
  dropped: number[];
}

/** Nothing yet, for so many ports. */
function nothing(ports: number): Expectation {
  const lists = Array.from({ length: ports }, (): number[] => []);
  return { received: lists, dropped: lists.map(() => 0) };
}

function broadcast(expected: Expectation, frame: number, from: number): void {
  expected.received.forEach((list, port) => {
    if (port !== from) list.push(frame);
  });
}

/**
 * A learning bridge as netmap's: 1024 buckets of one station each, so that two stations can be in each
 * other's way.
 */
export class LearningBridge {
  readonly #buckets = new Map<number, { station: number; port: number }>();
  readonly #lastStation: number[] = [];
  readonly #isKernel: boolean;

  /**
   * A bridge that knows nobody.
   *
   * @param isKernel as netmap's module rather than as valet's engine, which mends two things: the module
   * takes a station of zeros for port 0's, and does not learn a station again that another one has pushed
   * out while it is the last that its port has heard
   */
  constructor(isKernel: boolean) {
    this.#isKernel = isKernel;
  }

  /** The stations that it knows, with their ports. */
  get table(): { mac: string; port: number }[] {
    return [...this.#buckets.values()]
      .map(({ station, port }) => ({ mac: formatMac(station), port }))
      .sort((a, b) => a.mac < b.mac ? -1 : 1);
  }

  /** Learns a station. */
  learn(station: number, port: number): void {
    this.#buckets.set(bucketOf(station), { station, port });
    this.#lastStation[port] = station;
  }

  /** What becomes of frames that enter at the ports that `from` says. */
  replay(frames: readonly Frame[], from: (frame: Frame) => number, ports: number): Expectation {
    const expected = nothing(ports);
    frames.forEach((frame, index) => {
      const source = from(frame);
      const destination = this.#decide(frame, source);
      if (destination === undefined) broadcast(expected, index, source);
      else if (destination !== source) expected.received[destination].push(index);
      else expected.dropped[source]++;
    });
    return expected;
  }

  /** Learns the sender; the port of the receiver, undefined when that is not known. */
  #decide({ source, destination, isGroup }: Frame, port: number): number | undefined {
    const isStation = Math.floor(source / 2 ** 40) % 2 === 0 && (this.#isKernel || source !== 0);
    const isNews = !this.#isKernel || this.#lastStation[port] !== source;
    if (isStation && isNews) this.learn(source, port);
    if (isGroup) return undefined;
    const entry = this.#buckets.get(bucketOf(destination));
    if (entry === undefined) return this.#isKernel && destination === 0 ? 0 : undefined;
    return entry.station === destination ? entry.port : undefined;
  }
}

/** What becomes of frames that all enter at port 0 when IPv4 goes to the next port, the rest to all. */
export function ipv4ToNextPort(frames: readonly Frame[], ports: number): Expectation {
  const expected = nothing(ports);
  frames.forEach((frame, index) => {
    if (isIpv4(frame.bytes)) expected.received[1].push(index);
    else broadcast(expected, index, 0);
  });
  return expected;
}

/** True for IPv4, also behind VLAN tags. */
export function isIpv4(frame: Uint8Array): boolean {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  let at = 12;
  let type = ethernet.etherType(view, 0);
  while (type === EtherType.VLAN || type === EtherType.QINQ || type === EtherType.QINQ_OLD) {
    type = vlan.etherType(view, at);
    at += vlan.TAG_LENGTH;
  }
  return type === EtherType.IPV4;
}

/**
 * The bucket of a station: Bob Jenkins' mix of its bytes, as the bridges of BSD use it.
 *
 * @param station MAC address, a number below 2^48
 */
export function bucketOf(station: number): number {
  const high = Math.floor(station / 2 ** 32), low = station % 2 ** 32;
  const first = high >>> 8, second = high & 0xff;
  const third = low >>> 24,
    fourth = low >>> 16 & 0xff,
    fifth = low >>> 8 & 0xff,
    sixth = low & 0xff;
  let a = 0x9e3779b9 + (fourth << 24 | third << 16 | second << 8 | first) | 0;
  let b = 0x9e3779b9 + (sixth << 8 | fifth) | 0;
  let c = 0;
  for (const [right, left, back] of [[13, 8, 13], [12, 16, 5], [3, 10, 15]]) {
    a = a - b - c ^ c >>> right;
    b = b - c - a ^ a << left;
    c = c - a - b ^ b >>> back;
  }
  return c & 1023;
}
