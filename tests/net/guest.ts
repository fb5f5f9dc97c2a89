/**
 * Virtual machines with the kernel that tests are given: what `VALET_TEST_KERNEL` names, a folder with `boot/`
 * and `lib/modules/` of an unpacked package, or else the system's own.
 *
 * @module
 */

import * as machine from "../../scripts/experiments/kit/virtual_machine.ts";

const root = Deno.env.get("VALET_TEST_KERNEL") ?? "";

/** Why there can be no guests; undefined if there can. */
export function whyNoGuests(): string | undefined {
  return machine.whyNoGuests(root);
}

/** Makes the file system that a guest has in its memory. */
export function makeInitrd(folder: string): string {
  return machine.makeInitrd(folder, root);
}

/** A virtual machine that has started. */
export class Guest extends machine.Guest {
  constructor(options: Omit<machine.GuestOptions, "root">) {
    super({ ...options, root });
  }
}
