import { formatIpv4, formatIpv6 } from "./address.ts";
import { viewOf } from "./bytes.ts";

/** Record types that have a name here (IANA "DNS Parameters"). */
const TYPES: Record<number, string> = {
  1: "A",
  2: "NS",
  5: "CNAME",
  6: "SOA",
  12: "PTR",
  15: "MX",
  16: "TXT",
  28: "AAAA",
  33: "SRV",
  41: "OPT",
  64: "SVCB",
  65: "HTTPS",
  255: "ANY",
};

const RESPONSE_CODES = ["", " FormErr", " ServFail", " NXDomain", " NotImp", " Refused"];

/** One line about a DNS message (RFC 1035), written as tcpdump does; "" when it is cut off. */
export function dnsSummary(message: Uint8Array): string {
  if (message.length < 12) return "";
  const view = viewOf(message);
  const id = view.getUint16(0), flags = view.getUint16(2);
  const [questions, answers, authorities, additional] = [4, 6, 8, 10].map((at) =>
    view.getUint16(at)
  );
  const reader = new DnsReader(message);
  const asked = reader.questions(questions);
  if (asked === undefined) return "";
  const isResponse = (flags & 0x8000) !== 0;
  if (!isResponse) {
    const counts = (questions === 1 ? "" : ` [${questions}q]`) +
      (answers === 0 ? "" : ` [${answers}a]`) + (authorities === 0 ? "" : ` [${authorities}n]`) +
      (additional === 0 ? "" : ` [${additional}au]`);
    const recursion = flags & 0x0100 ? "+" : "";
    return `${id}${recursion}${counts}${asked} (${message.length})`;
  }
  const code = RESPONSE_CODES[flags & 0xf] ?? ` Resp${flags & 0xf}`;
  const marks = (flags & 0x0400 ? "*" : "") + (flags & 0x0080 ? "" : "-") +
    (flags & 0x0200 ? "|" : "") + (flags & 0x0020 ? "$" : "");
  const records = reader.records(answers);
  return `${id}${code}${marks} ${answers}/${authorities}/${additional}${records}` +
    ` (${message.length})`;
}

/** Walks a message; every step is checked against its end. */
class DnsReader {
  #bytes: Uint8Array;
  #view: DataView;
  #at = 12;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  /** ` A? example.com.` for each question; undefined when one is cut off. */
  questions(count: number): string | undefined {
    let text = "";
    for (let i = 0; i < count; i++) {
      const name = this.#name();
      if (name === undefined || this.#at + 4 > this.#bytes.length) return undefined;
      text += ` ${typeName(this.#view.getUint16(this.#at))}? ${name}`;
      this.#at += 4;
    }
    return text;
  }

  /** ` A 10.0.0.1, A 10.0.0.2`; ends where the message does. */
  records(count: number): string {
    const texts: string[] = [];
    for (let i = 0; i < count; i++) {
      if (this.#name() === undefined || this.#at + 10 > this.#bytes.length) break;
      const type = this.#view.getUint16(this.#at);
      const length = this.#view.getUint16(this.#at + 8);
      const data = this.#at + 10;
      if (data + length > this.#bytes.length) break;
      texts.push(" " + typeName(type) + this.#data(type, data, length));
      this.#at = data + length;
    }
    return texts.join(",");
  }

  #data(type: number, at: number, length: number): string {
    if (type === 1 && length === 4) return " " + formatIpv4(this.#view.getUint32(at));
    if (type === 28 && length === 16) return " " + formatIpv6(this.#bytes, at);
    if (type !== 2 && type !== 5 && type !== 12) return "";
    this.#at = at;
    const name = this.#name();
    return name === undefined ? "" : " " + name;
  }

  /** The name at the position, which moves behind it; undefined when it is cut off. */
  #name(): string | undefined {
    const bytes = this.#bytes;
    let text = "", at = this.#at, jumps = 0;
    for (;;) {
      const length = bytes[at];
      if (length === undefined) return undefined;
      if (length >= 0xc0) {
        if (at + 2 > bytes.length || ++jumps > 16) return undefined;
        if (jumps === 1) this.#at = at + 2;
        at = this.#view.getUint16(at) & 0x3fff;
      } else if (length === 0) {
        if (jumps === 0) this.#at = at + 1;
        return text === "" ? "." : text;
      } else {
        if (at + 1 + length > bytes.length || text.length > 1024) return undefined;
        for (const byte of bytes.subarray(at + 1, at + 1 + length)) text += printable(byte);
        text += ".";
        at += 1 + length;
      }
    }
  }
}

function typeName(type: number): string {
  return TYPES[type] ?? `Type${type}`;
}

/** Names come from strangers: nothing may reach a terminal as a control character. */
function printable(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${byte}`;
}
