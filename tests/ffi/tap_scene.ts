/** TAP interfaces for tests. */

import { NetmapError, Tap } from "../../mod.ts";

let count = 0;
const seed: string = crypto.randomUUID().slice(0, 4);

/** A name that nobody else has. */
export function tapName(): string {
  return `vt${seed}${count++}`;
}

/** Why TAP interfaces cannot be made here; undefined if they can. */
export function whyNoTap(): string | undefined {
  try {
    using _tap = Tap.open(tapName());
    ipCommand("-V");
    return undefined;
  } catch (error) {
    return error instanceof NetmapError ? error.code : (error as Error).message;
  }
}

/** Runs ip(8). */
export function ipCommand(...args: string[]): void {
  const { success, stderr } = new Deno.Command("ip", { args, stdout: "null" }).outputSync();
  if (!success) throw new Error(`ip ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
