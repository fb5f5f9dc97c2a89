/**
 * Memory that ports touch, which is less than netmap says they take. Each is measured in a process of
 * its own, whose memory nothing else makes grow.
 */

import assert from "node:assert/strict";
import { forEachBackend } from "./backends.ts";

const MB = 1e6;

const skip = { kernel: "its memory is the kernel's, taken in full", daemon: "it is the daemon's" };

async function grown(ports: number, slots: number, use: boolean): Promise<number> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-ffi",
      new URL("./touched_memory.ts", import.meta.url).href,
      ...[ports, slots, use ? 1 : 0].map(String),
    ],
    stderr: "inherit",
  });
  const { code, stdout } = await command.output();
  assert.equal(code, 0);
  const report = JSON.parse(new TextDecoder().decode(stdout));
  assert.equal(report.ports, ports);
  return report.grown;
}

forEachBackend((backend) => {
  backend.test("opening a default port touches under 1 MB", { skip }, async () => {
    // Of ten ports, so that a page more or less of the process's own does not count
    const bytes = await grown(10, 1024, false) / 10;
    assert.ok(bytes < 1 * MB, `${bytes} bytes`);
  });

  backend.test("1,000 ports of 256 slots touch under 100 MB", { skip }, async () => {
    const bytes = await grown(1000, 256, true);
    assert.ok(bytes < 100 * MB, `${bytes} bytes`);
  });
});
