import { getU16, getU32, getU8 } from "./bytes.ts";
import type { PacketHeaders } from "./packet_headers.ts";
import { TcpFlag } from "./protocols.ts";
import * as tcp from "./tcp.ts";

/** What tcpdump prints behind the addresses of a TCP segment. */
export function tcpSummary(view: DataView, headers: PacketHeaders): string {
  const { transport, payload, end } = headers;
  const flags = tcp.flags(view, transport);
  const sequence = tcp.sequence(view, transport);
  if (payload < 0) return `Flags [${flagLetters(flags)}], seq ${sequence}, [|tcp]`;
  const length = end - payload;
  let line = `Flags [${flagLetters(flags)}]`;
  if (length > 0) line += `, seq ${sequence}:${(sequence + length) >>> 0}`;
  else if (flags & (TcpFlag.SYN | TcpFlag.FIN | TcpFlag.RST)) line += `, seq ${sequence}`;
  if (flags & TcpFlag.ACK) line += `, ack ${tcp.acknowledgment(view, transport)}`;
  line += `, win ${tcp.window(view, transport)}`;
  if (flags & TcpFlag.URG) line += `, urg ${tcp.urgentPointer(view, transport)}`;
  const options = tcpOptions(view, transport + tcp.HEADER_LENGTH, payload);
  if (options !== "") line += `, options [${options}]`;
  return `${line}, length ${length}`;
}

function flagLetters(flags: number): string {
  const letters = [..."FSRP.UEW"].filter((_, i) => flags & (1 << i)).join("");
  return letters === "" ? "none" : letters;
}

/** TCP options (RFC 9293, 7323, 2018) between two positions; ends at the first damaged one. */
function tcpOptions(view: DataView, at: number, end: number): string {
  const texts: string[] = [];
  while (at < end) {
    const kind = getU8(view, at);
    if (kind === 0) {
      texts.push("eol");
      break;
    }
    if (kind === 1) {
      texts.push("nop");
      at++;
      continue;
    }
    const length = at + 1 < end ? getU8(view, at + 1) : 0;
    if (length < 2 || at + length > end) {
      texts.push("[bad opt]");
      break;
    }
    texts.push(tcpOption(view, kind, at, length));
    at += length;
  }
  return texts.join(",");
}

function tcpOption(view: DataView, kind: number, at: number, length: number): string {
  if (kind === 2 && length === 4) return `mss ${getU16(view, at + 2)}`;
  if (kind === 3 && length === 3) return `wscale ${getU8(view, at + 2)}`;
  if (kind === 4 && length === 2) return "sackOK";
  if (kind === 5 && length >= 10 && (length - 2) % 8 === 0) {
    const blocks = (length - 2) / 8;
    let text = `sack ${blocks} `;
    for (let i = 0; i < blocks; i++) {
      text += `{${getU32(view, at + 2 + i * 8)}:${getU32(view, at + 6 + i * 8)}}`;
    }
    return text;
  }
  if (kind === 8 && length === 10) {
    return `TS val ${getU32(view, at + 2)} ecr ${getU32(view, at + 6)}`;
  }
  return `unknown-${kind}`;
}
