/**
 * Virtual machines with the kernel that tests are given: what `VALET_TEST_KERNEL` names, a folder with `boot/`
 * and `lib/modules/` of an unpacked package, or else the system's own.
 *
 * @module
 */

import * as machine from "../../scripts/experiments/kit/virtual_machine.ts";
import { run } from "./scene.ts";

const root = Deno.env.get("VALET_TEST_KERNEL") ?? "";

/** Why there can be no guests; undefined if there can. */
export function whyNoGuests(): string | undefined {
  return machine.whyNoGuests(root);
}

/**
 * What has QEMU's `-netdev stream` connect again a second after its connection was lost; undefined where it
 * cannot.
 */
export function reconnectOption(): string | undefined {
  const text = run(["sh", "-c", "qemu-system-x86_64 --version 2>/dev/null || true"]);
  const [, major, minor] = /version (\d+)\.(\d+)/.exec(text) ?? [];
  const version = Number(major) + Number(minor) / 100;
  if (!(version >= 8)) return undefined;
  return version >= 9.02 ? "reconnect-ms=1000" : "reconnect=1";
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
