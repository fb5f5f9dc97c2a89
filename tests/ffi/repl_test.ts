// Shows that `deno task repl` opens a REPL in which netmap is open and mod.ts at hand.

import assert from "node:assert/strict";

Deno.test("the REPL has netmap, what mod.ts exports, and says so", async () => {
  const repl = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-run=deno",
      "--allow-read",
      new URL("../../scripts/dev/repl.ts", import.meta.url).pathname,
    ],
    env: { NO_COLOR: "1", PATH: `${Deno.execPath().replace(/\/[^/]*$/, "")}:/usr/bin:/bin` },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = repl.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`
const a = netmap.open("vale0:a"), b = netmap.open("vale0:b");
a.send(PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" }))
b.receiveFrames().map((frame) => summary(frame))[0]
`));
  await writer.close();
  const { code, stdout, stderr } = await repl.output();
  const text = new TextDecoder();
  assert.equal(text.decode(stderr), "");
  assert.equal(code, 0);
  const lines = text.decode(stdout).trim().split("\n");
  assert.match(lines[0], /^valet: netmap is open \((?:embedded|kernel|daemon)\)/);
  assert.match(lines[1], /^const a = netmap\.open/);
  assert.deepEqual(lines.slice(-2), [
    "true",
    '"ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 46"',
  ]);
});
