// HTTP across the bridge: what is downloaded is what was served, in one long transfer and in many.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { JOINS, SECONDS, testNet } from "./scene.ts";

const SCRIPT = fileURLToPath(new URL("http.ts", import.meta.url));

function deno(...args: string[]): string[] {
  return [Deno.execPath(), "run", "-q", "--no-config", "--allow-net", SCRIPT, ...args];
}

// Otherwise a tenth of it, for time's sake
const LONG = SECONDS > 1;

const LOADS = LONG ? [[200, 1], [1, 200]] : [[20, 1], [0.1, 200]];

for (
  const [device, megabytes, connections] of JOINS.flatMap((device) =>
    LOADS.map(([size, number]) => [device, size, number] as const)
  )
) {
  testNet(
    `${device}: ${connections} times ${megabytes} MB arrive with the SHA-256 that they left with`,
    async (scene) => {
      const [red, blue] = scene.joined(2, { device });
      const [program, ...args] = blue.command(...deno("serve", blue.ip4, `${megabytes}`));
      const server = new Deno.Command(program, { args, stdout: "piped" }).spawn();
      try {
        const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
        const served = ((await reader.read()).value ?? "").trim();
        reader.releaseLock();
        const fetched = red.run(...deno("fetch", blue.ip4, `${connections}`)).trim().split("\n");
        assert.match(served, /^[0-9a-f]{64}$/);
        assert.deepEqual(fetched, Array(connections).fill(served));
      } finally {
        server.kill();
        await server.status;
        await server.stdout.cancel().catch(() => {});
      }
    },
  );
}
