/**
 * What a hook can read of its packet, with what it gives and how.
 *
 * @module
 */

import { Protocol } from "../packet/protocols.ts";
import { binary, both, cond, constant, get, input, load } from "./build_ir.ts";
import { type Headers, isOneOf } from "./headers.ts";
import type { Expression, Load, Local, Operator, Position } from "./ir.ts";
import type { Kind } from "./value.ts";

/** What a field's expression is made with. */
export interface FieldContext {
  /** The variables of the headers. */
  readonly headers: Headers;
  /** Place in the source. */
  readonly position: Position;
}

/** A property of a packet. */
export interface Field {
  /** What it gives. */
  readonly kind: Kind;
  /** Greatest number. The least is 0. */
  readonly hi: number;
  /** Its value. */
  readonly build: (context: FieldContext) => Expression;
}

const { TCP, UDP, SCTP } = Protocol;
const MAC_MAX = 0xffff_ffff_ffff;

function op(operator: Operator, left: Expression, right: Expression | number): Expression {
  return binary(operator, left, typeof right === "number" ? constant(right) : right);
}

/** A position that a condition around it has shown to be there. */
function present(local: Local): Expression {
  return get(local, { lo: Math.max(0, local.lo), hi: local.hi });
}

function loadAt(size: Load["size"], base: Local, offset: number, position: Position): Expression {
  return load(size, op("add", present(base), offset), position);
}

function number(hi: number, build: Field["build"]): Field {
  return { kind: "number", hi, build };
}

function condition(build: Field["build"]): Field {
  return { kind: "boolean", hi: 1, build };
}

function address(offset: number, arpOffset: number): Field {
  return number(0xffff_ffff, ({ headers, position }) =>
    cond(
      op("eq", get(headers.version), 4),
      loadAt(4, headers.network, offset, position),
      cond(headers.isArp(), loadAt(4, headers.network, arpOffset, position), constant(0)),
    ));
}

function transportPort(offset: number): Field {
  return number(0xffff, ({ headers, position }) =>
    cond(
      both(
        op("le", constant(0), get(headers.transport)),
        isOneOf(get(headers.protocol), [UDP, TCP, SCTP]),
      ),
      loadAt(2, headers.transport, offset, position),
      constant(0),
    ));
}

/** The properties of `LookupPacket` that are numbers or conditions, but `ring`. */
export const FIELDS: Readonly<Record<string, Field>> = {
  port: number(0xffff_ffff, () => input("port")),
  length: number(0xffff_ffff, () => input("length")),
  readableLength: number(0xffff, () => input("readable")),
  fragments: number(0xffff, () => input("fragments")),
  destinationMac: number(MAC_MAX, ({ position }) => load(6, constant(0), position)),
  sourceMac: number(MAC_MAX, ({ position }) => load(6, constant(6), position)),
  isBroadcast: condition(({ position }) => op("eq", load(6, constant(0), position), MAC_MAX)),
  isMulticast: condition(({ position }) =>
    both(
      op("le", constant(6), input("readable")),
      op("and", load(1, constant(0), position), 1),
    )
  ),
  etherType: number(0xffff, ({ headers }) => get(headers.etherType)),
  vlan: { kind: "optional", hi: 0xfff, build: ({ headers }) => get(headers.vlan) },
  isArp: condition(({ headers }) => headers.isArp()),
  isIpv4: condition(({ headers }) => op("eq", get(headers.version), 4)),
  isIpv6: condition(({ headers }) => op("eq", get(headers.version), 6)),
  isFragment: condition(({ headers }) => get(headers.fragment)),
  protocol: number(0xff, ({ headers }) => get(headers.protocol)),
  ttl: number(0xff, ({ headers, position }) =>
    cond(
      op("eq", get(headers.version), 4),
      loadAt(1, headers.network, 8, position),
      cond(
        op("eq", get(headers.version), 6),
        loadAt(1, headers.network, 7, position),
        constant(0),
      ),
    )),
  sourceIpv4: address(12, 14),
  destinationIpv4: address(16, 24),
  sourcePort: transportPort(0),
  destinationPort: transportPort(2),
  tcpFlags: number(0xff, ({ headers, position }) =>
    cond(
      both(op("le", constant(0), get(headers.transport)), op("eq", get(headers.protocol), TCP)),
      loadAt(1, headers.transport, 13, position),
      constant(0),
    )),
  arpOperation: number(
    0xffff,
    ({ headers, position }) =>
      cond(headers.isArp(), loadAt(2, headers.network, 6, position), constant(0)),
  ),
  payloadLength: number(0xffff, ({ headers }) =>
    cond(
      op("lt", get(headers.payload), 0),
      constant(0),
      op("max", constant(0), op("sub", get(headers.end), present(headers.payload))),
    )),
};

/** Those that no header has to be found for. */
export const DIRECT_FIELDS: readonly string[] = [
  "port",
  "length",
  "readableLength",
  "fragments",
  "destinationMac",
  "sourceMac",
  "isBroadcast",
  "isMulticast",
];

/** Functions of a packet that read a number at an offset, and its bytes. */
export const READERS: Readonly<Record<string, 1 | 2 | 4>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  getUint8: 1,
  getUint16: 2,
  getUint32: 4,
};

const TEXT = "it is a text; compare the number `sourceIpv4` or `destinationIpv4` with " +
  "one from parseIpv4(), passed in `constants`";
const MEMORY = "it is a place in this process's memory; read with u8(), u16() and u32(), which " +
  "count from the packet's beginning";

/** What cannot be read, and what to do instead. */
export const UNREADABLE: Readonly<Record<string, string>> = {
  sourceAddress: TEXT,
  destinationAddress: TEXT,
  toString: "it is a text; compare numbers",
  view: MEMORY,
  offset: MEMORY,
  networkOffset: MEMORY,
  transportOffset: MEMORY,
  payloadOffset: MEMORY,
  headers: MEMORY,
  bytes: MEMORY,
  copy: MEMORY,
  copyTo: "it can only be assigned; keep what you assign in a variable",
  index: "a compiled hook is not told the packet's place in its batch; count in a table",
};
