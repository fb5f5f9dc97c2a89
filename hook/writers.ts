/**
 * What a hook can write into its packet, step by step as `LookupPacket` of ffi/packet.ts does it.
 *
 * @module
 */

import { Protocol } from "../packet/protocols.ts";
import {
  binary,
  both,
  cond,
  constant,
  either,
  get,
  input,
  load,
  StatementBuilder,
} from "./build_ir.ts";
import type { Headers } from "./headers.ts";
import type { Expression, Load, Local, Operator, Position, Statement } from "./ir.ts";
import type { Names } from "./names.ts";

const { TCP, UDP } = Protocol;
/** Where the checksum is in headers of IPv4, TCP and UDP. */
const IPV4_CHECKSUM = 10, TCP_CHECKSUM = 16, UDP_CHECKSUM = 6;

/** Functions of a packet that write a number at an offset, and its bytes. */
export const WRITERS: Readonly<Record<string, 1 | 2 | 4>> = { setU8: 1, setU16: 2, setU32: 4 };

/** What a header's field is written with. */
export interface WriterContext {
  /** The variables of the headers. */
  readonly headers: Headers;
  /** For variables. */
  readonly names: Names;
  /** Place in the source. */
  readonly position: Position;
}

/** A function of a packet that replaces a field of a header. */
export interface FieldWriter {
  /** Bits that the value has to fit. */
  readonly bits: 16 | 32 | 48;
  /** The statements; `value` is a constant, or a variable that is not assigned again. */
  readonly build: (context: WriterContext, value: Expression) => Statement[];
}

function op(operator: Operator, left: Expression, right: Expression | number): Expression {
  return binary(operator, left, typeof right === "number" ? constant(right) : right);
}

/** A position that a condition around it has shown to be there. */
function present(local: Local): Expression {
  return get(local, { lo: Math.max(0, local.lo), hi: local.hi });
}

/** The 16-bit words of a number. */
function words(value: Expression, size: 2 | 4): Expression[] {
  return size === 2 ? [value] : [op("div", value, 0x10000), op("and", value, 0xffff)];
}

/** The ones' complement of a word. */
function inverted(word: Expression): Expression {
  return op("sub", constant(0xffff), word);
}

/** Writes a part of a packet with what depends on it. */
class Rewriting {
  readonly #context: WriterContext;
  readonly #build: StatementBuilder;

  constructor(context: WriterContext) {
    this.#context = context;
    this.#build = new StatementBuilder(context.position);
  }

  mac(at: number, value: Expression): Statement[] {
    const build = this.#build;
    return [
      build.if(op("le", constant(at + 6), input("readable")), [
        build.store(2, constant(at), op("div", value, 2 ** 32)),
        build.store(4, constant(at + 2), value),
      ]),
    ];
  }

  ipv4(offset: number, value: Expression): Statement[] {
    const { headers, names } = this.#context, build = this.#build;
    const old = names.local("old", 0, 0xffff_ffff);
    const at = op("add", present(headers.network), offset);
    return [
      build.if(op("eq", get(headers.version), 4), [
        build.set(old, this.#load(4, at)),
        build.store(4, at, value),
        ...this.#correct(op("add", present(headers.network), IPV4_CHECKSUM), get(old), value, 4),
        ...this.#transport(get(old), value, 4),
      ]),
    ];
  }

  port(offset: number, value: Expression): Statement[] {
    const { headers, names } = this.#context, build = this.#build;
    const old = names.local("old", 0, 0xffff);
    const at = op("add", present(headers.transport), offset);
    const protocol = get(headers.protocol);
    const isThere = both(
      op("le", constant(0), get(headers.transport)),
      either(op("eq", protocol, TCP), op("eq", protocol, UDP)),
    );
    return [
      build.if(isThere, [
        build.set(old, this.#load(2, at)),
        build.store(2, at, value),
        ...this.#transport(get(old), value, 2),
      ]),
    ];
  }

  /** Corrects the checksum of TCP or UDP. */
  #transport(old: Expression, value: Expression, size: 2 | 4): Statement[] {
    const { headers } = this.#context, build = this.#build;
    const protocol = get(headers.protocol), transport = present(headers.transport);
    const udp = op("add", transport, UDP_CHECKSUM);
    return [
      build.if(op("le", constant(0), get(headers.transport)), [
        build.if(
          op("eq", protocol, TCP),
          this.#correct(op("add", transport, TCP_CHECKSUM), old, value, size),
          [
            build.if(
              both(op("eq", protocol, UDP), op("ne", this.#load(2, udp), 0)),
              this.#correct(udp, old, value, size, true),
            ),
          ],
        ),
      ]),
    ];
  }

  /** RFC 1624, equation 3: the inverted checksum loses the old words and gains the new ones. */
  #correct(
    at: Expression,
    old: Expression,
    value: Expression,
    size: 2 | 4,
    isUdp = false,
  ): Statement[] {
    const { names } = this.#context, build = this.#build;
    const sum = [
      inverted(this.#load(2, at)),
      ...words(old, size).map(inverted),
      ...words(value, size),
    ].reduce((a, b) => op("add", a, b));
    const whole = names.local("sum", sum.lo, sum.hi);
    const once = this.#folded(whole);
    const folded = names.local("folded", once.lo, once.hi);
    const twice = this.#folded(folded);
    const checksum = names.local("checksum", 0, 0xffff);
    const written = inverted(op("and", twice, 0xffff));
    return [
      build.set(whole, sum),
      build.set(folded, once),
      build.set(checksum, written),
      build.store(
        2,
        at,
        isUdp ? cond(op("eq", get(checksum), 0), constant(0xffff), get(checksum)) : get(checksum),
      ),
    ];
  }

  #folded(sum: Local): Expression {
    return op("add", op("div", get(sum), 0x10000), op("and", get(sum), 0xffff));
  }

  #load(size: Load["size"], at: Expression): Expression {
    return load(size, at, this.#context.position);
  }
}

/** The functions of `LookupPacket` that replace a field. */
export const FIELD_WRITERS: Readonly<Record<string, FieldWriter>> = {
  setSourceMac: { bits: 48, build: (context, value) => new Rewriting(context).mac(6, value) },
  setDestinationMac: { bits: 48, build: (context, value) => new Rewriting(context).mac(0, value) },
  setSourceIpv4: { bits: 32, build: (context, value) => new Rewriting(context).ipv4(12, value) },
  setDestinationIpv4: {
    bits: 32,
    build: (context, value) => new Rewriting(context).ipv4(16, value),
  },
  setSourcePort: { bits: 16, build: (context, value) => new Rewriting(context).port(0, value) },
  setDestinationPort: {
    bits: 16,
    build: (context, value) => new Rewriting(context).port(2, value),
  },
};
