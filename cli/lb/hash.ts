/**
 * The hash by which `lb` chooses a pipe: the same for both directions of a connection.
 *
 * It is the Toeplitz hash of addresses and ports with a key that repeats each 16 bits, so that exchanging
 * source and destination changes nothing, and so that it depends on the exclusive or of all 16-bit words
 * only. (Woo, Park: Scalable TCP Session Monitoring with Symmetric Receive-side Scaling, KAIST 2012.)
 * Key, seed and what is hashed are those of netmap's lb: a flow goes to the pipe that it has there.
 *
 * Pure.
 *
 * @module
 */

const KEY = 0x506d;

/** Added to each port. */
const SEED = 0x42;

/** Words that stand for the ports where there are none. */
const NO_PORTS = ((0xfdff + SEED) ^ (0xfeff + SEED)) & 0xffff;

const IPV4 = 0x0800, IPV6 = 0x86dd, VLAN = 0x8100, BRIDGED = 0x6558;
const IPIP = 4, TCP = 6, UDP = 17, IPV6_IN_IP = 41, GRE = 47;
const GRE_CHECKSUM = 0x80, GRE_KEY = 0x20, GRE_SEQUENCE = 0x10;

/** Packets in packets are followed so deep. */
const MOST_LAYERS = 8;

/** The hash of a word, by word. */
const HASHES = toeplitz();

function toeplitz(): Uint32Array {
  const hashes = new Uint32Array(0x10000);
  // Bit 15 is the first: its window of the key begins at the key's first bit
  let window = KEY * 0x10001;
  for (let bit = 15; bit >= 0; bit--) {
    for (let word = 0; word < 0x10000; word++) {
      if ((word >> bit & 1) !== 0) hashes[word] ^= window;
    }
    window = (window << 1 | window >>> 15 & 1) >>> 0;
  }
  return hashes;
}

/**
 * The hash of a frame; 0 for an IPv4 header that is none.
 *
 * @param bytes where the frame is
 * @param at where it begins
 * @param length its bytes
 */
export function flowHash(bytes: Uint8Array, at: number, length: number): number {
  return hashFrame(bytes, at, at + length, 0);
}

function hashFrame(bytes: Uint8Array, at: number, end: number, layer: number): number {
  if (at + 14 > end) return 0;
  const type = word(bytes, at + 12);
  if (type === IPV4) return hashIpv4(bytes, at + 14, end, layer);
  if (type === IPV6) return hashIpv6(bytes, at + 14, end, layer);
  if (type === VLAN && at + 18 <= end) {
    const inner = word(bytes, at + 16);
    if (inner === IPV4) return hashIpv4(bytes, at + 18, end, layer);
    if (inner === IPV6) return hashIpv6(bytes, at + 18, end, layer);
  }
  // The last four bytes of both stations' addresses
  return HASHES[
    swapped(bytes, at + 8) ^ swapped(bytes, at + 10) ^ swapped(bytes, at + 2) ^
    swapped(bytes, at + 4) ^ NO_PORTS
  ];
}

function hashIpv4(bytes: Uint8Array, at: number, end: number, layer: number): number {
  if (at + 20 > end) return 0;
  const headerBytes = (bytes[at] & 0xf) * 4;
  if (headerBytes < 20 || headerBytes > word(bytes, at + 2)) return 0;
  const addresses = word(bytes, at + 12) ^ word(bytes, at + 14) ^ word(bytes, at + 16) ^
    word(bytes, at + 18);
  return hashPayload(bytes, bytes[at + 9], addresses, at + headerBytes, end, layer);
}

function hashIpv6(bytes: Uint8Array, at: number, end: number, layer: number): number {
  if (at + 40 > end) return 0;
  // The first four bytes of both addresses
  const addresses = word(bytes, at + 8) ^ word(bytes, at + 10) ^ word(bytes, at + 24) ^
    word(bytes, at + 26);
  if (bytes[at + 6] === IPV6_IN_IP && layer < MOST_LAYERS) {
    return hashIpv6(bytes, at + 40, end, layer + 1);
  }
  return hashPayload(bytes, bytes[at + 6], addresses, at + 40, end, layer);
}

function hashPayload(
  bytes: Uint8Array,
  protocol: number,
  addresses: number,
  at: number,
  end: number,
  layer: number,
): number {
  if (layer < MOST_LAYERS) {
    if (protocol === IPIP) return hashIpv4(bytes, at, end, layer + 1);
    if (protocol === GRE && at + 4 <= end) return hashGre(bytes, at, end, layer + 1);
  }
  if ((protocol !== TCP && protocol !== UDP) || at + 4 > end) return HASHES[addresses ^ NO_PORTS];
  const source = word(bytes, at) + SEED & 0xffff, target = word(bytes, at + 2) + SEED & 0xffff;
  return HASHES[addresses ^ source ^ target];
}

function hashGre(bytes: Uint8Array, at: number, end: number, layer: number): number {
  const type = word(bytes, at + 2);
  let inner = at + 4;
  for (const flag of [GRE_CHECKSUM, GRE_KEY, GRE_SEQUENCE]) {
    if ((bytes[at] & flag) !== 0) inner += 4;
  }
  if (type === IPV4) return hashIpv4(bytes, inner, end, layer);
  if (type === IPV6) return hashIpv6(bytes, inner, end, layer);
  return type === BRIDGED ? hashFrame(bytes, inner, end, layer) : 0;
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] << 8 | bytes[at + 1];
}

function swapped(bytes: Uint8Array, at: number): number {
  return bytes[at] | bytes[at + 1] << 8;
}
