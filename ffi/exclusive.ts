/**
 * Exclusive bridges: what only who has the token may change. See `netmap.createBridge()`.
 *
 * @module
 */

import type { Descriptor } from "./descriptor.ts";
import { checkInteger } from "./errors.ts";
import { TOKEN, ValetRequest } from "./message.ts";

/** Makes the bridge. Returns its token; the descriptor has it already. */
export function createExclusive(descriptor: Descriptor, name: string): number {
  descriptor.request(ValetRequest.BRIDGE_CREATE, `${name}:`, TOKEN.size);
  return descriptor.control("create bridge", name).u64(TOKEN.token);
}

/** Has the descriptor admitted to the bridge. */
export function presentToken(descriptor: Descriptor, name: string, token: number): void {
  checkInteger("token", token, 1, Number.MAX_SAFE_INTEGER);
  descriptor.request(ValetRequest.BRIDGE_TOKEN, `${name}:`, TOKEN.size)
    .setU64(TOKEN.token, BigInt(token));
  descriptor.control("use bridge", name);
}

/** Ends the bridge. */
export function destroyExclusive(descriptor: Descriptor, name: string): void {
  descriptor.request(ValetRequest.BRIDGE_DESTROY, `${name}:`, 0);
  descriptor.control("destroy bridge", name);
}
