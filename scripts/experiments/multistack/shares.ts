/**
 * Which of the stacks that share an address gets what is sent to it.
 *
 * @module
 */

import { formatIpv4, PacketTemplate } from "../../../mod.ts";
import { get } from "../stack/http.ts";
import { pollUntil, type Stack } from "../stack/stack.ts";
import { CLIENT, ECHO, HTTP, SHARED } from "./shared.ts";

/** What a stack has received of requests of one kind. */
export type Share = {
  what: "requests to the address";
  /** What was asked for. */
  how: string;
  to: string;
  packets_each: number;
};

/** The stacks, in the order in which `shares()` is given them, behind the client. */
export const STACKS = ["host", "UDP echo", "HTTP"] as const;

const REQUESTS = 16, RESPONSE_BYTES = 100;
/** A port that no stack has asked for. */
const OTHER = 22;

const ends = {
  srcMac: CLIENT.mac,
  dstMac: SHARED.mac,
  src: formatIpv4(CLIENT.ip),
  dst: formatIpv4(SHARED.ip),
};

/** Sends a packet; whether something has come back. */
function ask(client: Stack, packet: PacketTemplate): () => boolean {
  const { received } = client.counts;
  client.port.send(packet);
  return () => client.counts.received > received;
}

/** Asks for a response over a connection of its own; whether it is there, or the connection is reset. */
function fetch(client: Stack, port: number): () => boolean {
  const response = get(client, SHARED.ip, port, RESPONSE_BYTES);
  return () => response.isComplete;
}

/** Requests of each kind: starts one, and says whether it is over. */
const KINDS: Readonly<Record<string, (client: Stack) => () => boolean>> = {
  "UDP echo": (client) =>
    ask(
      client,
      PacketTemplate.udp({ ...ends, src: `${ends.src}:1`, dst: `${ends.dst}:${ECHO}`, length: 60 }),
    ),
  "HTTP": (client) => fetch(client, HTTP + 1),
  "ping": (client) => ask(client, PacketTemplate.icmpEcho(ends)),
  "other TCP": (client) => fetch(client, OTHER),
};

/**
 * Sends requests of each kind, one after the other.
 *
 * @param stacks the client, the host's stack, one that echoes UDP, and one that answers HTTP
 * @throws {Error} if one is not answered
 */
export function* shares(stacks: readonly Stack[]): Generator<Share> {
  const [client, ...others] = stacks;
  for (const [how, start] of Object.entries(KINDS)) {
    const before = others.map(({ counts }) => counts.received);
    for (let i = 0; i < REQUESTS; i++) {
      const isOver = start(client);
      pollUntil(stacks, () => isOver() && stacks.every(({ connections }) => connections === 0));
    }
    for (const [i, to] of STACKS.entries()) {
      const packets_each = (others[i].counts.received - before[i]) / REQUESTS;
      yield { what: "requests to the address", how, to, packets_each };
    }
  }
}
