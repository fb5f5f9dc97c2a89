// pkt-gen on TAP interfaces: skipped, with the reason, where they cannot be made.
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { Tap } from "../../mod.ts";
import { ipCommand, tapName, whyNoTap } from "../ffi/tap_scene.ts";
import { PktGenScene, totals } from "./pkt_gen_scene.ts";

const missing = whyNoTap();

function testWithTap(name: string, run: () => Promise<void>): void {
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined,
    fn: run,
  });
}

/** A figure of a network interface. */
function statistic(name: string, figure: string): number {
  return Number(Deno.readTextFileSync(`/sys/class/net/${name}/statistics/${figure}`));
}

testWithTap("-i tap:x -f tx sends to the host, once the interface is up", async () => {
  using scene = new PktGenScene();
  const name = tapName();
  const tx = await scene.start(`-i tap:${name} -f tx -w 0 -n 500 -l 100 -s 10.0.0.1-10.0.0.9`)
    .says(/is down: "ip link set \w+ up"/);
  ipCommand("link", "set", name, "up");
  await tx.until("the host has them", () => {
    try {
      return statistic(name, "rx_packets") === 500;
    } catch {
      return true; // gone already, which is checked below
    }
  });
  const { status, out, err } = await tx.ended;
  assert.equal(status, 0, err);
  assert.deepEqual([totals(out).packets, totals(out).bytes], [500, 50_000]);
  assert.match(err, new RegExp(`new name is ${name}$`, "m"));
});

testWithTap("-i tapN -f rx counts what the host sends", async () => {
  using scene = new PktGenScene();
  const name = `tap${900 + Math.floor(Math.random() * 90)}`;
  const rx = await scene.start(`-i ${name} -f rx -w 0 -X -T 20 -N`).says(/reading from tap/);
  ipCommand("link", "set", name, "up");
  ipCommand("addr", "add", "10.214.0.2/24", "dev", name);
  // To reach a neighbour the host has to ask for its address
  const socket = createSocket("udp4");
  try {
    socket.send(new Uint8Array(10), 9, "10.214.0.9");
    await rx.until("something has come", () => rx.reported > 0);
  } finally {
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  }
  const { status, out } = await rx.stop();
  assert.equal(status, 0);
  assert.ok(totals(out).packets > 0);
  assert.match(out, /^ {4}0: /m);
});

testWithTap("a TAP interface that is in use is refused with exit status 1", async () => {
  using scene = new PktGenScene();
  using tap = Tap.open(tapName());
  const { status, err } = await scene.run(`-i tap:${tap.name} -f rx -w 0`);
  assert.equal(status, 1);
  assert.match(err, /^pkt-gen: Cannot open "\w+": .*\(EBUSY\)\nHint: /m);
});
