/** Several threads on one netmap: Workers that send to one receiver, and wake who waits. */

import assert from "node:assert/strict";
import { BROADCAST } from "../../mod.ts";
import { forEachBackend, type Scene } from "./backends.ts";
import { frame, mac, tags } from "./frames.ts";
import type { SendJob, SendReport } from "./send_worker.ts";

const SHARE = 1_000_000;

/** A Worker with a job. */
class Sender implements Disposable {
  readonly #worker = new Worker(new URL("./send_worker.ts", import.meta.url), { type: "module" });
  /** Fulfilled when it can take a job. */
  readonly ready: Promise<unknown>;

  constructor() {
    this.ready = this.#answer();
  }

  #answer<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }): void => resolve(data);
      this.#worker.onerror = (event): void => {
        event.preventDefault();
        reject(new Error(event.message));
      };
    });
  }

  /** Runs the job. */
  async run(scene: Scene, job: Omit<SendJob, "backend" | "instance">): Promise<SendReport> {
    await this.ready;
    const done = this.#answer<SendReport>();
    this.#worker.postMessage({ backend: scene.backend.name, instance: scene.instance, ...job });
    return await done;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/** Asserts that each sender's tags come in their order, each at most once; counts them. */
function assertInOrder(found: number[]): number[] {
  const last = new Map<number, number>(), counts: number[] = [];
  for (const tag of found) {
    const sender = Math.floor(tag / SHARE);
    assert.ok(tag > (last.get(sender) ?? -1), `${tag} after ${last.get(sender)}`);
    last.set(sender, tag);
    counts[sender] = (counts[sender] ?? 0) + 1;
  }
  return counts;
}

forEachBackend((backend) => {
  for (const batch of [1, 16, 256]) {
    backend.test(`two Workers send to one port, ${batch} frames a batch: nothing is lost uncounted`, async (scene) => {
      using receiver = scene.port("rx", { slots: 256 });
      receiver.send(frame({ from: mac(9) }));
      using first = new Sender(), second = new Sender();
      const count = batch === 1 ? 5000 : 40_000;
      let running = true;
      const jobs = Promise.all([first, second].map((sender, i) =>
        sender.run(scene, {
          port: `${scene.bridgeName}:tx${i}`,
          from: mac(i + 1),
          to: mac(9),
          first: i * SHARE,
          count,
          batch,
        })
      )).finally(() => running = false);
      const found: number[] = [];
      while (running) {
        if (await receiver.wait({ timeoutMs: 20 })) found.push(...tags(receiver));
      }
      found.push(...tags(receiver));
      const reports = await jobs;
      const counts = assertInOrder(found);
      assert.equal(counts.length, 2, "frames of both have come");
      if (!backend.isEngine) return;
      assert.deepEqual(reports, [{ sent: count, dropped: 0 }, { sent: count, dropped: 0 }]);
      const { rxPackets, drops } = receiver.counters();
      assert.equal(rxPackets, found.length);
      assert.equal(rxPackets + drops.ringFull, 2 * count);
    });
  }

  backend.test("wait() is woken by another thread's send", async (scene) => {
    using receiver = scene.port("rx");
    using sender = new Sender();
    const waiting = receiver.wait({ timeoutMs: 20_000 });
    const start = performance.now();
    await sender.run(scene, {
      port: `${scene.bridgeName}:tx`,
      from: mac(1),
      first: 7,
      count: 1,
      batch: 1,
    });
    assert.equal(await waiting, true);
    assert.ok(performance.now() - start < 10_000);
    assert.deepEqual(tags(receiver), [7]);
  });

  for (const [rx, tx] of [["rx", "tx"], ["p}1", "p{1"]]) {
    backend.test(`a thread that sleeps in poll() of ${rx} is woken by another thread's send`, async (scene) => {
      using receiver = scene.port(rx);
      using sender = new Sender();
      await sender.ready;
      const job = sender.run(scene, {
        port: `${scene.bridgeName}:${tx}`,
        from: mac(1),
        first: 8,
        count: 1,
        batch: 1,
        delayMs: 50,
      });
      // The job goes out in this turn, and nothing else happens here until poll() returns
      await Promise.resolve();
      const start = performance.now();
      assert.equal(receiver.poll("read", 30_000), 1);
      assert.ok(performance.now() - start < 15_000);
      assert.deepEqual(tags(receiver), [8]);
      await job;
    });
  }

  backend.test("batches() goes on as long as another thread sends", async (scene) => {
    using receiver = scene.port("rx", { slots: 1024 });
    using last = scene.port("last");
    using sender = new Sender();
    let over = false;
    const running = sender.run(scene, {
      port: `${scene.bridgeName}:tx`,
      from: mac(1),
      first: 0,
      count: 20_000,
      batch: 64,
    }).then(async () => {
      // Says so until it gets through: the ring may be full
      for (let tag = SHARE; !over; tag++) {
        last.send(frame({ from: mac(2), tag }));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    });
    const found: number[] = [];
    for await (const batch of receiver.batches({ timeoutMs: 20_000 })) {
      for (const packet of batch) found.push(packet.getUint32(14));
      if (found.length > 0 && found[found.length - 1] >= SHARE) break;
    }
    over = true;
    await running;
    const [count] = assertInOrder(found);
    assert.ok(count > 0);
    if (!backend.isEngine) return;
    const { rxPackets, drops } = receiver.counters();
    const { txPackets } = last.counters();
    assert.equal(rxPackets + drops.ringFull, 20_000 + txPackets);
    assert.ok(rxPackets - found.length < txPackets);
  });

  backend.test("ports come and go in one thread while another sends and receives", async (scene) => {
    using a = scene.port("a", { slots: 256 }), b = scene.port("b", { slots: 256 });
    b.send(frame({ from: mac(2) }));
    a.send(frame({ from: mac(1) }));
    tags(a), tags(b);
    using worker = new Sender();
    let running = true, rounds = 0;
    const job = worker.run(scene, {
      port: `${scene.bridgeName}:w`,
      from: mac(3),
      to: mac(1),
      first: 0,
      count: backend.isEngine ? 4000 : 400,
      batch: 8,
      reopen: true,
    }).finally(() => running = false);
    while (running) {
      a.sendMany([1, 2, 3].map((tag) => frame({ from: mac(1), to: mac(2), tag: SHARE + tag })));
      assert.deepEqual(tags(b), [SHARE + 1, SHARE + 2, SHARE + 3]);
      tags(a);
      rounds++;
      await new Promise((resolve) => setTimeout(resolve));
    }
    await job;
    assert.ok(rounds > 0);
    assert.equal(scene.bridge.ports().length, 2);
  });

  backend.test("a Worker's packets ask the lookup of the thread that set it", {
    skip: { kernel: "the kernel takes lookups from kernel modules only: EOPNOTSUPP" },
  }, async (scene) => {
    using receiver = scene.port("rx", { slots: 512 });
    let asked = 0;
    scene.bridge.lookup = () => {
      asked++;
      return BROADCAST;
    };
    using sender = new Sender();
    const report = await sender.run(scene, {
      port: `${scene.bridgeName}:tx`,
      from: mac(1),
      first: 0,
      count: 300,
      batch: 10,
    });
    assert.deepEqual([asked, report.sent, report.dropped], [300, 300, 0]);
    assert.equal(tags(receiver).length, 300);
    scene.bridge.lookup = "learning";
  });
});
