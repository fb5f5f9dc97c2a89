// Shows that what is dropped is closed, and that nothing is freed that somebody can still reach.
// Runs in a process of its own, which can call the garbage collector.

import assert from "node:assert/strict";
import { runScript } from "./scene.ts";

const ARGS = ["--allow-ffi", "--v8-flags=--expose-gc"];

const HEAD = `
import { BROADCAST, Netmap } from "valet:mod.ts";
const options = { backend: "embedded", instance: "gc" };
const frame = new Uint8Array(60).fill(255);
/** Collects until a condition holds. */
async function collectUntil(condition) {
  for (let i = 0; i < 200 && !condition(); i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return condition();
}
`;

async function run(body: string): Promise<string> {
  const { code, output, errors } = await runScript(HEAD + body, ARGS);
  assert.equal(errors, "");
  assert.equal(code, 0);
  return output;
}

Deno.test("ports that are dropped are closed, with netmap alive", async () => {
  const output = await run(`
const netmap = Netmap.open(options);
(() => { for (let i = 0; i < 20; i++) netmap.open("vale0:p" + i, { slots: 16 }); })();
console.log(netmap.ports().length, await collectUntil(() => netmap.ports().length === 0));
`);
  assert.equal(output, "20 true\n");
});

Deno.test("an engine that is dropped with all its objects goes", async () => {
  const output = await run(`
(() => {
  const netmap = Netmap.open(options);
  netmap.open("vale0:a", { slots: 16 });
  netmap.bridge("vale0").ports();
})();
const gone = () => { using netmap = Netmap.open(options); return netmap.ports().length === 0; };
console.log(gone(), await collectUntil(gone));
`);
  assert.equal(output, "false true\n");
});

Deno.test("a view keeps its port's memory, and a bridge its netmap", async () => {
  const output = await run(`
const bytes = (() => {
  const port = Netmap.open(options).open("vale0:a", { slots: 16 });
  const bytes = port.txRings[0].bytes(0);
  bytes.fill(7);
  return bytes;
})();
const bridge = Netmap.open(options).bridge("vale0");
for (let i = 0; i < 20; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 2)); }
console.log(bytes[100], bridge.ports().length);
`);
  assert.equal(output, "7 1\n");
});

Deno.test("a lookup lives while its bridge can call it, whatever was dropped", async () => {
  const output = await run(`
const netmap = Netmap.open(options);
const a = netmap.open("vale0:a", { slots: 64 });
const b = netmap.open("vale0:b", { slots: 64 });
let calls = 0;
(() => { Netmap.open(options).bridge("vale0").lookup = (packet) => { calls++; return 1; }; })();
for (let i = 0; i < 50; i++) {
  gc();
  await new Promise((resolve) => setTimeout(resolve));
  a.send(frame, { count: 10 });
  b.receiveFrames();
}
console.log(calls);
netmap.close();
`);
  assert.equal(output, "500\n");
});

Deno.test("lookups that collect garbage and replaced ones do not crash", async () => {
  const output = await run(`
const netmap = Netmap.open(options);
const a = netmap.open("vale0:a", { slots: 64 });
const b = netmap.open("vale0:b", { slots: 64 });
const bridge = netmap.bridge("vale0");
let received = 0;
for (let i = 0; i < 300; i++) {
  const garbage = Array.from({ length: 100 }, (_, k) => ({ k }));
  bridge.lookup = (packet) => {
    if (packet.index === 3) gc();
    return garbage.length === 100 ? 1 : BROADCAST;
  };
  a.send(frame, { count: 10 });
  received += b.receiveFrames().length;
}
console.log(received);
netmap.close();
`);
  assert.equal(output, "3000\n");
});

Deno.test("a process ends though a netmap, ports and a lookup are open", async () => {
  const output = await run(`
const netmap = Netmap.open(options);
const a = netmap.open("vale0:a");
netmap.bridge("vale0").lookup = () => BROADCAST;
a.send(frame);
console.log("end");
`);
  assert.equal(output, "end\n");
});
