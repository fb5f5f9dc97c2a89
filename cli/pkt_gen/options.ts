/**
 * What pkt-gen's options say, checked.
 *
 * Pure.
 *
 * @module
 */

import { parsePortName } from "../../mod.ts";
import { UsageError } from "../context.ts";
import { type GivenOption, wholeNumber } from "../getopt.ts";
import { headerBytes } from "./frame.ts";
import {
  type AddressRange,
  isVarying,
  type MacRange,
  parseAddressRange,
  parseMacRange,
} from "./ranges.ts";

/** What pkt-gen can do. */
export const FUNCTIONS = ["tx", "rx", "ping", "pong", "txseq", "rxseq"] as const;

/** One of them. */
export type FunctionName = typeof FUNCTIONS[number];

/** Bits of `-o`, most of which have a letter too. */
export const OptionBit = {
  /** Of no effect here: buffers are in the cache, or fetched by the engine. */
  PREFETCH: 1,
  /** Of no effect, in netmap's pkt-gen either. */
  ACCESS: 2,
  /** Copy the packet into the buffer each time. */
  COPY: 4,
  /** The same here. */
  MEMCPY: 8,
  /** Of no effect, in netmap's pkt-gen either. */
  TIMESTAMP: 16,
  /** `-I`. */
  INDIRECT: 32,
  /** `-X`. */
  DUMP: 64,
  /** `-r`. */
  RUBBISH: 256,
  /** `-z`. */
  RANDOM_SOURCE: 512,
  /** `-Z`. */
  RANDOM_DESTINATION: 1024,
  /** `-A`. */
  STATS: 2048,
  /** Headers and checksums follow random lengths. */
  UPDATE_CHECKSUM: 4096,
} as const;

const ALL_BITS = Object.values(OptionBit).reduce((all, bit) => all | bit, 0);

/** Sizes of a port that is made by opening it (`-C`); 0: netmap's default. */
export interface PortShape {
  /** Slots of each transmit ring. */
  readonly txSlots: number;
  /** Slots of each receive ring. */
  readonly rxSlots: number;
  /** Transmit rings. */
  readonly txRings: number;
  /** Receive rings. */
  readonly rxRings: number;
}

/** What the command line says. */
export interface Options {
  /** What is at the other end: a netmap port, a TAP interface, nothing. */
  readonly device: "netmap" | "tap" | "null";
  /** As it was written. */
  readonly givenName: string;
  /** Name of the port ("netmap:" in front of plain names), or of the TAP interface. */
  readonly name: string;
  /** What to do. */
  readonly run: FunctionName;
  /** Packets, or round trips; 0: for ever. */
  readonly count: number;
  /** Bytes of a packet, of the longest when lengths are random. */
  readonly bytes: number;
  /** Random lengths from here to below `bytes`; 0: all have `bytes`. */
  readonly leastBytes: number;
  /** Packets in a batch. */
  readonly burst: number;
  /** The burst was not given. */
  readonly isDefaultBurst: boolean;
  /** Address family. */
  readonly family: 4 | 6;
  /** Source addresses. */
  readonly source: AddressRange;
  /** Destination addresses. */
  readonly destination: AddressRange;
  /** Source MAC address; undefined: the interface's own. */
  readonly sourceMac: MacRange | undefined;
  /** Destination MAC address. */
  readonly destinationMac: MacRange;
  /** Bits of `-o`, with those of the letters. */
  readonly bits: number;
  /** CPU of the first thread; undefined: any. */
  readonly cpu: number | undefined;
  /** CPUs to use. */
  readonly cpus: number;
  /** The number of CPUs was given: threads take turns on them. */
  readonly isCpusGiven: boolean;
  /** Threads, each with a ring. */
  readonly threads: number;
  /** Milliseconds between reports. */
  readonly reportMs: number;
  /** Seconds to wait for the link. */
  readonly waitSeconds: number;
  /** rx, rxseq: leave after a second of silence. */
  readonly leaveWhenSilent: boolean;
  /** Packets a second; 0: as many as possible. */
  readonly ratePps: number;
  /** Bytes of the virtio-net header to ask for; 0: as the port has it. */
  readonly headerBytes: number;
  /** Capture file with the packet. */
  readonly packetFile: string | undefined;
  /** Fragments of a packet. */
  readonly fragments: number;
  /** Most bytes of a fragment; undefined: as many as a buffer has. */
  readonly fragmentBytes: number | undefined;
  /** Show units. */
  readonly scaled: boolean;
  /** Bits of each packet on a link that are not in its bytes. */
  readonly framingBits: number;
  /** Sizes of the port. */
  readonly shape: PortShape | undefined;
  /** Say more. */
  readonly verbose: number;
}

type Values = ReadonlyMap<string, readonly string[]>;

/**
 * Checks the options and fills in what was not given.
 *
 * @param cpuCount CPUs of this machine
 * @throws {UsageError} if they make no sense
 * @throws {SyntaxError} if the port's name is none
 * @throws {Error} if what they ask for cannot be done here
 */
export function readOptions(given: readonly GivenOption[], cpuCount: number): Options {
  const values = new Map<string, string[]>();
  for (const { letter, value } of given) {
    values.set(letter, [...values.get(letter) ?? [], value]);
  }
  const last = (letter: string): string | undefined => values.get(letter)?.at(-1);
  const number = (letter: string, fallback: number, min: number, max: number): number =>
    wholeNumber(letter, last(letter), fallback, min, max);
  const run = functionName(last("f"));
  const family = given.findLast(({ letter }) => letter === "4" || letter === "6")?.letter === "6"
    ? 6
    : 4;
  const [bytes, leastBytes] = lengths(values);
  const ratePps = number("R", 0, 0, 2 ** 31 - 1);
  const burst = number("b", 0, 0, 2 ** 31 - 1) || (run === "ping" || run === "pong" ? 1 : 512);
  const cpu = last("a") === undefined ? undefined : number("a", 0, 0, cpuCount - 1);
  const sourceMac = last("S");
  const options: Options = {
    ...device(last("i")),
    run,
    count: number("n", 0, 0, Number.MAX_SAFE_INTEGER),
    bytes,
    leastBytes,
    burst: ratePps > 0 ? Math.max(1, Math.min(burst, Math.floor(ratePps / 300))) : burst,
    isDefaultBurst: number("b", 0, 0, 2 ** 31 - 1) === 0,
    family,
    source: parseAddressRange(last("s") ?? (family === 4 ? "10.0.0.1" : "::"), family),
    destination: parseAddressRange(last("d") ?? (family === 4 ? "10.1.0.1" : "::"), family),
    sourceMac: sourceMac === undefined ? undefined : parseMacRange(sourceMac),
    destinationMac: parseMacRange(last("D") ?? "ff:ff:ff:ff:ff:ff"),
    bits: optionBits(values),
    cpu,
    cpus: number("c", 1, 0, cpuCount) || cpuCount,
    isCpusGiven: values.has("c"),
    threads: number("p", 1, 1, 4096),
    reportMs: number("T", 1000, 1, 2 ** 31 - 1),
    waitSeconds: number("w", defaultWait(last("i") ?? ""), 0, 86400),
    leaveWhenSilent: values.has("W"),
    ratePps,
    headerBytes: number("H", 0, 0, 12),
    packetFile: last("P"),
    fragments: number("F", 1, 1, 63),
    fragmentBytes: last("M") === undefined ? undefined : number("M", 0, 1, 65536),
    scaled: !values.has("N"),
    framingBits: values.has("B") ? 24 * 8 : 0,
    shape: portShape(last("C")),
    verbose: values.get("v")?.length ?? 0,
  };
  checkDevice(options);
  checkPacket(options);
  return options;
}

/** The CPU that a thread stays on: each takes the next one. */
export function cpuOf(
  thread: number,
  { cpu, cpus, isCpusGiven }: Options,
  cpuCount: number,
): number {
  return ((cpu ?? 0) + (isCpusGiven ? thread % cpus : thread)) % cpuCount;
}

/** Which bits `-o` and the letters set. */
function optionBits(values: Values): number {
  let bits = 0;
  for (const value of values.get("o") ?? []) {
    const more = wholeNumber("o", value, 0, 0, ALL_BITS);
    if ((more & ~ALL_BITS) !== 0) {
      throw new UsageError(`-o: there is no bit ${more & ~ALL_BITS}\nHint: They add up: 4 + 64`);
    }
    bits |= more;
  }
  if (values.has("I")) bits |= OptionBit.INDIRECT;
  if (values.has("X")) bits |= OptionBit.DUMP;
  if (values.has("r")) bits |= OptionBit.RUBBISH;
  if (values.has("z")) bits |= OptionBit.RANDOM_SOURCE;
  if (values.has("Z")) bits |= OptionBit.RANDOM_DESTINATION;
  if (values.has("A")) bits |= OptionBit.STATS;
  return bits;
}

function functionName(text: string | undefined): FunctionName {
  const found = FUNCTIONS.find((name) => name === (text ?? "rx"));
  if (found !== undefined) return found;
  throw new UsageError(`-f: unrecognised function ${text}\nHint: It is ${FUNCTIONS.join(", ")}`);
}

function device(text: string | undefined): Pick<Options, "device" | "givenName" | "name"> {
  if (text === undefined || text === "") {
    throw new UsageError('missing ifname\nHint: -i names the port: "-i vale0:a", "-i netmap:eth0"');
  }
  const givenName = text;
  if (text === "null") return { device: "null", givenName, name: text };
  if (text.startsWith("tap:")) return { device: "tap", givenName, name: text.slice(4) };
  if (text.startsWith("pcap:")) {
    throw new Error(
      `Cannot open "${text}": libpcap is not used here\n` +
        `Hint: With netmap in the kernel, "netmap:${text.slice(5)}" is the same interface`,
    );
  }
  const isPortName = /^(netmap:|vale)/.test(text);
  if (!isPortName && text.startsWith("tap")) return { device: "tap", givenName, name: text };
  const name = isPortName ? text : `netmap:${text}`;
  parsePortName(name); // throws if it is none
  return { device: "netmap", givenName, name };
}

/** A link needs time to come up; a VALE port and nothing have none. */
function defaultWait(name: string): number {
  return name.startsWith("vale") || name === "null" ? 0 : 2;
}

function lengths(values: Values): [bytes: number, leastBytes: number] {
  const [first, ...more] = values.get("l") ?? [];
  const bytes = wholeNumber("l", first, 60, 16, 65536);
  const leastBytes = wholeNumber("l", more.at(-1), 0, 16, bytes);
  return [bytes, leastBytes];
}

function portShape(text: string | undefined): PortShape | undefined {
  if (text === undefined) return undefined;
  const numbers = text.split(",");
  if (numbers.length > 4 || !numbers.every((part) => /^\d{1,9}$/.test(part))) {
    throw new UsageError(
      `-C: '${text}' is not tx_slots[,rx_slots[,tx_rings[,rx_rings]]]\n` +
        'Hint: The name can say it too: "-i vale0:a@conf:slots=256,rings=2"',
    );
  }
  const [txSlots, rxSlots = txSlots, txRings = 0, rxRings = txRings] = numbers.map(Number);
  return { txSlots, rxSlots, txRings, rxRings };
}

function checkDevice({ device, givenName, name, run, threads, headerBytes }: Options): void {
  if (device !== "netmap" && run !== "tx" && run !== "rx") {
    throw new UsageError(`-f ${run} does not work on '${givenName}'\nHint: It needs a netmap port`);
  }
  if (device === "tap" && new TextEncoder().encode(name).length > 15) {
    throw new UsageError(`-i: '${name}' is longer than 15 bytes`);
  }
  if (device === "tap" && threads > 1) {
    throw new UsageError(`-p: '${givenName}' has one queue, so one thread`);
  }
  if (threads > 1 && (run === "ping" || run === "pong" || run === "txseq")) {
    throw new UsageError(`-p: ${run} works with one thread`);
  }
  if (headerBytes !== 0 && headerBytes !== 10 && headerBytes !== 12) {
    throw new UsageError(`-H: a virtio-net header has 0, 10 or 12 bytes, not ${headerBytes}`);
  }
}

/** What can be sent at all. */
function checkPacket(options: Options): void {
  const { run, bytes, leastBytes, family, bits, fragments, packetFile } = options;
  const headers = headerBytes(family);
  const least = (needed: number, why: string): void => {
    if (bytes < needed) throw new UsageError(`-l: ${why} needs at least ${needed} bytes`);
  };
  if (run === "ping") least(headers + 12, `ping${family === 6 ? " with -6" : ""}`);
  if (run === "txseq") least(headers + 4, `txseq${family === 6 ? " with -6" : ""}`);
  if (run !== "tx" && run !== "txseq") return;
  if (packetFile !== undefined) {
    if (run !== "tx") throw new UsageError("-P goes with -f tx");
    return;
  }
  checkVarying(options);
  if (leastBytes > 0 && (bits & OptionBit.UPDATE_CHECKSUM) !== 0 && leastBytes < headers) {
    throw new UsageError(`-l: -o 4096 needs at least ${headers} bytes, for the headers`);
  }
  if (fragments > bytes) {
    throw new UsageError(`-F: ${bytes} bytes cannot be cut into ${fragments} fragments`);
  }
  if (leastBytes > 0 && fragments > 1) {
    throw new UsageError("-F: fragments and random lengths do not go together");
  }
  if ((bits & OptionBit.INDIRECT) !== 0 && fragments > 1) {
    throw new UsageError("-F: an indirect packet (-I) is in one piece");
  }
}

/** Fields can vary if the packet is long enough to have them. */
function checkVarying({ bytes, family, source, destination, bits }: Options): void {
  const headers = headerBytes(family);
  const hasPorts = source.firstPort !== source.lastPort ||
    destination.firstPort !== destination.lastPort;
  const isRandom = (bits & (OptionBit.RANDOM_SOURCE | OptionBit.RANDOM_DESTINATION)) !== 0;
  if (hasPorts && bytes < headers) {
    throw new UsageError(`-l: a range of ports needs at least ${headers} bytes`);
  }
  if ((isRandom || isVarying(source) || isVarying(destination)) && bytes < headers - 8) {
    throw new UsageError(`-l: varying addresses need at least ${headers - 8} bytes`);
  }
  if ((isRandom || isVarying(source) || isVarying(destination)) && bytes > 65535) {
    throw new UsageError("-l: varying addresses need at most 65535 bytes");
  }
}
