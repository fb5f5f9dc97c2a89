// TAP interfaces of the host: skipped, with the reason, where they cannot be made.
import assert from "node:assert/strict";
import { type NetmapError, PacketTemplate, PacketView, Tap } from "../../mod.ts";
import { sleep } from "../../cli/sleep.ts";
import { ipCommand, tapName, whyNoTap } from "./tap_scene.ts";

const missing = whyNoTap();

function testWithTap(name: string, run: (tap: Tap) => Promise<void> | void): void {
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined,
    async fn(): Promise<void> {
      using tap = Tap.open(tapName());
      await run(tap);
    },
  });
}

/** The next frame of that type. */
async function readFrame(tap: Tap, etherType: number): Promise<PacketView> {
  const frame = new Uint8Array(2048), view = new PacketView();
  for (const end = performance.now() + 20_000; performance.now() < end; await sleep(1)) {
    const bytes = tap.read(frame, 10);
    if (bytes === 0) continue;
    view.attach(new DataView(frame.buffer), 0, bytes);
    if (view.etherType === etherType) return view;
  }
  return assert.fail("No frame has come");
}

testWithTap(
  "the host answers what is written to a TAP interface, and the answer is read",
  async (tap) => {
    ipCommand("link", "set", tap.name, "up");
    ipCommand("addr", "add", "10.213.0.2/24", "dev", tap.name);
    assert.equal(
      tap.write(PacketTemplate.arp({ src: "10.213.0.1", dst: "10.213.0.2" }).next()),
      true,
    );
    const answer = await readFrame(tap, 0x0806);
    assert.equal(answer.arpOperation, 2);
    assert.equal(answer.sourceAddress, "10.213.0.2");
  },
);

testWithTap(
  "an interface that is down takes nothing (EIO), nor a frame without a header",
  (tap) => {
    const frame = PacketTemplate.arp({ src: "10.213.0.1", dst: "10.213.0.2" }).next();
    assert.throws(() => tap.write(frame), (error: NetmapError) => {
      assert.equal(error.code, "EIO");
      assert.match(error.message, /^Cannot send on "\w+": .*\nHint: .*"ip link set \w+ up"$/);
      return true;
    });
    ipCommand("link", "set", tap.name, "up");
    assert.throws(() => tap.write(new Uint8Array(13)), { code: "EINVAL" });
  },
);

testWithTap("reading waits for so long, and then returns 0", (tap) => {
  const start = performance.now();
  assert.equal(tap.read(new Uint8Array(60), 50), 0);
  assert.ok(performance.now() - start >= 45);
  assert.equal(tap.read(new Uint8Array(60)), 0);
  assert.throws(() => tap.read(new Uint8Array(60), 0.5), RangeError);
});

testWithTap("a TAP interface has one user; it goes when it is closed", (tap) => {
  assert.throws(() => Tap.open(tap.name), { code: "EBUSY" });
  tap.close();
  tap.close();
  assert.equal(tap.closed, true);
  assert.throws(() => tap.write(new Uint8Array(60)), { code: "EBADF" });
  assert.throws(() => tap.read(new Uint8Array(60)), { code: "EBADF" });
  using again = Tap.open(tap.name);
  assert.equal(again.name, tap.name);
});

testWithTap("without a name the kernel chooses one; bad names are refused", () => {
  using tap = Tap.open();
  assert.match(tap.name, /^tap\d+$/);
  assert.throws(() => Tap.open("0123456789abcdef"), { code: "ENAMETOOLONG" });
  assert.throws(() => Tap.open("a\0b"), SyntaxError);
  assert.throws(() => Tap.open(7 as unknown as string), TypeError);
  assert.throws(() => Tap.open("lo"), { code: "EINVAL" });
});
