// Workers that are terminated while their lookups decide about what another Worker sends.

import assert from "node:assert/strict";
import { Netmap } from "../../mod.ts";
import { useTestDaemon } from "../contract/daemon.ts";

const ROUNDS = 25;
// Here, so that no test is told that it left it running; and it ends when nobody is connected
const noDaemon = await useTestDaemon();
if (noDaemon === undefined) Netmap.open({ backend: "daemon" });

for (const backend of ["embedded", "daemon"]) {
  Deno.test(`${backend}: nobody crashes or waits when the Worker of a lookup is terminated`, async () => {
    if (backend === "daemon") assert.equal(noDaemon, undefined);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-prompt", "--quiet", "--no-check"],
        new URL("terminate_owners.ts", import.meta.url).pathname,
        ...[backend, crypto.randomUUID().slice(0, 18), `${ROUNDS}`],
      ],
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    assert.deepEqual([code, text.decode(stdout), text.decode(stderr)], [0, "all ended\n", ""]);
  });
}
