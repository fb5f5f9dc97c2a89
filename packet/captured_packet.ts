import { LinkType } from "./protocols.ts";
import { notebookForm } from "./notebook.ts";
import { summary } from "./summary.ts";

/** A packet to put into a capture file; a {@linkcode CapturedPacket} is one too. */
export interface CaptureRecord {
  /** The packet's bytes, from the Ethernet header on, without its checksum. */
  readonly data: Uint8Array;
  /** Whole seconds since 1970-01-01 UTC; 0 by default. */
  readonly seconds?: number;
  /** The rest of the time, 0 to 999,999,999; 0 by default. */
  readonly nanoseconds?: number;
  /** The time as nanoseconds since 1970-01-01 UTC, in place of the two numbers. */
  readonly timestamp?: bigint;
  /** Bytes that the packet had on the wire; those of `data` by default. */
  readonly originalLength?: number;
  /** pcapng: which of the writer's interfaces, 0 by default. */
  readonly interfaceId?: number;
  /** pcapng: a remark. */
  readonly comment?: string | undefined;
}

/**
 * A packet out of a capture file. `data` is a part of the memory that the file was read into, not
 * a copy.
 *
 * @example
 * ```ts
 * import { PacketTemplate, readCapture, writeCapture } from "@valet/valet/packet";
 * import assert from "node:assert/strict";
 *
 * const data = PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" }).next();
 * const file = writeCapture([{ data, timestamp: 1_700_000_000_123_456_789n }]);
 * const [packet] = readCapture(file);
 * assert.equal(packet.seconds, 1_700_000_000);
 * assert.equal(packet.nanoseconds, 123_456_789);
 * assert.equal(`${packet}`, "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 46");
 * ```
 */
export class CapturedPacket implements CaptureRecord {
  /** The captured bytes. */
  readonly data: Uint8Array;
  /** Whole seconds since 1970-01-01 UTC; 0 where the file has no time (simple packet blocks). */
  readonly seconds: number;
  /** The rest of the time, 0 to 999,999,999. */
  readonly nanoseconds: number;
  /** Bytes that the packet had on the wire, at least those of `data`. */
  readonly originalLength: number;
  /** Kind of link, see `LinkType`. */
  readonly linkType: number;
  /** pcapng: number of the interface within its section; 0 in pcap. */
  readonly interfaceId: number;
  /** pcapng: the first comment of the packet. */
  readonly comment: string | undefined;

  /** Made by the readers. */
  constructor(
    data: Uint8Array,
    seconds: number,
    nanoseconds: number,
    originalLength: number,
    linkType: number,
    interfaceId = 0,
    comment?: string,
  ) {
    this.data = data;
    this.seconds = seconds;
    this.nanoseconds = nanoseconds;
    this.originalLength = originalLength;
    this.linkType = linkType;
    this.interfaceId = interfaceId;
    this.comment = comment;
  }

  /** The time as nanoseconds since 1970-01-01 UTC. Makes a bigint: not for each of millions. */
  get timestamp(): bigint {
    return BigInt(this.seconds) * 1_000_000_000n + BigInt(this.nanoseconds);
  }

  /** One line about the packet, see `summary()`. */
  toString(): string {
    if (this.linkType === LinkType.ETHERNET) return summary(this.data);
    return `link type ${this.linkType}, length ${this.data.length}`;
  }

  /** What `console.log(packet)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    const fraction = String(this.nanoseconds).padStart(9, "0");
    return `CapturedPacket { ${this.seconds}.${fraction} ${this.toString()} }`;
  }

  /** What a Jupyter notebook shows: the line, below which the bytes open. */
  [Symbol.for("Jupyter.display")](): Record<string, string> {
    return notebookForm(this.toString(), this.data);
  }
}
