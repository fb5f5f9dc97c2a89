/**
 * Control messages: the header, the body and the options of a request in one buffer, which is what
 * `valet_control()` takes. Where netmap has pointers there are offsets from the buffer's start.
 *
 * There is one buffer for all, so what is read from it has to be read before the next request.
 *
 * @module
 */

import { API_VERSION, REQUEST_NAME_BYTES } from "./constants.ts";
import { HEADER, OPTION } from "./layout.ts";
import { show } from "./errors.ts";

/** Where the body stands in each message. */
export const BODY = HEADER.size;

/** Own requests, `c/uapi/valet_requests.h`: what netmap itself does not have. */
export const ValetRequest = {
  /** Read a bridge. */
  BRIDGE_GET: 0x5601,
  /** Set a bridge's ageing time. */
  BRIDGE_SET: 0x5602,
  /** Read some of the learning table. */
  TABLE_GET: 0x5603,
  /** Forget all stations. */
  TABLE_FLUSH: 0x5604,
  /** Set what decides about packets. */
  LOOKUP_SET: 0x5605,
  /** Read a port's counters. */
  PORT_GET: 0x5606,
  /** Read the names of persistent interfaces. */
  INTERFACES_GET: 0x560c,
  /** Read the memory parameters. */
  MEMORY_GET: 0x5610,
  /** Change some of them. */
  MEMORY_SET: 0x5611,
  /** Ask why there was no memory. */
  SHORTAGE_GET: 0x5612,
  /** Make an exclusive bridge. */
  BRIDGE_CREATE: 0x5607,
  /** End an exclusive bridge. */
  BRIDGE_DESTROY: 0x5608,
  /** Present the token of an exclusive bridge. */
  BRIDGE_TOKEN: 0x5609,
  /** Send a message to whoever serves a bridge's. */
  CONFIG_SEND: 0x560a,
  /** Get messages that others send, and answer them. */
  CONFIG_SERVE: 0x560b,
  /** VALE_ATTACH, with what it cannot say. */
  ATTACH: 0x5620,
} as const;

/** Own options of a REGISTER. */
export const ValetOption = {
  /** Which of the system's interfaces is meant. */
  INTERFACE: 0x5601,
} as const;

/** `struct valet_req_bridge`. */
export const BRIDGE = {
  size: 32,
  index: 0,
  ports: 4,
  lookup: 8,
  tableBuckets: 12,
  tableEntries: 16,
  ageingMs: 20,
  portLimit: 24,
} as const;

/** `struct valet_req_table`, and `struct valet_table_entry` in it. */
export const TABLE = {
  size: 8 + 64 * 16,
  cursor: 0,
  count: 4,
  entries: 8,
  entrySize: 16,
  /** In an entry. */
  entryMac: 0,
  /** In an entry. */
  entryPort: 8,
  /** In an entry. */
  entryAgeMs: 12,
} as const;

/** `struct valet_req_interfaces`. */
export const INTERFACES = {
  size: 8 + 32 * 16,
  cursor: 0,
  count: 4,
  names: 8,
  nameBytes: 16,
} as const;

/** `struct valet_req_token`. */
export const TOKEN = { size: 8, token: 0 } as const;

/** `struct valet_req_config`. */
export const CONFIG = {
  size: 16 + 256,
  ticket: 0,
  result: 4,
  waitMs: 8,
  done: 12,
  data: 16,
  dataBytes: 256,
} as const;

/** `struct valet_req_lookup`. */
export const LOOKUP = { size: 24, kind: 0, busy: 4, function: 8, context: 16 } as const;

/** `struct valet_req_attach`, which begins as `VALE_ATTACH`. */
export const ATTACH = {
  size: 392,
  device: 64,
  namespace: 68,
  namespaceBytes: 108,
  socket: 176,
  peer: 284,
  socketBytes: 108,
} as const;

/** `struct valet_opt_interface`. */
export const INTERFACE_OPTION = {
  size: 136,
  device: 24,
  namespace: 28,
  namespaceBytes: 108,
} as const;

/** `struct valet_req_port`; `drops` are u64 in the order of {@linkcode DROP_CAUSES}. */
export const PORT = {
  size: 72 + 17 * 8,
  bridge: 0,
  index: 4,
  txRings: 8,
  rxRings: 12,
  opens: 16,
  kind: 20,
  memId: 24,
  device: 28,
  /** In `device`. */
  deviceKind: 0xff,
  /** In `device`. */
  deviceNative: 0x100,
  /** In `device`. */
  deviceZeroCopy: 0x200,
  txPackets: 32,
  txBytes: 40,
  rxPackets: 48,
  rxBytes: 56,
  ringResets: 64,
  drops: 72,
} as const;

/** Room for the header, the longest body, and more options than netmap takes. */
const BYTES = BODY + 2 * 4096;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A request that is being made, or that has been answered. */
export class Message {
  /** The whole buffer. */
  readonly bytes: Uint8Array<ArrayBuffer> = new Uint8Array(BYTES);
  /** The same, to read and write fields: `BODY` + where they are in the body; little endian. */
  readonly view: DataView<ArrayBuffer> = new DataView(this.bytes.buffer);
  /** Bytes in use. */
  length = 0;
  /** Where the offset of the next option has to be written. */
  #link: number = HEADER.options;

  /**
   * Starts a request: all zero but the header.
   *
   * @param type `RequestType` or `ValetRequest`
   * @param name what goes into `nr_name`; may be empty
   * @param bodySize bytes of the body, 0 for a request without
   * @throws {TypeError} if the name is no text
   * @throws {RangeError} if it is too long
   * @throws {SyntaxError} if it has a NUL in it
   */
  begin(type: number, name: string, bodySize: number): this {
    const { bytes, view } = this;
    bytes.fill(0);
    view.setUint16(HEADER.version, API_VERSION, true);
    view.setUint16(HEADER.requestType, type, true);
    writeName(bytes.subarray(HEADER.name, HEADER.name + REQUEST_NAME_BYTES), name);
    if (bodySize > 0) view.setBigUint64(HEADER.body, BigInt(BODY), true);
    this.length = BODY + bodySize;
    this.#link = HEADER.options;
    return this;
  }

  /**
   * Adds an option, all zero but its type, behind what the message has so far.
   *
   * @param type `OptionType`
   * @param size bytes of the whole option; also written to `nro_size`, which options of variable
   * size need
   * @returns where it is in the message: `OPTION` and its own fields are relative to it. Its status
   * is at `OPTION.status` after the request
   */
  addOption(type: number, size: number): number {
    const at = (this.length + 7) & ~7;
    this.view.setBigUint64(this.#link, BigInt(at), true);
    this.view.setUint32(at + OPTION.optionType, type, true);
    this.view.setBigUint64(at + OPTION.optionSize, BigInt(size), true);
    this.#link = at + OPTION.next;
    this.length = at + size;
    return at;
  }

  /** The name in the header. */
  get name(): string {
    const name = this.bytes.subarray(HEADER.name, HEADER.name + REQUEST_NAME_BYTES);
    const end = name.indexOf(0);
    return decoder.decode(end < 0 ? name : name.subarray(0, end));
  }

  /** A u16 of the body. */
  u16(at: number): number {
    return this.view.getUint16(BODY + at, true);
  }

  /** A u32 of the body. */
  u32(at: number): number {
    return this.view.getUint32(BODY + at, true);
  }

  /** A u64 of the body, as a number: exact to 2^53. */
  u64(at: number): number {
    return this.u32(at + 4) * 0x1_0000_0000 + this.u32(at);
  }

  /** Writes a u16 of the body. */
  setU16(at: number, value: number): this {
    this.view.setUint16(BODY + at, value, true);
    return this;
  }

  /** Writes text into the body, with a NUL behind it: at most `size` bytes in all. */
  setText(at: number, size: number, value: string): this {
    writeName(this.bytes.subarray(BODY + at, BODY + at + size), value);
    return this;
  }

  /** The same at a place in the message, in an option. */
  writeText(at: number, size: number, value: string | number): void {
    writeName(this.bytes.subarray(at, at + size), String(value));
  }

  /** A text of the body, in `size` bytes that end with zeros. */
  text(at: number, size: number): string {
    const bytes = this.bytes.subarray(BODY + at, BODY + at + size);
    const end = bytes.indexOf(0);
    return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  /** Writes a u64 of the body. */
  setU64(at: number, value: bigint): this {
    this.view.setBigUint64(BODY + at, value, true);
    return this;
  }

  /** Writes a u32 of the body. */
  setU32(at: number, value: number): this {
    this.view.setUint32(BODY + at, value, true);
    return this;
  }
}

function writeName(field: Uint8Array, name: string): void {
  if (typeof name !== "string") {
    throw new TypeError(`Cannot use ${show(name)} as a name: expected a string`);
  }
  if (name.includes("\0")) {
    throw new SyntaxError(`Cannot use ${show(name)}: a name has no NUL in it`);
  }
  const bytes = encoder.encode(name);
  if (bytes.length >= field.length) {
    throw new RangeError(
      `Cannot use ${show(name)}: it takes ${bytes.length} bytes, a name has at most ${
        field.length - 1
      }`,
    );
  }
  field.set(bytes);
}
