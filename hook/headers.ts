/**
 * Finding a packet's headers, in the intermediate form: step by step what `PacketHeaders.locate()` in
 * packet/packet_headers.ts does, so that a compiled hook sees what the function sees in V8. All positions
 * count from the packet's first byte.
 *
 * It comes in sections; a hook gets those that it asks for, each once, where it is first needed.
 *
 * @module
 */

import { EtherType, Protocol } from "../packet/protocols.ts";
import { MAX_EXTENSION_HEADERS, MAX_VLAN_TAGS } from "../packet/packet_headers.ts";
import {
  binary,
  both,
  cond,
  constant,
  either,
  get,
  input,
  load,
  not,
  StatementBuilder,
} from "./build_ir.ts";
import type { Expression, Load, Local, Operator, Position, Statement } from "./ir.ts";
import type { Names } from "./names.ts";

/** The sections; each needs those before it, but `payload` is part of `transport`. */
export type Section = "ethernet" | "network" | "transport";

const { VLAN, QINQ, QINQ_OLD, IPV4, IPV6, ARP } = EtherType;
const { HOP_BY_HOP, ROUTING, FRAGMENT, AH, DESTINATION_OPTIONS } = Protocol;
const { TCP, UDP, ICMP, ICMPV6, SCTP } = Protocol;

const READABLE_MAX = 0xffff;
const LAST_NETWORK = 14 + 4 * MAX_VLAN_TAGS;

/** A number, or an expression as it is. */
type Operand = Expression | number;

function expression(operand: Operand): Expression {
  return typeof operand === "number" ? constant(operand) : operand;
}

function op(operator: Operator, left: Operand, right: Operand): Expression {
  return binary(operator, expression(left), expression(right));
}

/** True if a value is one of some numbers. */
export function isOneOf(value: Expression, numbers: readonly number[]): Expression {
  return numbers.map((number) => op("eq", value, number)).reduce(either);
}

/** The variables that the sections fill, and the statements that do so. */
export class Headers {
  readonly #names: Names;
  readonly #position: Position;
  readonly #build: StatementBuilder;
  readonly #readable = input("readable");

  /** EtherType behind all VLAN tags, 0 when cut off. */
  readonly etherType: Local;
  /** Identifier of the outermost VLAN tag, -1 without one. */
  readonly vlan: Local;
  /** Where what follows Ethernet and VLAN tags begins, -1 when cut off. */
  readonly network: Local;
  /** 4 or 6 with a complete IP header, else 0. */
  readonly version: Local;
  /** IP protocol, 0 when unknown. */
  readonly protocol: Local;
  /** 1 in each fragment of a datagram. */
  readonly fragment: Local;
  /** Where the transport header begins, -1 without a complete one. */
  readonly transport: Local;
  /** Where what follows the innermost known header begins, -1 when cut off. */
  readonly payload: Local;
  /** Where the datagram ends. */
  readonly end: Local;

  /** The variables are made now, and dropped with all others that are never read. */
  constructor(names: Names, position: Position) {
    this.#names = names;
    this.#position = position;
    this.#build = new StatementBuilder(position);
    this.etherType = names.local("etherType", 0, 0xffff);
    this.vlan = names.local("vlan", -1, 0xfff);
    this.network = names.local("network", -1, LAST_NETWORK);
    this.version = names.local("version", 0, 6);
    this.protocol = names.local("protocol", 0, 0xff);
    this.fragment = names.local("fragment", 0, 1);
    this.transport = names.local("transport", -1, READABLE_MAX);
    this.payload = names.local("payload", -1, READABLE_MAX);
    this.end = names.local("end", 0, READABLE_MAX);
  }

  /** The section that fills a variable. */
  sectionOf(local: Local): Section | undefined {
    if (local === this.etherType || local === this.vlan || local === this.network) {
      return "ethernet";
    }
    if (local === this.version) return "network";
    const rest = [this.protocol, this.fragment, this.transport, this.payload, this.end];
    return rest.includes(local) ? "transport" : undefined;
  }

  /** A section's statements; `reads` are the variables that what comes behind them reads. */
  statements(section: Section, reads: ReadonlySet<Local>): Statement[] {
    if (section === "ethernet") return this.#ethernet(reads.has(this.vlan));
    return section === "network" ? this.#networkSection() : this.#transportSection();
  }

  /** True for ARP for IPv4 over Ethernet with all of its bytes. */
  isArp(): Expression {
    const network = get(this.network, { lo: 14, hi: LAST_NETWORK });
    return [
      op("le", op("add", network, 28), this.#readable),
      op("eq", this.#load(4, network), 0x0001_0800),
      op("eq", this.#load(2, op("add", network, 4)), 0x0604),
    ].reduce(both, op("eq", get(this.etherType), ARP));
  }

  #load(size: Load["size"], at: Operand): Expression {
    return load(size, expression(at), this.#position);
  }

  #ethernet(withVlan: boolean): Statement[] {
    const { etherType, vlan, network } = this;
    const build = this.#build, names = this.#names;
    const at = names.local("at", 14, LAST_NETWORK);
    const type = names.local("type", 0, 0xffff);
    const tags = names.local("tags", 0, MAX_VLAN_TAGS);
    const all = names.label(), loop = names.label();
    const next = op("add", get(at, { lo: 14, hi: LAST_NETWORK - 4 }), 4);
    return [
      build.set(etherType, constant(0)),
      build.set(vlan, constant(-1)),
      build.set(network, constant(-1)),
      build.block(all, [
        build.if(op("lt", this.#readable, 14), [build.break(all)]),
        build.set(at, constant(14)),
        build.set(tags, constant(0)),
        build.set(type, this.#load(2, 12)),
        build.loop(loop, MAX_VLAN_TAGS + 1, [
          build.usually(not(isOneOf(get(type), [VLAN, QINQ, QINQ_OLD])), [build.break(loop)]),
          build.if(op("eq", get(tags), MAX_VLAN_TAGS), [build.break(all)]),
          ...(withVlan ? [this.#outermostTag(at)] : []),
          build.set(at, next),
          build.if(op("lt", this.#readable, get(at)), [build.break(all)]),
          build.set(type, this.#load(2, op("sub", get(at), 2))),
          build.set(tags, op("add", get(tags, { lo: 0, hi: MAX_VLAN_TAGS - 1 }), 1)),
        ]),
        build.set(etherType, get(type)),
        build.set(network, get(at)),
      ]),
    ];
  }

  #outermostTag(at: Local): Statement {
    const isThere = op("le", op("add", get(at), 2), this.#readable);
    return this.#build.if(both(op("lt", get(this.vlan), 0), isThere), [
      this.#build.set(this.vlan, op("and", this.#load(2, get(at)), 0xfff)),
    ]);
  }

  #networkSection(): Statement[] {
    const build = this.#build, names = this.#names, { version } = this;
    const network = get(this.network, { lo: 14, hi: LAST_NETWORK });
    const first = names.local("first", 0, 0xff);
    const headerLength = op("mul", op("and", get(first), 15), 4);
    const complete = [
      op("le", 20, headerLength),
      op("le", op("add", network, headerLength), this.#readable),
    ].reduce(both, op("eq", op("shr", get(first), 4), 4));
    return [
      build.set(version, constant(0)),
      build.if(op("eq", get(this.etherType), IPV4), [
        build.set(first, this.#load(1, network)),
        build.if(complete, [build.set(version, constant(4))]),
      ], [
        build.if(
          [
            op("le", op("add", network, 40), this.#readable),
            op("eq", op("shr", this.#load(1, network), 4), 6),
          ].reduce(both, op("eq", get(this.etherType), IPV6)),
          [build.set(version, constant(6))],
        ),
      ]),
    ];
  }

  #transportSection(): Statement[] {
    const build = this.#build, names = this.#names;
    const { protocol, transport, payload, end, version } = this;
    const header = names.local("header", -1, READABLE_MAX);
    const at = get(header, { lo: 0, hi: READABLE_MAX });
    const type = get(this.etherType), network = get(this.network);
    const isPlain = op("ne", type, IPV4);
    const behindEthernet = cond(
      both(isPlain, op("ne", type, IPV6)),
      cond(
        op("eq", type, ARP),
        cond(
          op("le", op("add", network, 28), this.#readable),
          op("add", network, cond(this.isArp(), constant(28), constant(0))),
          constant(-1),
        ),
        network,
      ),
      constant(-1),
    );
    const length = names.local("length", 0, 60);
    const isTcp = op("eq", get(protocol), TCP);
    return [
      build.set(protocol, constant(0)),
      build.set(this.fragment, constant(0)),
      build.set(transport, constant(-1)),
      build.set(header, constant(-1)),
      build.set(payload, behindEthernet),
      build.set(end, this.#readable),
      build.if(op("eq", get(version), 4), this.#ipv4(header), [
        build.if(op("eq", get(version), 6), this.#ipv6(header)),
      ]),
      build.if(op("le", 0, get(header)), [
        build.set(length, minimumLength(get(protocol))),
        build.if(op("le", op("add", at, get(length)), get(end)), [
          build.set(transport, at),
          build.if(isTcp, [
            build.set(length, op("mul", op("shr", this.#load(1, op("add", at, 12)), 4), 4)),
          ]),
          build.if(
            both(
              either(not(isTcp), op("le", 20, get(length))),
              op("le", op("add", at, get(length)), get(end)),
            ),
            [build.set(payload, this.#bounded(op("add", at, get(length))))],
          ),
        ]),
      ]),
    ];
  }

  /** A position that was compared with the end already. */
  #bounded(position: Expression): Expression {
    return { ...position, hi: Math.min(position.hi, READABLE_MAX) };
  }

  #ipv4(header: Local): Statement[] {
    const build = this.#build, names = this.#names;
    const network = get(this.network, { lo: 14, hi: LAST_NETWORK });
    const start = names.local("start", 0, 0xffff_ffff);
    const middle = names.local("middle", 0, 0xffff_ffff);
    const length = op("and", op("shr", get(start), 22), 0x3c);
    const total = op("and", get(start), 0xffff);
    const stop = op("add", network, op("max", total, length));
    const behind = op("add", network, length);
    return [
      build.set(start, this.#load(4, network)),
      build.set(middle, this.#load(4, op("add", network, 6))),
      build.set(this.protocol, op("and", get(middle), 0xff)),
      build.set(this.fragment, op("ne", op("and", get(middle), 0x3fff_0000), 0)),
      build.if(op("ne", total, 0), [build.set(this.end, op("min", stop, this.#readable))]),
      build.if(op("ne", op("and", get(middle), 0x1fff_0000), 0), [
        build.set(this.payload, behind),
      ], [
        build.set(header, behind),
      ]),
    ];
  }

  #ipv6(header: Local): Statement[] {
    const build = this.#build, names = this.#names;
    const network = get(this.network, { lo: 14, hi: LAST_NETWORK });
    const length = names.local("length", 0, 0xffff);
    const next = names.local("next", 0, 0xff);
    const at = names.local("at", 0, READABLE_MAX + 256 * 8);
    const known = get(at, { lo: 0, hi: READABLE_MAX });
    const headers = names.local("headers", 0, MAX_EXTENSION_HEADERS);
    const following = names.local("following", 0, 0xff);
    const units = op("add", this.#load(1, op("add", known, 1)), 1);
    const word = names.local("word", 0, 0xffff);
    const all = names.label(), loop = names.label();
    const isExtension = isOneOf(get(next), [
      HOP_BY_HOP,
      ROUTING,
      FRAGMENT,
      AH,
      DESTINATION_OPTIONS,
    ]);
    return [
      build.set(length, this.#load(2, op("add", network, 4))),
      build.if(op("ne", get(length), 0), [
        build.set(
          this.end,
          op("min", this.#readable, op("add", op("add", network, 40), get(length))),
        ),
      ]),
      build.set(next, this.#load(1, op("add", network, 6))),
      build.set(at, op("add", network, 40)),
      build.set(headers, constant(0)),
      build.block(all, [
        build.loop(loop, MAX_EXTENSION_HEADERS + 1, [
          build.usually(not(isExtension), [build.break(loop)]),
          build.if(op("eq", get(headers), MAX_EXTENSION_HEADERS), [build.break(all)]),
          build.if(op("lt", get(this.end), op("add", known, 8)), [build.break(all)]),
          build.set(following, this.#load(1, known)),
          build.if(op("eq", get(next), FRAGMENT), [
            build.set(word, this.#load(2, op("add", known, 2))),
            build.if(op("ne", op("and", get(word), 0xfff9), 0), [
              build.set(this.fragment, constant(1)),
            ]),
            build.set(at, op("add", known, 8)),
            build.if(op("ne", op("and", get(word), 0xfff8), 0), [
              build.set(this.protocol, get(following)),
              build.set(this.payload, this.#bounded(get(at))),
              build.break(all),
            ]),
          ], [
            build.set(
              at,
              op(
                "add",
                known,
                cond(
                  op("eq", get(next), AH),
                  op("mul", op("add", units, 1), 4),
                  op("mul", units, 8),
                ),
              ),
            ),
          ]),
          build.if(op("lt", get(this.end), get(at)), [build.break(all)]),
          build.set(next, get(following)),
          build.set(headers, op("add", get(headers, { lo: 0, hi: MAX_EXTENSION_HEADERS - 1 }), 1)),
        ]),
        build.set(this.protocol, get(next)),
        build.set(header, this.#bounded(get(at))),
      ]),
    ];
  }
}

/** Bytes that a transport header has at least. */
function minimumLength(protocol: Expression): Expression {
  return cond(
    op("eq", protocol, TCP),
    constant(20),
    cond(
      isOneOf(protocol, [UDP, ICMP, ICMPV6]),
      constant(8),
      cond(op("eq", protocol, SCTP), constant(12), constant(0)),
    ),
  );
}
