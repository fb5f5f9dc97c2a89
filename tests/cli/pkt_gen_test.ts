// pkt-gen from end to end: its threads on an engine of this process.
import assert from "node:assert/strict";
import type { Netmap } from "../../mod.ts";
import { PktGenScene, totals } from "./pkt_gen_scene.ts";

/** A line on stderr, as netmap's D() writes it. */
const LOG = String.raw`^\d{3}\.\d{6} `;
/** A figure with its unit. */
const FIGURE = String.raw`\d+(\.\d{3})? [KMGT]?`;
const REPORT = new RegExp(
  LOG + String.raw`main_thread \[2781\] ${FIGURE}pps \(${FIGURE}pkts ${FIGURE}bps in \d+ usec\) ` +
    String.raw`\d+\.\d\d avg_batch \d+ min_space$`,
  "m",
);
const SPEED = new RegExp(
  String.raw`^Speed: ${FIGURE}pps Bandwidth: ${FIGURE}bps \(raw ${FIGURE}bps\)\. ` +
    String.raw`Average batch: \d+\.\d\d pkts$`,
  "m",
);

Deno.test("tx and rx agree on packets and bytes, and write netmap's lines", async () => {
  using scene = new PktGenScene();
  const rx = await scene.start("-i vale0:b -f rx -n 1000").ready();
  const tx = await scene.ok("-i vale0:a -f tx -n 1000 -l 100");
  const received = await rx.ended;
  assert.equal(received.status, 0);
  assert.deepEqual(totals(tx.out), { packets: 1000, bytes: 100_000, events: 2 });
  const { packets, bytes } = totals(received.out);
  assert.deepEqual([packets, bytes], [1000, 100_000]);

  const [first, second, sent, speed, end] = tx.out.split("\n");
  assert.equal(first, "Sending on vale0:a: 1 queues, 1 threads and 1 cpus.");
  assert.equal(second, "10.0.0.1 -> 10.1.0.1 (00:00:00:00:00:00 -> ff:ff:ff:ff:ff:ff)");
  assert.match(
    sent,
    /^Sent 1000 packets 100000 bytes 2 events 100 bytes each in \d+\.\d\d seconds\.$/,
  );
  assert.match(speed, SPEED);
  assert.equal(end, "");
  assert.match(
    received.out,
    /^Receiving from vale0:b: 1 queues, 1 threads and 1 cpus\.\nReceived 1000 /,
  );
  assert.match(received.out, SPEED);
  for (const { err } of [tx, received]) {
    assert.match(err, REPORT);
    for (const line of err.trimEnd().split("\n")) {
      assert.match(line, new RegExp(LOG + String.raw`\w+ \[\d+\] `));
    }
  }
  const said = (where: string, text: string): void =>
    assert.ok(
      tx.err.split("\n").some((line) => line.slice(11) === `${where} ${text}`),
      `${where} ${text}`,
    );
  said("main [3036]", "interface is vale0:a");
  said("main [3159]", "using default burst size: 512");
  said("main [3167]", `running on 1 cpus (have ${navigator.hardwareConcurrency})`);
  said("extract_ip_range [477]", "range is 10.0.0.1:1234 to 10.0.0.1:1234");
  said("main [3369]", "Sending 512 packets every  0.000000000 s");
  said("start_threads [2695]", "Wait 0 secs for phy reset");
  said("start_threads [2697]", "Ready...");
  said("sender_body [1760]", "frags 1 frag_size 100");
  assert.match(received.err, /receiver_body \[1939\] reading from vale0:b/);
});

Deno.test("several threads each send on a ring, and all packets are received", async () => {
  using scene = new PktGenScene();
  // Broadcasts come to ring 0 only: together the threads see all of them
  const rx = await scene.start("-i vale0:b@conf:rings=3 -f rx -n 901 -p 3").ready();
  const tx = await scene.ok("-i vale0:a@conf:rings=3 -f tx -n 901 -p 3 -l 64");
  const received = await rx.ended;
  assert.match(tx.out, /^Sending on vale0:a@conf:rings=3: 3 queues, 3 threads and 1 cpus\.$/m);
  assert.deepEqual([totals(tx.out).packets, totals(tx.out).bytes], [901, 901 * 64]);
  assert.equal(received.status, 0);
  assert.deepEqual([totals(received.out).packets, totals(received.out).bytes], [901, 901 * 64]);
  assert.equal(tx.err.match(/sender_body \[1702\] start, thread \d/g)?.length, 3);
});

Deno.test("threads take different rings, and share the count out among them", async () => {
  using scene = new PktGenScene();
  using port = scene.port("b", { rings: 4 });
  // A known station: then the packets of ring i come to ring i
  port.send(Uint8Array.fromHex("ffffffffffff02000000000b0800" + "00".repeat(46)));
  await scene.ok("-i vale0:a@conf:rings=4 -f tx -n 10 -p 4 -D 02:00:00:00:00:0b");
  const perRing = [0, 0, 0, 0];
  for (const packet of port.receive()) perRing[packet.ring]++;
  assert.deepEqual(perRing, [3, 3, 2, 2]);
  // Fewer packets than threads
  await scene.ok("-i vale0:a@conf:rings=4 -f tx -n 2 -p 4 -D 02:00:00:00:00:0b");
  assert.equal(port.receiveFrames().length, 2);
});

Deno.test("more threads than rings are refused with exit status 1", async () => {
  using scene = new PktGenScene();
  const { status, err } = await scene.run("-i vale0:a -f tx -p 4");
  assert.equal(status, 1);
  assert.match(
    err,
    /^pkt-gen: Cannot use 4 threads on "vale0:a": it has 1 ring.*\nHint: .*rings=4"$/m,
  );
});

Deno.test("Ctrl-C ends each function with a summary and exit status 0", async () => {
  using scene = new PktGenScene();
  using _other = scene.port("other");
  const rows: [line: string, out: RegExp, err: RegExp][] = [
    ["-f tx", /^Sent \d+ packets /m, /sender_body \[1848\] flush tail \d+ head \d+/],
    ["-f rx", /^Received nothing\.$/m, /Ready/],
    ["-f ping", /^Working on vale0:a: 1 queues/, /Answered 0 of 1: 1 lost/],
    ["-f pong", /^Working on vale0:a: 1 queues, 1 threads and 1 cpus\.\n$/, /Ready/],
    ["-f txseq", /^Sent \d+ packets /m, /txseq_body \[2205\] flush/],
    ["-f rxseq", /^Received nothing\.$/m, /Ready/],
  ];
  for (const [line, out, err] of rows) {
    const running = await scene.start(`-i vale0:a ${line} -T 20`).ready();
    await running.says(/main_thread \[2781\]/);
    const outcome = await running.stop();
    assert.equal(outcome.status, 0, line);
    assert.match(outcome.out, out, line);
    assert.match(outcome.err, err, line);
    assert.match(outcome.err, /sigint_h \[574\] received control-C/, line);
  }
  assert.deepEqual(scene.netmap.ports().map(({ name }) => name), ["vale0:other"]);
});

Deno.test("Ctrl-C while it waits for the link ends it before it has sent anything", async () => {
  using scene = new PktGenScene();
  const running = await scene.start("-i vale0:a -f tx -w 600").says(/Wait 600 secs/);
  const { status, out } = await running.stop();
  assert.equal(status, 0);
  assert.match(out, /^Sent nothing\.$/m);
});

Deno.test("rx -W leaves after a second without packets, and does not count that second", async () => {
  using scene = new PktGenScene();
  const rx = await scene.start("-i vale0:b -f rx -W -T 100").says(/waiting for initial packets/);
  await scene.ok("-i vale0:a -f tx -n 7");
  const { status, out } = await rx.ended;
  assert.equal(status, 0);
  assert.equal(totals(out).packets, 7);
  assert.match(out, /in 0\.\d\d seconds\./);
});

Deno.test("-R sends in small bursts, all that is asked for", async () => {
  using scene = new PktGenScene();
  const rx = await scene.start("-i vale0:b -f rx -n 400").ready();
  const { out, err } = await scene.ok("-i vale0:a -f tx -n 400 -R 10000");
  assert.match(err, /Sending 33 packets every {2}0\.003300000 s$/m);
  // 400 = 12 * 33 + 4
  assert.deepEqual(totals(out), { packets: 400, bytes: 24_000, events: 13 });
  assert.equal(totals((await rx.ended).out).packets, 400);
});

Deno.test("-b sets the batch of sender and receiver", async () => {
  using scene = new PktGenScene();
  const rx = await scene.start("-i vale0:b -f rx -n 100 -b 10").ready();
  const tx = await scene.ok("-i vale0:a -f tx -n 100 -b 7");
  assert.equal(totals(tx.out).events, 15);
  assert.match(tx.out, /Average batch: 6\.67 pkts$/m);
  assert.ok(totals((await rx.ended).out).events >= 10);
});

Deno.test("-C sets slots and rings of a new port", async () => {
  using scene = new PktGenScene();
  const tx = await scene.start("-i vale0:a -f tx -C 64,128,2,3 -R 1 -v").ready();
  const { txSlots, rxSlots, txRings, rxRings } = scene.netmap.portInfo("vale0:a");
  assert.deepEqual([txSlots, rxSlots, txRings, rxRings], [64, 128, 2, 3]);
  const { out, err } = await tx.stop();
  assert.match(out, /^Sending on vale0:a: 2 queues/);
  assert.match(err, /parse_nmr_config \[666\] txr 2 txd 64 rxr 3 rxd 128$/m);
  assert.match(err, /main \[3301\] {4}TX1 at offset 0x[0-9a-f]+ slots 64$/m);
  assert.match(err, /main \[3301\] {4}RX2 at offset 0x[0-9a-f]+ slots 128$/m);
});

Deno.test("-N and -A change the lines as netmap's do", async () => {
  using scene = new PktGenScene();
  const { out, err } = await scene.ok("-i vale0:a -f tx -n 2000 -R 20000 -N -A -T 20");
  assert.match(
    out,
    /^Speed: \d+ pps Bandwidth: \d+ bps \(raw \d+ bps\)\. Average batch: 64\.52 pkts$/m,
  );
  assert.match(
    err,
    /main_thread \[2781\] \d+ pps \[avg\/std \d+ \/\d+ {2}pps\]\(\d+ pkts \d+ bps in \d+ usec\)/,
  );
});

Deno.test("-H puts virtio-net headers in front, and takes them off again", async () => {
  using scene = new PktGenScene();
  using plain = scene.port("c", { slots: 256 });
  using headed = scene.port("d", { slots: 256, headerLength: 10 });
  const rx = await scene.start("-i vale0:b -f rx -H 10 -n 100").ready();
  const tx = await scene.ok("-i vale0:a -f tx -n 100 -l 80 -H 12");
  assert.deepEqual(totals((await rx.ended).out), { packets: 100, bytes: 9000, events: 1 });
  // As in netmap's pkt-gen, sent bytes are those of the frames
  assert.equal(totals(tx.out).packets, 100);
  const frames = plain.receiveFrames();
  assert.deepEqual(frames.map(({ length }) => length), Array(100).fill(80));
  const [first] = headed.receiveFrames();
  assert.deepEqual([...first], [...new Uint8Array(10), ...frames[0]]);
});

Deno.test("-I sends from memory that slots point at", async () => {
  using scene = new PktGenScene();
  using port = scene.port("b", { slots: 256 });
  const tx = await scene.ok("-i vale0:a -f tx -n 100 -l 200 -I");
  assert.deepEqual(totals(tx.out), { packets: 100, bytes: 20_000, events: 1 });
  const frames = port.receiveFrames();
  assert.deepEqual(frames.map(({ length }) => length), Array(100).fill(200));
  assert.match(new TextDecoder().decode(frames[0]), /netmap pkt-gen indirect payload/);
});

Deno.test("what the engine cannot do is refused with cause and mend, and exit status 1", async () => {
  using scene = new PktGenScene();
  const rows: [line: string, message: RegExp][] = [
    ["-i vale0:a{1 -f tx -H 12", /Cannot set the virtio-net header of .*ENXIO.*\nHint: .*VALE/],
    ["-i vale0:a{1 -f tx -I", /Cannot send on "vale0:a\{1": .*EOPNOTSUPP.*\nHint: .*VALE/],
    ["-i none0 -w 0 -f tx", /Cannot open "none0": .*ENXIO.*\nHint: .*vale-ctl -n none0/],
    ["-i vale0:a^ -f rx", /Cannot open "vale0:a": .*EINVAL.*\nHint: .*host rings/],
  ];
  for (const [line, message] of rows) {
    const { status, err } = await scene.run(line);
    assert.equal(status, 1, err);
    assert.match(err, message);
  }
  assert.deepEqual(scene.netmap.ports(), []);
});

Deno.test("a port that somebody holds exclusively is refused with exit status 1", async () => {
  using scene = new PktGenScene();
  using _held = scene.port("a", { exclusive: true });
  const { status, err } = await scene.run("-i vale0:a -f rx");
  assert.equal(status, 1);
  assert.match(err, /^pkt-gen: Cannot open "vale0:a": .*\(EBUSY\)\nHint: /m);
});

Deno.test("a failure while it runs ends all threads, with figures, cause and exit status 1", async () => {
  using scene = new PktGenScene();
  using _port = scene.port("b");
  using bridge = scene.netmap.bridge("vale0");
  let calls = 0;
  bridge.lookup = (): number => {
    if (++calls > 5000) throw new Error("The experiment is over");
    return 255;
  };
  const { status, out, err } = await scene.run("-i vale0:a@conf:rings=2 -f tx -p 2");
  assert.equal(status, 1);
  assert.match(out, /^Sent \d+ packets /m);
  assert.match(err, /^pkt-gen: Cannot send on "vale0:a": .*\(ECANCELED\)\nHint: /m);
});

/** What the system says of a thread; nothing if it has ended since it was listed. */
function statusOf(thread: string): string {
  try {
    return Deno.readTextFileSync(`/proc/self/task/${thread}/status`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

Deno.test("-a keeps each thread on its CPU, or says what is missing", async () => {
  using scene = new PktGenScene();
  const run = await scene.start("-i null -f rx -a 0 -p 2 -c 1").ready();
  const allowed = (): string[] =>
    [...Deno.readDirSync("/proc/self/task")].map(({ name }) => {
      const status = statusOf(name);
      return `${/^Name:\s*(.*)$/m.exec(status)?.[1]} ${
        /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1]
      }`;
    });
  if (navigator.hardwareConcurrency > 1) {
    await run.until(
      "two threads are on CPU 0, or it fails",
      () => allowed().filter((text) => text.endsWith(" 0")).length >= 2 || /taskset/.test(run.err),
    );
  }
  const { status, err } = await run.stop();
  if (status !== 0) {
    assert.match(err, /^pkt-gen: Cannot pin a thread to CPU 0: .*\nHint: .*taskset/m);
  }
});

Deno.test("-i null makes packets and throws them away", async () => {
  using scene = new PktGenScene();
  const { out } = await scene.ok("-i null -f tx -n 5000 -l 100 -p 2 -z");
  assert.deepEqual([totals(out).packets, totals(out).bytes], [5000, 500_000]);
  const rx = await scene.start("-i null -f rx").ready();
  assert.match((await rx.stop()).out, /^Received nothing\.$/m);
});

Deno.test("persistent interfaces and pipes work as ports", async () => {
  using scene = new PktGenScene();
  const rx = await scene.start("-i vale0:p{1 -f rx -n 5000").ready();
  const { out } = await scene.ok("-i vale0:p}1 -f tx -n 5000");
  assert.equal(totals(out).packets, 5000);
  // A pipe loses nothing, however full it is
  assert.equal(totals((await rx.ended).out).packets, 5000);

  scene.netmap.createInterface("vi0");
  const bridge: Netmap = scene.netmap;
  bridge.bridge("vale1").attach("vi0");
  const sink = await scene.start("-i vale1:x -f rx -n 10").ready();
  await scene.ok("-i vale1:vi0 -f tx -n 10");
  assert.equal(totals((await sink.ended).out).packets, 10);
  bridge.bridge("vale1").detach("vi0");
  scene.netmap.removeInterface("vi0");
});
