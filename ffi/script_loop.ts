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

import type { Socket } from "node:net";
import { codeOf, NetmapError } from "./errors.ts";
import type { NativeFunctions } from "./symbols.ts";

/** What listens. The socket comes a moment later; until then a timer looks. */
interface Loop {
  timer: ReturnType<typeof setInterval>;
  socket?: Socket;
  closed: boolean;
}

let lookups = 0;
let loop: Loop | undefined;

/** To be called for each lookup before it is set. */
export function enterScriptLoop(functions: NativeFunctions): void {
  if (lookups++ > 0) return;
  const fd = functions.valet_loop_open();
  if (fd < 0) {
    lookups--;
    throw new NetmapError("lookup", codeOf(fd));
  }
  loop = { timer: setInterval(() => functions.valet_loop_serve(), 1), closed: false };
  void listen(loop, fd, functions);
}

/** Loads node:net only now: of a script's 90 ms to start it would take 40. */
async function listen(loop: Loop, fd: number, functions: NativeFunctions): Promise<void> {
  const { Socket } = await import("node:net");
  const socket = new Socket({ fd, readable: true, writable: false });
  socket.on("data", () => functions.valet_loop_serve());
  // It ends with our own end
  socket.on("error", () => {});
  socket.unref();
  clearInterval(loop.timer);
  if (loop.closed) socket.destroy();
  else loop.socket = socket;
}

/** To be called for each lookup when it cannot be called any more. */
export function leaveScriptLoop(functions: NativeFunctions): void {
  if (--lookups > 0) return;
  functions.valet_loop_close();
  if (loop) {
    loop.closed = true;
    clearInterval(loop.timer);
    loop.socket?.destroy();
  }
  loop = undefined;
}
