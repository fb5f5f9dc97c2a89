import { foldSum } from "./checksum.ts";
import { Protocol } from "./protocols.ts";
import { Sequence } from "./sequence.ts";
import type { Field, TemplateFrame } from "./template_fields.ts";
import type { Variation } from "./variation.ts";

/** How the length of a template's packets varies, and which fields follow it. */
export interface LengthField {
  /** Bytes of the frame. */
  sequence: Sequence;
  /** The IP length field: its position, -1 for none; it counts what follows `beforeIp`. */
  ipLengthAt: number;
  /** Bytes of the frame that the IP length field does not count. */
  beforeIp: number;
  /** True when the IPv4 header checksum covers the IP length field. */
  isIpv4: boolean;
  /** The position of the UDP length field, -1 for none. */
  udpLengthAt: number;
  /** Bytes of the frame that the UDP length field does not count. */
  beforeUdp: number;
  /** What a frame of `sequence.low + i` bytes adds to the transport sum. */
  sums: Uint16Array;
  /** What the template's own bytes have added to it. */
  ownSum: number;
}

/** The running sequence of frame lengths; the template's frame is built `high` bytes long. */
export function lengthSequence(variation: Variation): Sequence {
  const values = variation.values.map((value) => {
    if (typeof value === "number") return value;
    throw new TypeError(`Cannot set length to "${value}": expected a number of bytes`);
  });
  const sequence = new Sequence(variation, values, 16, 0, "length");
  if (variation.kind === "increment" && variation.count === undefined) {
    throw new RangeError("Cannot increment length without a count: it would run up to 65535");
  }
  return sequence;
}

/** Prepares the length fields and, so that no packet costs a pass over its bytes, their sums. */
export function compileLength(
  frame: TemplateFrame,
  sequence: Sequence,
  fields: Field[],
): LengthField {
  const { view, headers, transportChecksumAt } = frame;
  const { network, version, protocol, transport, payload, end, etherType } = headers;
  const { low, high } = sequence;
  const size = frame.bytes.length;
  if (high > size) {
    throw new RangeError(`Cannot vary length up to ${high}: the packet has ${size} bytes`);
  }
  const least = fields.reduce(
    (least, field) => Math.max(least, field.offset + field.size, field.twin + field.size),
    version === 0 ? Math.max(network, payload, 14) : Math.max(payload, transport, network),
  );
  if (low < least) {
    throw new RangeError(
      `Cannot vary length down to ${low}: headers and varying fields need ${least} bytes`,
    );
  }
  if (version !== 0 && (end !== size || headers.fragment)) {
    throw new TypeError(
      "Cannot vary length: the packet is a fragment or has padding behind the IP datagram",
    );
  }
  if (network >= 0 && etherType < 1536) {
    throw new TypeError("Cannot vary length: the packet is an IEEE 802.3 frame with a length");
  }
  const isUdp = version !== 0 && protocol === Protocol.UDP && transport >= 0;
  // UDP has the length twice in its sum, TCP and ICMPv6 once (pseudo header), ICMP not at all
  const times = isUdp ? 2 : protocol === Protocol.ICMP ? 0 : 1;
  const sums = new Uint16Array(high - low + 1);
  let ownSum = 0;
  if (transportChecksumAt >= 0) {
    let tail = 0;
    for (let length = low; length <= size; length++) {
      ownSum = foldSum(tail + times * (length - transport));
      if (length <= high) sums[length - low] = ownSum;
      if (length === size) break;
      const byte = view.getUint8(length);
      tail += (length - transport) & 1 ? byte : byte << 8;
    }
  }
  return {
    sequence,
    ipLengthAt: version === 0 ? -1 : network + (version === 4 ? 2 : 4),
    beforeIp: version === 6 ? network + 40 : network,
    isIpv4: version === 4,
    udpLengthAt: isUdp ? transport + 4 : -1,
    beforeUdp: transport,
    sums,
    ownSum,
  };
}
