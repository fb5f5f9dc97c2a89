import { formatIpv4, formatIpv6 } from "./address.ts";
import { getU16, getU32, getU8, viewOf } from "./bytes.ts";
import * as icmp from "./icmp.ts";
import type { PacketHeaders } from "./packet_headers.ts";
import { IcmpType, Protocol } from "./protocols.ts";

/** What tcpdump prints behind the addresses of an ICMP message. */
export function icmpSummary(view: DataView, headers: PacketHeaders): string {
  const { transport, end } = headers;
  const type = icmp.type(view, transport), code = icmp.code(view, transport);
  const length = `length ${end - transport}`;
  if (type === IcmpType.ECHO_REQUEST || type === IcmpType.ECHO_REPLY) {
    return `ICMP echo ${type === IcmpType.ECHO_REQUEST ? "request" : "reply"}, ` +
      `id ${icmp.identifier(view, transport)}, seq ${icmp.sequence(view, transport)}, ${length}`;
  }
  // The header of the packet that the message is about follows; all of it must be there
  const inner = transport + 8;
  const innerEnd = inner + (getU8(view, inner) & 0xf) * 4;
  const hasInner = inner + 20 <= end && innerEnd + 4 <= end;
  if (type === IcmpType.UNREACHABLE) {
    const about = hasInner ? formatIpv4(getU32(view, inner + 16)) : "";
    if (about !== "" && code === 0) return `ICMP net ${about} unreachable, ${length}`;
    if (about !== "" && code === 1) return `ICMP host ${about} unreachable, ${length}`;
    if (about !== "" && code === 3) {
      const name = portProtocol(getU8(view, inner + 9));
      const port = getU16(view, innerEnd + 2);
      return `ICMP ${about} ${name} port ${port} unreachable, ${length}`;
    }
    return `ICMP unreachable, code ${code}, ${length}`;
  }
  if (type === IcmpType.TIME_EXCEEDED) {
    const where = code === 0 ? "in-transit" : code === 1 ? "reassembly" : `code ${code}`;
    return `ICMP time exceeded ${where}, ${length}`;
  }
  if (type === IcmpType.REDIRECT) return `ICMP redirect, code ${code}, ${length}`;
  return `ICMP type ${type}, code ${code}, ${length}`;
}

function portProtocol(protocol: number): string {
  if (protocol === Protocol.UDP) return "udp";
  return protocol === Protocol.TCP ? "tcp" : `protocol ${protocol}`;
}

/** The port that an ICMPv6 message is about, else its code. */
function unreachablePort(frame: Uint8Array, headers: PacketHeaders, code: number): string {
  const inner = headers.transport + 8, port = inner + 40 + 2;
  if (code !== 4 || port + 2 > headers.end) return `code ${code}`;
  const view = viewOf(frame);
  const name = portProtocol(getU8(view, inner + 6));
  const host = formatIpv6(frame, inner + 24);
  return `unreachable port, ${host} ${name} port ${getU16(view, port)}`;
}

/** What tcpdump prints behind the addresses of an ICMPv6 message. */
export function icmpv6Summary(frame: Uint8Array, headers: PacketHeaders): string {
  const view = viewOf(frame);
  const { transport, end } = headers;
  const type = icmp.type(view, transport), code = icmp.code(view, transport);
  const length = `length ${end - transport}`;
  const target = transport + 24 <= end ? formatIpv6(frame, transport + 8) : "";
  switch (type) {
    case IcmpType.V6_ECHO_REQUEST:
    case IcmpType.V6_ECHO_REPLY:
      return `ICMP6, echo ${type === IcmpType.V6_ECHO_REQUEST ? "request" : "reply"}, ` +
        `id ${icmp.identifier(view, transport)}, seq ${icmp.sequence(view, transport)}, ${length}`;
    case IcmpType.V6_ROUTER_SOLICITATION:
      return `ICMP6, router solicitation, ${length}`;
    case IcmpType.V6_ROUTER_ADVERTISEMENT:
      return `ICMP6, router advertisement, ${length}`;
    case IcmpType.V6_NEIGHBOR_SOLICITATION:
      return `ICMP6, neighbor solicitation, ${target && `who has ${target}, `}${length}`;
    case IcmpType.V6_NEIGHBOR_ADVERTISEMENT:
      return `ICMP6, neighbor advertisement, ${target && `tgt is ${target}, `}${length}`;
    case IcmpType.V6_MULTICAST_LISTENER_REPORT:
      return `ICMP6, multicast listener report v2, ` +
        `${icmp.sequence(view, transport)} group record(s), ${length}`;
    case IcmpType.V6_UNREACHABLE:
      return `ICMP6, destination unreachable, ${unreachablePort(frame, headers, code)}, ${length}`;
    case IcmpType.V6_TOO_BIG:
      return `ICMP6, packet too big, mtu ${getU32(view, transport + 4)}, ${length}`;
    case IcmpType.V6_TIME_EXCEEDED:
      return `ICMP6, time exceeded, code ${code}, ${length}`;
  }
  return `ICMP6, type ${type}, code ${code}, ${length}`;
}
