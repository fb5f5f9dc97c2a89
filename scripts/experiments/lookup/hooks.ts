/**
 * Hooks of `scripts/hooks/` to be compared, and traffic for them.
 *
 * @module
 */

import {
  type FieldValue,
  list,
  type Lookup,
  PacketTemplate,
  parseIpv4,
  random,
} from "../../../mod.ts";
import * as acl from "../../hooks/acl.ts";
import ipv4NextPort from "../../hooks/ipv4_next_port.ts";
import * as learning from "../../hooks/learning.ts";
import * as multistack from "../../hooks/multistack.ts";
import * as staticRoutes from "../../hooks/static_routes.ts";
import type { CompareOptions } from "./mod.ts";

/** The tutorial's lookup in C. */
const NEXT_PORT_IN_C = `
#include "valet_hook.h"

static uint32_t next_port(struct valet_packet *packet, uint32_t source)
{
	return valet_u16(packet, 12) == 0x0800 ? source + 1 : VALET_BROADCAST;
}
VALET_LOOKUP_PACKET(next_port)
`;

/** Many stations and addresses that talk to a server of theirs; nothing of it is flooded for long. */
export function traffic(): Uint8Array[] {
  const macs: FieldValue[] = ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"];
  const template = PacketTemplate.tcp({
    src: "10.0.0.1:1000",
    dst: "10.0.0.2:443",
    srcMac: "02:00:00:00:00:01",
    dstMac: "02:00:00:00:00:0f",
    length: 60,
    vary: {
      srcMac: list(macs),
      src: random("10.0.0.1", "10.0.0.254"),
      srcPort: random(1000, 9999),
    },
  });
  return [...template.packets(256)].map((frame) => frame.slice());
}

/** Each hook leads all of the traffic to port 1. */
export const HOOKS: Readonly<Record<string, CompareOptions & { hook: Lookup }>> = {
  ipv4_next_port: { hook: ipv4NextPort, c: NEXT_PORT_IN_C },
  static_routes: {
    hook: staticRoutes.default,
    tables: staticRoutes.tables,
    prepare: () => staticRoutes.tables.routes.set(0, 1),
  },
  learning: {
    hook: learning.default,
    tables: learning.tables,
    prepare: () => learning.tables.stations.set(0x0200_0000_000f, 1),
  },
  multistack: {
    hook: multistack.default,
    constants: multistack.constants,
    tables: multistack.tables,
    prepare: () => multistack.tables.owners.set([6, parseIpv4("10.0.0.2"), 443], 1),
  },
  acl: { hook: acl.default, constants: acl.constants },
};
