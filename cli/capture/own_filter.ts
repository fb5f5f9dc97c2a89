/**
 * The part of tcpdump's filter syntax that valet understands by itself, for systems without libpcap:
 *
 * ```text
 * filter  := term {"or" term}          also "||"
 * term    := factor {["and"] factor}   also "&&"
 * factor  := "not" factor | "(" filter ")" | primitive   also "!"
 * primitive := ether | ip | ip6 | arp | tcp | udp | icmp | icmp6 | vlan [number] | broadcast | multicast
 *            | [tcp | udp | ip | ip6 | arp] [src | dst] (host ADDRESS | net ADDRESS/BITS | port NUMBER | portrange A-B)
 *            | ether [src | dst] host MAC | less BYTES | greater BYTES
 * ```
 *
 * What it does not understand it refuses. Unlike libpcap's, `ip` and the others look behind VLAN tags, and
 * `icmp6`, `tcp` and `udp` behind IPv6's extension headers.
 *
 * Pure.
 *
 * @module
 */

import { parseIpv4, parseIpv6, parseMac } from "../../mod.ts";
import { type PacketView, Protocol } from "../../packet/mod.ts";

/** Whether a packet matches. */
export type Predicate = (packet: PacketView, bytes: Uint8Array) => boolean;

/** What is understood, in one line. */
export const OWN_SYNTAX =
  "and, or, not, ( ), ip, ip6, arp, tcp, udp, icmp, icmp6, vlan [N], broadcast, " +
  "multicast, [src|dst] host|net|port|portrange, ether [src|dst] host, less, greater";

const PROTOCOLS: Readonly<Record<string, Predicate>> = {
  ip: (packet) => packet.isIpv4,
  ip6: (packet) => packet.isIpv6,
  arp: (packet) => packet.isArp,
  tcp: (packet) => packet.protocol === Protocol.TCP,
  udp: (packet) => packet.protocol === Protocol.UDP,
  icmp: (packet) => packet.isIpv4 && packet.protocol === Protocol.ICMP,
  icmp6: (packet) => packet.isIpv6 && packet.protocol === Protocol.ICMPV6,
  broadcast: (packet) => packet.isBroadcast,
  multicast: (packet) => packet.isMulticast,
};

const QUALIFIED = ["host", "net", "port", "portrange"];

/**
 * Reads a filter.
 *
 * @throws {SyntaxError} if it is none, or of the part that only libpcap understands
 */
export function parseOwnFilter(text: string): Predicate {
  return new Parser(text).parse();
}

class Parser {
  readonly #text: string;
  readonly #words: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#words = text.replace(/&&/g, " and ").replace(/\|\|/g, " or ").replace(/!/g, " not ")
      .replace(/[()]/g, " $& ").split(/\s+/).filter((word) => word !== "");
  }

  parse(): Predicate {
    const filter = this.#or();
    if (this.#at < this.#words.length) throw this.#error();
    return filter;
  }

  #or(): Predicate {
    let left = this.#and();
    while (this.#take("or")) {
      const first = left, second = this.#and();
      left = (packet, bytes) => first(packet, bytes) || second(packet, bytes);
    }
    return left;
  }

  #and(): Predicate {
    let left = this.#not();
    while (this.#take("and") || !["or", ")", undefined].includes(this.#words[this.#at])) {
      const first = left, second = this.#not();
      left = (packet, bytes) => first(packet, bytes) && second(packet, bytes);
    }
    return left;
  }

  #not(): Predicate {
    if (this.#take("not")) {
      const filter = this.#not();
      return (packet, bytes) => !filter(packet, bytes);
    }
    if (this.#take("(")) {
      const filter = this.#or();
      if (!this.#take(")")) throw this.#error();
      return filter;
    }
    return this.#primitive();
  }

  #primitive(): Predicate {
    if (this.#take("less")) {
      const limit = this.#number();
      return (_, bytes) => bytes.length <= limit;
    }
    if (this.#take("greater")) {
      const limit = this.#number();
      return (_, bytes) => bytes.length >= limit;
    }
    if (this.#take("vlan")) {
      if (!/^\d+$/.test(this.#words[this.#at] ?? "")) return (packet) => packet.vlan !== undefined;
      const vlan = this.#number();
      return (packet) => packet.vlan === vlan;
    }
    if (this.#take("ether")) return this.#ether();
    const word = this.#words[this.#at];
    const protocol = PROTOCOLS[word];
    if (protocol !== undefined) this.#at++;
    const next = this.#words[this.#at];
    if (protocol !== undefined && !["src", "dst", ...QUALIFIED].includes(next)) return protocol;
    const qualified = this.#qualified();
    if (protocol === undefined) return qualified;
    return (packet, bytes) => protocol(packet, bytes) && qualified(packet, bytes);
  }

  /** Behind "ether". */
  #ether(): Predicate {
    const direction = this.#direction();
    if (!this.#take("host")) throw this.#error();
    const mac = this.#value((text) => parseMac(text));
    return both(
      direction,
      (packet) => packet.sourceMac === mac,
      (packet) => packet.destinationMac === mac,
    );
  }

  /** "[src | dst] host ...", where "host" may be left out behind a direction. */
  #qualified(): Predicate {
    const direction = this.#direction();
    const kind = QUALIFIED.find((word) => this.#take(word)) ??
      (direction === undefined ? undefined : "host");
    if (kind === "host" || kind === "net") return this.#address(direction, kind);
    if (kind === undefined) throw this.#error();
    const [first, last = first] = this.#value((text) => {
      if (!(kind === "port" ? /^\d{1,5}$/ : /^\d{1,5}-\d{1,5}$/).test(text)) throw this.#error();
      return text.split("-").map(Number);
    });
    const isIn = (port: number): boolean => port >= first && port <= last;
    const hasPorts = (packet: PacketView): boolean =>
      packet.transportOffset >= 0 &&
      [Protocol.TCP, Protocol.UDP, Protocol.SCTP].some((it) => it === packet.protocol);
    return both(
      direction,
      (packet) => hasPorts(packet) && isIn(packet.sourcePort),
      (packet) => hasPorts(packet) && isIn(packet.destinationPort),
    );
  }

  #address(direction: "src" | "dst" | undefined, kind: string): Predicate {
    const [address, version, bits] = this.#value((text): [bigint, number, number] => {
      const [host, length, ...more] = text.split("/");
      const version = host.includes(":") ? 6 : 4, most = version === 4 ? 32 : 128;
      const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : -1;
      const isLengthRight = (length === undefined) === (kind === "host");
      if (!isLengthRight || bits < 0 || bits > most || more.length > 0) throw this.#error();
      return [version === 4 ? BigInt(parseIpv4(host)) : bigIpv6(host), version, bits];
    });
    const shift = BigInt((version === 4 ? 32 : 128) - bits);
    const wanted = address >> shift;
    const isIn = (text: string): boolean =>
      text !== "" && text.includes(":") === (version === 6) &&
      (version === 4 ? BigInt(parseIpv4(text)) : bigIpv6(text)) >> shift === wanted;
    return both(
      direction,
      (packet) => isIn(packet.sourceAddress),
      (packet) => isIn(packet.destinationAddress),
    );
  }

  #direction(): "src" | "dst" | undefined {
    return this.#take("src") ? "src" : this.#take("dst") ? "dst" : undefined;
  }

  #number(): number {
    return this.#value((text) => {
      if (!/^\d{1,9}$/.test(text)) throw this.#error();
      return Number(text);
    });
  }

  #value<T>(read: (text: string) => T): T {
    const word = this.#words[this.#at];
    if (word === undefined) throw this.#error();
    try {
      const value = read(word);
      this.#at++;
      return value;
    } catch (error) {
      throw error instanceof SyntaxError ? this.#error() : error;
    }
  }

  #take(word: string): boolean {
    if (this.#words[this.#at] !== word) return false;
    this.#at++;
    return true;
  }

  #error(): SyntaxError {
    const word = this.#words[this.#at];
    return new SyntaxError(
      `Cannot use the filter "${this.#text}": ` +
        `${word === undefined ? "it ends too early" : `"${word}" is not understood there`}\n` +
        `Hint: Without libpcap it can have: ${OWN_SYNTAX}`,
    );
  }
}

function both(direction: "src" | "dst" | undefined, src: Predicate, dst: Predicate): Predicate {
  if (direction === "src") return src;
  if (direction === "dst") return dst;
  return (packet, bytes) => src(packet, bytes) || dst(packet, bytes);
}

function bigIpv6(text: string): bigint {
  return parseIpv6(text).reduce((all, byte) => all << 8n | BigInt(byte), 0n);
}
