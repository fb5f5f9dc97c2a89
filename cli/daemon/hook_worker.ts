/**
 * The Worker of a hook that is machine code, which has to run in the daemon's process.
 *
 * @module
 */

import type { HookCommand, HookEvent } from "./hook_messages.ts";
import { runHook } from "./hook_runner.ts";

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<HookCommand>) => void) | null;
  postMessage(event: HookEvent): void;
};

const command = runHook((event) => scope.postMessage(event));
scope.onmessage = ({ data }) => command(data);
