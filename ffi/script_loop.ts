/**
 * How this thread hears, in its event loop, of packets that others have sent and that wait for its
 * lookups.
 *
 * Deno could call them from other threads (`UnsafeCallback.threadSafe`), but a call that comes when a
 * Worker has just been terminated ends the process, or never returns. So C only wakes the event loop,
 * by a byte through a socket, and the loop asks C what there is to decide.
 *
 * @module
 */

import { Socket } from "node:net";
import { codeOf, NetmapError } from "./errors.ts";
import type { NativeFunctions } from "./symbols.ts";

let lookups = 0;
let socket: Socket | undefined;

/** To be called for each lookup before it is set. */
export function enterScriptLoop(functions: NativeFunctions): void {
  if (lookups++ > 0) return;
  const fd = functions.valet_loop_open();
  if (fd < 0) {
    lookups--;
    throw new NetmapError("lookup", codeOf(fd));
  }
  socket = new Socket({ fd, readable: true, writable: false });
  socket.on("data", () => functions.valet_loop_serve());
  // It ends with our own end
  socket.on("error", () => {});
  socket.unref();
}

/** To be called for each lookup when it cannot be called any more. */
export function leaveScriptLoop(functions: NativeFunctions): void {
  if (--lookups > 0) return;
  functions.valet_loop_close();
  socket?.destroy();
  socket = undefined;
}
