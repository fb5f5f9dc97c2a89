import { formatIpv6, parseIpv4, parseIpv6, parseMac } from "./address.ts";
import { foldSum, updateChecksum } from "./checksum.ts";
import { TWO_32, viewOf } from "./bytes.ts";
import * as arp from "./arp.ts";
import { PacketHeaders } from "./packet_headers.ts";
import { EtherType, Protocol } from "./protocols.ts";
import { Sequence } from "./sequence.ts";
import type { PayloadVariation, VaryOptions } from "./template_options.ts";
import type { FieldValue, Variation } from "./variation.ts";

/** The frame that a template is compiled from. */
export interface TemplateFrame {
  /** Its bytes. */
  bytes: Uint8Array;
  /** A view on them. */
  view: DataView;
  /** Its headers. */
  headers: PacketHeaders;
  /** Where its IPv4 header checksum is, -1 without. */
  ipChecksumAt: number;
  /** Where its transport checksum is, -1 without. */
  transportChecksumAt: number;
}

/** Finds out where the checksums are that changes have to be carried over to. */
export function analyseFrame(bytes: Uint8Array): TemplateFrame {
  const view = viewOf(bytes);
  const headers = new PacketHeaders();
  headers.locate(view, 0, bytes.length);
  const { version, network, transport, protocol } = headers;
  const ipChecksumAt = version === 4 ? network + 10 : -1;
  let transportChecksumAt = -1;
  if (transport >= 0) {
    // Not transportChecksumAt() of checksum.ts: an update needs no complete datagram
    if (protocol === Protocol.TCP) transportChecksumAt = transport + 16;
    else if (protocol === Protocol.UDP && view.getUint16(transport + 6) !== 0) {
      transportChecksumAt = transport + 6;
    } else if (protocol === (version === 4 ? Protocol.ICMP : Protocol.ICMPV6)) {
      transportChecksumAt = transport + 2;
    }
  }
  return { bytes, view, headers, ipChecksumAt, transportChecksumAt };
}

/** Where a field is and what it takes part in. */
interface Place {
  offset: number;
  bits: number;
  /** Bytes to write: 1, 2, 4, 6, or 16. */
  size: number;
  /** Bits of the written number that are not the field's. */
  keep: number;
  isInIpSum: boolean;
  isInTransportSum: boolean;
  /** A second place with the same bytes, -1 for none. */
  twin: number;
  kind: "number" | "mac" | "ipv4" | "ipv6";
}

/** A compiled field: where its bytes go and where its values come from. */
export class Field {
  /** The values; with `words` the numbers of table rows. */
  readonly sequence: Sequence;
  /** Byte position in the frame. */
  readonly offset: number;
  /** Bytes to write: 1, 2, 4, 6, or 16. */
  readonly size: number;
  /** Bits that are or-ed into each value. */
  readonly keep: number;
  /** True when the IPv4 header checksum covers it. */
  readonly isInIpSum: boolean;
  /** True when the transport checksum covers it. */
  readonly isInTransportSum: boolean;
  /** True when it begins at an odd byte of what the checksum covers. */
  readonly isOdd: boolean;
  /** A second position for the same bytes, -1 for none. */
  readonly twin: number;
  /** Whole IPv6 addresses, four words each, when they differ in more than 48 bits. */
  readonly words: Uint32Array;

  /** Made by {@linkcode compileFields}. */
  constructor(place: Place, sequence: Sequence, isOdd: boolean, words: Uint32Array) {
    this.sequence = sequence;
    this.offset = place.offset;
    this.size = place.size;
    this.keep = place.keep;
    this.isInIpSum = place.isInIpSum;
    this.isInTransportSum = place.isInTransportSum;
    this.isOdd = isOdd;
    this.twin = place.twin;
    this.words = words;
  }
}

/** Compiles all fields of `vary` but the length, in the order in which they are written there. */
export function compileFields(frame: TemplateFrame, vary: VaryOptions): Field[] {
  const fields: Field[] = [];
  for (const [name, value] of Object.entries(vary)) {
    if (name === "length" || value === undefined) continue;
    if (name === "payload") {
      for (const one of Array.isArray(value) ? value : [value]) {
        fields.push(payloadField(frame, one, fields.length));
      }
    } else {
      fields.push(compileField(frame, name, value, fields.length));
    }
  }
  checkOverlap(fields);
  return fields;
}

function compileField(
  frame: TemplateFrame,
  name: string,
  variation: Variation,
  index: number,
): Field {
  const place = findPlace(frame, name);
  if (place.kind === "ipv6") return ipv6Field(frame, place, name, variation, index);
  const values = variation.values.map((value) => numberOf(value, place.kind, name));
  const sequence = new Sequence(variation, values, place.bits, index + 1, name);
  return new Field(place, sequence, isOddByte(frame, place), new Uint32Array(0));
}

function payloadField(frame: TemplateFrame, one: PayloadVariation, index: number): Field {
  const { payload, end } = frame.headers;
  const { offset, bits, values } = one;
  const size = bits / 8;
  if (size !== 1 && size !== 2 && size !== 4) {
    throw new RangeError(`Cannot vary ${bits} bits of the payload: expected 8, 16 or 32`);
  }
  if (!Number.isInteger(offset) || offset < 0 || payload < 0 || payload + offset + size > end) {
    throw new RangeError(
      `Cannot vary payload byte ${offset}: the payload has ${Math.max(0, end - payload)} bytes`,
    );
  }
  const place: Place = {
    ...number(payload + offset, bits),
    isInTransportSum: frame.transportChecksumAt >= 0,
  };
  const numbers = values.values.map((value) => numberOf(value, "number", "payload"));
  const sequence = new Sequence(values, numbers, bits, index + 1, "payload");
  return new Field(place, sequence, isOddByte(frame, place), new Uint32Array(0));
}

/** IPv6 addresses: 48 counting bits, or a table when a list needs more. */
function ipv6Field(
  frame: TemplateFrame,
  place: Place,
  name: string,
  variation: Variation,
  index: number,
): Field {
  const addresses = variation.values.map((value) => {
    if (typeof value === "string") return parseIpv6(value);
    throw new TypeError(`Cannot set ${name} to ${value}: expected the text of an IPv6 address`);
  });
  const prefix = formatIpv6(Uint8Array.of(...addresses[0].subarray(0, 10), 0, 0, 0, 0, 0, 0));
  const isShared = addresses.every((address) =>
    address.subarray(0, 10).every((byte, i) => byte === addresses[0][i])
  );
  if (isShared) {
    replaceWords(frame, place.offset, addresses[0].subarray(0, 10));
    const low = { ...place, offset: place.offset + 10, size: 6, bits: 48 };
    const values = addresses.map((address) => lowBits(address));
    const sequence = new Sequence(variation, values, 48, index + 1, name);
    return new Field(low, sequence, false, new Uint32Array(0));
  }
  if (variation.kind !== "list") {
    throw new RangeError(`Cannot vary ${name}: all addresses must lie in ${prefix}/80`);
  }
  const words = new Uint32Array(addresses.length * 4);
  addresses.forEach((address, i) => {
    const view = new DataView(address.buffer);
    for (let j = 0; j < 4; j++) words[i * 4 + j] = view.getUint32(j * 4);
  });
  const rows = { ...variation, kind: "range" as const };
  const sequence = new Sequence(rows, [0, addresses.length - 1], 32, index + 1, name);
  return new Field({ ...place, size: 16 }, sequence, false, words);
}

function lowBits(address: Uint8Array): number {
  const view = new DataView(address.buffer);
  return view.getUint16(10) * TWO_32 + view.getUint32(12);
}

/** Overwrites words of the pseudo header and keeps the transport checksum right. */
function replaceWords(frame: TemplateFrame, at: number, bytes: Uint8Array): void {
  const { view, transportChecksumAt } = frame;
  for (let i = 0; i < bytes.length; i += 2) {
    const old = view.getUint16(at + i), word = bytes[i] * 256 + bytes[i + 1];
    view.setUint16(at + i, word);
    if (transportChecksumAt < 0) continue;
    const sum = updateChecksum(view.getUint16(transportChecksumAt), old, word);
    view.setUint16(transportChecksumAt, sum);
  }
}

function numberOf(value: FieldValue, kind: Place["kind"], name: string): number {
  if (typeof value === "number") return value;
  if (kind === "mac") return parseMac(value);
  if (kind === "ipv4") return parseIpv4(value);
  throw new TypeError(`Cannot set ${name} to "${value}": expected a number`);
}

function isOddByte(frame: TemplateFrame, place: Place): boolean {
  const { network, transport } = frame.headers;
  const start = place.isInIpSum ? network : Math.max(transport, 0);
  return ((place.offset - start) & 1) !== 0;
}

function number(offset: number, bits: number): Place {
  return {
    offset,
    bits,
    size: bits / 8,
    keep: 0,
    isInIpSum: false,
    isInTransportSum: false,
    twin: -1,
    kind: "number",
  };
}

function findPlace(frame: TemplateFrame, name: string): Place {
  const place = linkPlace(frame, name) ?? networkPlace(frame, name) ?? transportPlace(frame, name);
  if (place !== undefined) return place;
  if (name in OWNERS) throw new TypeError(`Cannot vary ${name}: the packet has no ${OWNERS[name]}`);
  throw new TypeError(
    `Cannot vary "${name}": the fields are ${Object.keys(OWNERS).join(", ")}, length, payload`,
  );
}

/** All field names, with the header that a packet lacks when the field is not there. */
const OWNERS: Record<string, string> = {
  srcMac: "Ethernet header",
  dstMac: "Ethernet header",
  vlan: "VLAN tag",
  src: "IPv4, IPv6 or ARP header",
  dst: "IPv4, IPv6 or ARP header",
  srcPort: "UDP or TCP header",
  dstPort: "UDP or TCP header",
  ttl: "IPv4 or IPv6 header",
  id: "IPv4 header",
  flowLabel: "IPv6 header",
  sequence: "TCP or ICMP echo header",
  acknowledgment: "TCP header",
  identifier: "ICMP echo header",
};

function isArp(frame: TemplateFrame): boolean {
  const { etherType, network, payload } = frame.headers;
  return etherType === EtherType.ARP && payload === network + arp.HEADER_LENGTH;
}

function linkPlace(frame: TemplateFrame, name: string): Place | undefined {
  const { network, vlan } = frame.headers;
  if (name === "srcMac") {
    return { ...number(6, 48), kind: "mac", twin: isArp(frame) ? network + 8 : -1 };
  }
  if (name === "dstMac") {
    const isReply = isArp(frame) && arp.operation(frame.view, network) === arp.REPLY;
    return { ...number(0, 48), kind: "mac", twin: isReply ? network + 18 : -1 };
  }
  if (name === "vlan" && vlan >= 0) {
    return { ...number(14, 16), bits: 12, keep: frame.view.getUint16(14) & 0xf000 };
  }
  return undefined;
}

function networkPlace(frame: TemplateFrame, name: string): Place | undefined {
  const { network, version, protocol } = frame.headers;
  const isAddress = name === "src" || name === "dst";
  if (isAddress && isArp(frame)) {
    return { ...number(network + (name === "src" ? 14 : 24), 32), kind: "ipv4" };
  }
  if (version === 4) {
    if (name === "ttl") return { ...number(network + 8, 8), isInIpSum: true };
    if (name === "id") return { ...number(network + 4, 16), isInIpSum: true };
    if (isAddress) {
      // ICMP has no pseudo header
      const isInTransportSum = frame.transportChecksumAt >= 0 && protocol !== Protocol.ICMP;
      const at = network + (name === "src" ? 12 : 16);
      return { ...number(at, 32), kind: "ipv4", isInIpSum: true, isInTransportSum };
    }
  }
  if (version === 6) {
    if (name === "ttl") return number(network + 7, 8);
    if (name === "flowLabel") {
      const keep = frame.view.getUint32(network) & 0xfff0_0000;
      return { ...number(network, 32), bits: 20, keep };
    }
    if (isAddress) {
      const isInTransportSum = frame.transportChecksumAt >= 0;
      const at = network + (name === "src" ? 8 : 24);
      return { ...number(at, 128), kind: "ipv6", isInTransportSum };
    }
  }
  return undefined;
}

function transportPlace(frame: TemplateFrame, name: string): Place | undefined {
  const { protocol, transport, version } = frame.headers;
  if (transport < 0) return undefined;
  const isTcp = protocol === Protocol.TCP;
  const type = frame.view.getUint8(transport);
  const isEcho = (version === 4 && protocol === Protocol.ICMP && (type === 8 || type === 0)) ||
    (version === 6 && protocol === Protocol.ICMPV6 && (type === 128 || type === 129));
  let place: Place | undefined;
  if (isTcp || protocol === Protocol.UDP) {
    if (name === "srcPort") place = number(transport, 16);
    if (name === "dstPort") place = number(transport + 2, 16);
  }
  if (isTcp && name === "sequence") place = number(transport + 4, 32);
  if (isTcp && name === "acknowledgment") place = number(transport + 8, 32);
  if (isEcho && name === "identifier") place = number(transport + 4, 16);
  if (isEcho && name === "sequence") place = number(transport + 6, 16);
  return place && { ...place, isInTransportSum: frame.transportChecksumAt >= 0 };
}

/** Two writers of one byte would each be right alone and make a wrong checksum together. */
function checkOverlap(fields: Field[]): void {
  const sorted = fields.filter((field) => field.isInTransportSum || field.isInIpSum)
    .sort((a, b) => a.offset - b.offset);
  for (let i = 1; i < sorted.length; i++) {
    const { offset, size } = sorted[i - 1];
    if (offset + size > sorted[i].offset) {
      throw new RangeError(
        `Cannot vary two fields over each other: bytes ${offset} to ${offset + size - 1} ` +
          `and from byte ${sorted[i].offset} of the frame`,
      );
    }
  }
}

/** The sum of the words that a field covers, as it takes part in a checksum. */
export function fieldSum(view: DataView, field: Field): number {
  let sum = 0;
  const end = field.offset + field.size;
  for (let at = field.offset; at < end; at++) {
    const isLow = (((at - field.offset) & 1) === 1) !== field.isOdd;
    sum += isLow ? view.getUint8(at) : view.getUint8(at) << 8;
  }
  return foldSum(sum);
}
