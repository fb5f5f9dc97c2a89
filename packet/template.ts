import { foldSum } from "./checksum.ts";
import { arpFrame, icmpEchoFrame, tcpFrame, udpFrame } from "./frame_builder.ts";
import { Protocol } from "./protocols.ts";
import { summary } from "./summary.ts";
import { analyseFrame, compileFields, type Field, fieldSum } from "./template_fields.ts";
import { TemplateColumns } from "./template_columns.ts";
import { compileLength, type LengthField, lengthSequence } from "./template_length.ts";
import { fold, write16, writeField } from "./template_write.ts";
import type {
  ArpOptions,
  EthernetOptions,
  IcmpEchoOptions,
  RawOptions,
  TcpOptions,
  UdpOptions,
  VaryOptions,
} from "./template_options.ts";

/**
 * A packet to send many times, with fields that change from one packet to the next.
 *
 * The template is compiled once to bytes and a list of places to patch. `writeTo()` then copies
 * the bytes into a buffer and patches them, `patch()` only patches a buffer that already holds the
 * packet; neither allocates, and checksums are updated from the changed words alone (RFC 1624).
 *
 * @example
 * ```ts
 * import { increment, PacketTemplate, verifyChecksums } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const template = PacketTemplate.udp({
 *   src: "10.0.0.1:1234",
 *   dst: "10.1.0.1:1234",
 *   length: 60,
 *   vary: { srcPort: increment(1024, 1, 1000) },
 * });
 * const buffer = new Uint8Array(2048);
 * const length = template.writeTo(buffer, 0);
 * assert.equal(length, 60);
 * assert.equal(
 *   template.toString(),
 *   "IP 10.0.0.1.1234 > 10.1.0.1.1234: UDP, length 18",
 * );
 * assert.deepEqual(verifyChecksums(buffer.subarray(0, length)), { ipv4: true, transport: true });
 * ```
 */
export class PacketTemplate {
  #bytes: Uint8Array;
  #maxLength: number;
  #fields: Field[];
  #length: LengthField | null = null;
  #ipChecksumAt: number;
  #ipBase = 0;
  #transportChecksumAt: number;
  #transportBase = 0;
  /** What a transport checksum of 0 is written as: UDP keeps 0 for "none". */
  #zero = 0;
  /** How several packets are patched at once; undefined where that has to be done one by one. */
  #columns: TemplateColumns | undefined;

  private constructor(bytes: Uint8Array, vary: VaryOptions) {
    const frame = analyseFrame(bytes);
    const fields = this.#fields = compileFields(frame, vary);
    if (vary.length !== undefined) {
      this.#length = compileLength(frame, lengthSequence(vary.length), fields);
    }
    this.#bytes = bytes.subarray(0, this.#length?.sequence.high ?? bytes.length);
    this.#maxLength = this.#bytes.length;
    const isInIpSum = this.#length?.isIpv4 === true || fields.some((field) => field.isInIpSum);
    const isInTransportSum = this.#length !== null ||
      fields.some((field) => field.isInTransportSum);
    this.#ipChecksumAt = isInIpSum ? frame.ipChecksumAt : -1;
    this.#transportChecksumAt = isInTransportSum ? frame.transportChecksumAt : -1;
    this.#zero = frame.headers.protocol === Protocol.UDP ? 0xffff : 0;
    this.#setBases(frame.view);
    if (this.#length === null) {
      this.#columns = TemplateColumns.of(fields, {
        ipAt: this.#ipChecksumAt,
        ipBase: this.#ipBase,
        transportAt: this.#transportChecksumAt,
        transportBase: this.#transportBase,
        zero: this.#zero,
      });
    }
  }

  /** The sums of all that stays: the complement of each checksum, less the words that vary. */
  #setBases(view: DataView): void {
    let ip = 0, transport = 0;
    if (this.#ipChecksumAt >= 0) ip = ~view.getUint16(this.#ipChecksumAt) & 0xffff;
    if (this.#transportChecksumAt >= 0) {
      transport = ~view.getUint16(this.#transportChecksumAt) & 0xffff;
    }
    for (const field of this.#fields) {
      const removed = ~fieldSum(view, field) & 0xffff;
      if (field.isInIpSum) ip += removed;
      if (field.isInTransportSum) transport += removed;
    }
    const length = this.#length;
    if (length !== null) {
      if (length.isIpv4) ip += ~view.getUint16(length.ipLengthAt) & 0xffff;
      transport += ~length.ownSum & 0xffff;
    }
    this.#ipBase = foldSum(ip);
    this.#transportBase = foldSum(transport);
  }

  /**
   * A UDP datagram in IPv4 or IPv6, as the addresses are.
   *
   * @throws {SyntaxError} when an address cannot be parsed.
   * @throws {RangeError} when a number does not fit its field or the payload not the length.
   * @throws {TypeError} when a field is varied that the packet does not have.
   * @example
   * ```ts
   * import { PacketTemplate } from "@valet/valet/packet";
   * import assert from "node:assert/strict";
   *
   * const template = PacketTemplate.udp({ src: "[2001:db8::1]:7", dst: "[2001:db8::2]:9" });
   * assert.equal(`${template}`, "IP6 2001:db8::1.7 > 2001:db8::2.9: UDP, length 0");
   * ```
   */
  static udp(options: UdpOptions): PacketTemplate {
    return build(options, (length) => udpFrame(options, length), PacketTemplate.#make);
  }

  /**
   * A TCP segment in IPv4 or IPv6; errors as for `udp()`.
   *
   * @example
   * ```ts
   * import { PacketTemplate } from "@valet/valet/packet";
   * import assert from "node:assert/strict";
   *
   * const template = PacketTemplate.tcp({ src: "10.0.0.1:7", dst: "10.0.0.2:80", flags: "S" });
   * assert.equal(
   *   `${template}`,
   *   "IP 10.0.0.1.7 > 10.0.0.2.80: Flags [S], seq 0, win 65535, length 0",
   * );
   * ```
   */
  static tcp(options: TcpOptions): PacketTemplate {
    return build(options, (length) => tcpFrame(options, length), PacketTemplate.#make);
  }

  /**
   * An ICMP or ICMPv6 echo request or reply; errors as for `udp()`.
   *
   * @example
   * ```ts
   * import { PacketTemplate } from "@valet/valet/packet";
   * import assert from "node:assert/strict";
   *
   * const template = PacketTemplate.icmpEcho({ src: "10.0.0.1", dst: "10.0.0.2", payload: "hi" });
   * assert.equal(
   *   `${template}`,
   *   "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 10",
   * );
   * ```
   */
  static icmpEcho(options: IcmpEchoOptions): PacketTemplate {
    return build(options, (length) => icmpEchoFrame(options, length), PacketTemplate.#make);
  }

  /**
   * An ARP request or reply for IPv4; errors as for `udp()`.
   *
   * @example
   * ```ts
   * import { PacketTemplate } from "@valet/valet/packet";
   * import assert from "node:assert/strict";
   *
   * const template = PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" });
   * assert.equal(`${template}`, "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 46");
   * ```
   */
  static arp(options: ArpOptions): PacketTemplate {
    return build(options, (length) => arpFrame(options, length), PacketTemplate.#make);
  }

  /**
   * Any Ethernet frame, for example one out of a capture; the bytes are copied. Fields are found in
   * its headers. Checksums are updated, not recomputed: a wrong one stays wrong by the same amount
   * (see `fillChecksums()`), and an absent UDP checksum stays absent.
   *
   * @throws {RangeError} when the frame has less than 14 or more than 65535 bytes.
   * @example
   * ```ts
   * import { increment, PacketTemplate } from "@valet/valet/packet";
   * import assert from "node:assert/strict";
   *
   * const frame = Uint8Array.fromHex("ffffffffffff02000000000188b5" + "00".repeat(46));
   * const template = PacketTemplate.raw(frame, {
   *   vary: { payload: { offset: 0, bits: 32, values: increment(1) } },
   * });
   * const [first, second] = template.packets(2);
   * assert.equal(first[17], 1);
   * assert.equal(second[17], 2);
   * ```
   */
  static raw(bytes: Uint8Array, options: RawOptions = {}): PacketTemplate {
    if (bytes.length < 14 || bytes.length > 65535) {
      throw new RangeError(
        `Cannot make a template of ${bytes.length} bytes: an Ethernet frame has 14 to 65535`,
      );
    }
    return PacketTemplate.#make(bytes.slice(), options.vary ?? {});
  }

  static #make(this: void, bytes: Uint8Array, vary: VaryOptions): PacketTemplate {
    return new PacketTemplate(bytes, vary);
  }

  /** Bytes of the longest packet, which `writeTo()` and `patch()` need room for. */
  get maxLength(): number {
    return this.#bytes.length;
  }

  /** Bytes of the shortest packet. */
  get minLength(): number {
    return this.#length?.sequence.low ?? this.#bytes.length;
  }

  /** True when packets differ from each other. */
  get isVarying(): boolean {
    return this.#fields.length > 0 || this.#length !== null;
  }

  /**
   * Writes the next packet at `offset`, advances the variation, returns the packet's length.
   * Up to `maxLength` bytes are written, also when this packet is shorter.
   *
   * @throws {RangeError} when there are not `maxLength` bytes at the offset; nothing changes then.
   */
  writeTo(bytes: Uint8Array, offset = 0): number {
    this.#checkRoom(bytes, offset);
    bytes.set(this.#bytes, offset);
    return this.#apply(bytes, offset);
  }

  /**
   * Turns the packet at `offset`, which this template has written before, into the next one:
   * touches only what varies and the checksums. Returns the packet's length.
   *
   * @throws {RangeError} when there are not `maxLength` bytes at the offset; nothing changes then.
   * @example
   * ```ts
   * import { increment, PacketTemplate } from "@valet/valet/packet";
   * import assert from "node:assert/strict";
   *
   * const template = PacketTemplate.icmpEcho({
   *   src: "10.0.0.1",
   *   dst: "10.1.0.1",
   *   vary: { sequence: increment(1) },
   * });
   * const buffer = new Uint8Array(2048);
   * template.writeTo(buffer);
   * template.patch(buffer);
   * assert.equal(buffer[41], 2);
   * ```
   */
  patch(bytes: Uint8Array, offset = 0): number {
    this.#checkRoom(bytes, offset);
    return this.#apply(bytes, offset);
  }

  /** Most packets that `patchAll()` takes. */
  static readonly BATCH = 256;

  /**
   * As `patch()` for several packets at once, which takes a third of the time.
   *
   * @param offsets where the packets are, all of them written by this template before
   * @param lengths becomes the packets' lengths
   * @param count packets, at most `PacketTemplate.BATCH`
   * @throws {RangeError} when there are not `maxLength` bytes at an offset; nothing changes then.
   * @example
   * ```ts
   * import { increment, PacketTemplate } from "@valet/valet/packet";
   * import assert from "node:assert/strict";
   *
   * const template = PacketTemplate.icmpEcho({
   *   src: "10.0.0.1",
   *   dst: "10.1.0.1",
   *   vary: { sequence: increment(1) },
   * });
   * const buffer = new Uint8Array(4096);
   * const offsets = Int32Array.of(0, 2048), lengths = new Uint32Array(2);
   * for (const offset of offsets) template.writeTo(buffer, offset);
   * template.patchAll(buffer, offsets, lengths, 2);
   * assert.deepEqual([buffer[41], buffer[2048 + 41]], [3, 4]);
   * ```
   */
  patchAll(bytes: Uint8Array, offsets: Int32Array, lengths: Uint32Array, count: number): void {
    const { BATCH } = PacketTemplate;
    if (!(count >= 0 && count <= BATCH && count <= offsets.length && count <= lengths.length)) {
      throw new RangeError(
        `Cannot patch ${count} packets: at most ${BATCH}, and as many as there are places for`,
      );
    }
    for (let i = 0; i < count; i++) this.#checkRoom(bytes, offsets[i]);
    if (this.patchPlaces(bytes, offsets, 0, count)) lengths.fill(this.#maxLength, 0, count);
    else for (let i = 0; i < count; i++) lengths[i] = this.#apply(bytes, offsets[i]);
  }

  /**
   * As `patchAll()` for packets of `maxLength` whose places, from the index `first` on, are known to lie
   * within the bytes. Returns false, with nothing done, for templates that go packet by packet.
   */
  patchPlaces(bytes: Uint8Array, places: Int32Array, first: number, count: number): boolean {
    if (this.#columns === undefined) return false;
    this.#columns.patch(bytes, places, first, count);
    return true;
  }

  /** The next packet as an array of its own; advances the variation. */
  next(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#bytes.length);
    const length = this.writeTo(bytes);
    return length === bytes.length ? bytes : bytes.slice(0, length);
  }

  /** The next `count` packets, each an array of its own. */
  *packets(count: number): Generator<Uint8Array<ArrayBuffer>> {
    for (let i = 0; i < count; i++) yield this.next();
  }

  /** Starts all variations again. */
  reset(): void {
    for (const field of this.#fields) field.sequence.reset();
    this.#length?.sequence.reset();
  }

  /** One line about the packet as it was built, without its variation. */
  toString(): string {
    return summary(this.#bytes);
  }

  /** What `console.log(template)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return `PacketTemplate { ${this.toString()} }`;
  }

  #checkRoom(bytes: Uint8Array, offset: number): void {
    if (!(offset >= 0 && offset + this.#maxLength <= bytes.length)) {
      throw new RangeError(
        `Cannot write a packet of ${this.#bytes.length} bytes at ${offset}: ` +
          `the array has ${bytes.length} bytes`,
      );
    }
  }

  #apply(bytes: Uint8Array, at: number): number {
    let ip = this.#ipBase, transport = this.#transportBase;
    const fields = this.#fields;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i];
      const sum = writeField(field, bytes, at + field.offset);
      if (field.twin >= 0) {
        bytes.copyWithin(at + field.twin, at + field.offset, at + field.offset + 6);
      }
      if (field.isInIpSum) ip += sum;
      if (field.isInTransportSum) transport += sum;
    }
    let frameLength = this.#maxLength;
    const length = this.#length;
    if (length !== null) {
      frameLength = length.sequence.next();
      transport += length.sums[frameLength - length.sequence.low];
      if (length.ipLengthAt >= 0) {
        const ipLength = frameLength - length.beforeIp;
        if (length.isIpv4) ip += ipLength;
        write16(bytes, at + length.ipLengthAt, ipLength);
      }
      if (length.udpLengthAt >= 0) {
        write16(bytes, at + length.udpLengthAt, frameLength - length.beforeUdp);
      }
    }
    if (this.#ipChecksumAt >= 0) write16(bytes, at + this.#ipChecksumAt, ~fold(ip) & 0xffff);
    if (this.#transportChecksumAt >= 0) {
      const checksum = ~fold(transport) & 0xffff;
      write16(bytes, at + this.#transportChecksumAt, checksum === 0 ? this.#zero : checksum);
    }
    return frameLength;
  }
}

function build(
  options: EthernetOptions,
  frame: (length: number | undefined) => Uint8Array,
  make: (bytes: Uint8Array, vary: VaryOptions) => PacketTemplate,
): PacketTemplate {
  const vary = options.vary ?? {};
  if (vary.length !== undefined && options.length !== undefined) {
    throw new TypeError("Cannot use both length and vary.length: leave one of them out");
  }
  // Built as the longest packet that can come
  const length = vary.length === undefined ? options.length : lengthSequence(vary.length).high;
  return make(frame(length), vary);
}
