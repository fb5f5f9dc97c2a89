// txseq and rxseq: numbered packets, and the gaps that a lossy bridge makes.
import assert from "node:assert/strict";
import { BROADCAST, DROP, type Port } from "../../mod.ts";
import { PktGenScene, type Running, totals } from "./pkt_gen_scene.ts";

const SUMMARY = /rxseq_body \[2400\] Sequence: (\d+) missing in (\d+) gaps (\d+) out of order$/m;

/** Missing, gaps, out of order. */
function figures(err: string): number[] {
  const match = SUMMARY.exec(err);
  assert.ok(match !== null, err);
  return match.slice(1).map(Number);
}

/** A packet of txseq with a number. */
function numbered(number: number, bytes = 60): Uint8Array {
  const frame = Uint8Array.fromHex(
    "ffffffffffff02000000000108004510002e00004000401126ad0a0000010a01000104d204d2001a00000000000061702070" +
      "6b742d67656e20444952",
  );
  new DataView(frame.buffer).setUint32(42, number);
  return frame.slice(0, bytes);
}

/** Sends, and waits until the receiver has counted them. */
async function sendNumbers(port: Port, rx: Running, numbers: readonly number[]): Promise<void> {
  port.sendMany(numbers.map((number) => numbered(number)));
  await rx.reports(numbers.length);
}

Deno.test("txseq numbers its packets, and rxseq finds none missing", async () => {
  using scene = new PktGenScene();
  const rx = await scene.start("-i vale0:x{1 -f rxseq -N -T 20").ready();
  const tx = await scene.start("-i vale0:x}1 -f txseq -R 50000").ready();
  await rx.reports(1000);
  const sent = await tx.stop();
  const { packets, bytes } = totals(sent.out);
  await rx.reports(packets); // a pipe loses nothing
  const received = await rx.stop();
  assert.deepEqual([totals(received.out).packets, totals(received.out).bytes], [packets, bytes]);
  assert.deepEqual(figures(received.err), [0, 0, 0]);
});

Deno.test("what txseq sends is netmap's, from number 0", async () => {
  using scene = new PktGenScene();
  using port = scene.port("b");
  const tx = await scene.start("-i vale0:a -f txseq -n 5 -R 300 -N -T 20").ready();
  await tx.reports(7);
  const { err, out } = await tx.stop();
  assert.match(err, /txseq_body \[2068\] Ignoring -n argument/);
  const frames = port.receiveFrames();
  assert.equal(frames.length, totals(out).packets);
  // Observed on netmap
  assert.equal(
    frames[0].toHex(),
    "ffffffffffff00000000000008004510002e00004000401126ad0a0000010a01000104d204d2001af85200000000617020" +
      "706b742d67656e20444952",
  );
  frames.forEach((frame, i) => assert.equal(new DataView(frame.buffer).getUint32(42), i));
});

Deno.test("rxseq tells gaps and disorder in netmap's words", async () => {
  using scene = new PktGenScene();
  using port = scene.port("a");
  const rx = await scene.start("-i vale0:b -f rxseq -N -T 20").ready();
  await sendNumbers(port, rx, [100, 101, 105, 106, 103, 104]);
  const { out, err } = await rx.stop();
  assert.equal(totals(out).packets, 6);
  assert.match(err, /^\d{3}\.\d{6} rxseq_body \[2400\] Sequence GAP: exp 102 found 105$/m);
  assert.match(err, /^\d{3}\.\d{6} rxseq_body \[2403\] Sequence OUT OF ORDER: exp 107 found 103$/m);
  assert.deepEqual(figures(err), [3, 1, 1]);
});

Deno.test("rxseq counts on beyond 2^32", async () => {
  using scene = new PktGenScene();
  using port = scene.port("a");
  const rx = await scene.start("-i vale0:b -f rxseq -N -T 20").ready();
  await sendNumbers(port, rx, [0xfffffffe, 0xffffffff, 0, 1, 3]);
  assert.deepEqual(figures((await rx.stop()).err), [1, 1, 0]);
});

Deno.test("a bridge that drops every tenth packet shows as gaps of one", async () => {
  using scene = new PktGenScene();
  using bridge = scene.netmap.bridge("vale0");
  const rx = await scene.start("-i vale0:b@conf:slots=1024 -f rxseq -N -T 20").ready();
  let count = 0, dropped = 0;
  bridge.lookup = (): number => {
    // The first and the last packet must arrive: nobody knows about others
    if (++count % 10 !== 5) return BROADCAST;
    dropped++;
    return DROP;
  };
  const tx = await scene.start("-i vale0:a -f txseq -R 5000").ready();
  await rx.reports(300);
  const sent = await tx.stop();
  assert.equal(totals(sent.out).packets, count);
  await rx.reports(count - dropped);
  const received = await rx.stop();
  assert.equal(totals(received.out).packets, count - dropped);
  const [missing, gaps, disordered] = figures(received.err);
  assert.ok(missing >= dropped - 1 && missing <= dropped, `${missing} of ${dropped}`);
  assert.equal(gaps, missing);
  assert.equal(disordered, 0);
  const match = /Sequence GAP: exp (\d+) found (\d+)/.exec(received.err);
  assert.ok(match !== null);
  assert.equal(Number(match[2]) - Number(match[1]), 1);
});

Deno.test("txseq -F sends whole packets as fragments, however the burst is divided", async () => {
  using scene = new PktGenScene();
  const rx = await scene.start("-i vale0:x{1 -f rxseq -N -T 20").ready();
  // 7 is no multiple of 3: netmap's pkt-gen sends 6 packets, and then nothing for ever
  const tx = await scene.start("-i vale0:x}1 -f txseq -F 3 -b 7 -R 3000 -X -N -T 20").ready();
  await tx.reports(30);
  const { out } = await tx.stop();
  const { packets, bytes } = totals(out);
  assert.ok(packets > 7 && packets % 3 === 0, out);
  assert.equal(bytes, packets * 60);
  const flags = [...out.matchAll(/ flags 0x(\w+) len {4}60\]/g)].map((match) => match[1]);
  assert.deepEqual(flags.slice(0, 6), ["0020", "0020", "0000", "0020", "0020", "0000"]);
  await rx.reports(packets);
  const received = await rx.stop();
  assert.equal(totals(received.out).packets, packets);
  assert.deepEqual(figures(received.err), [0, 0, 0]);
  assert.doesNotMatch(received.err, /frags/);
});

Deno.test("rxseq reads the number in each fragment, and tells when their count changes", async () => {
  using scene = new PktGenScene();
  using a = scene.port("a");
  const rx = await scene.start("-i vale0:b -f rxseq -N -T 20").ready();
  const [ring] = a.txRings;
  const put = (numbers: number[]): void => {
    numbers.forEach((number, i) => {
      const slot = (ring.head + i) % ring.slots;
      ring.bytes(slot).set(numbered(number));
      ring.setLength(slot, 60);
      ring.setSlotFlags(slot, i + 1 < numbers.length ? 0x20 : 0);
    });
    ring.advance(numbers.length);
  };
  put([0, 1, 2]);
  put([3, 4, 5]);
  put([6, 7]);
  a.txSync();
  await rx.reports(8);
  const { err, out } = await rx.stop();
  assert.equal(totals(out).packets, 8);
  assert.deepEqual(figures(err), [0, 0, 0]);
  assert.match(
    err,
    /rxseq_body \[2363\] Received packets with 2 frags, expected 3, '\|60,220\|\|60,200\|'$/m,
  );
});

Deno.test("rxseq -W leaves after a second of silence; a packet without room for a number is told", async () => {
  using scene = new PktGenScene();
  using port = scene.port("a");
  const rx = await scene.start("-i vale0:b -f rxseq -W").ready();
  port.send(numbered(1, 45));
  const { status, err } = await rx.ended;
  assert.equal(status, 0);
  assert.match(err, /rxseq_body \[2384\] rxseq_body: packet too small \(len=45\)$/m);
});
