/** A lookup of another thread that loops, or whose thread has something else to do: who sends is not held up. */

import assert from "node:assert/strict";
import { assertDrops, forEachBackend, type Scene, throwsCode } from "./backends.ts";
import { frame, mac, tags } from "./frames.ts";
import type { SilentJob } from "./silent_lookup_worker.ts";

const ENGINE_ONLY = {
  skip: { kernel: "the kernel takes lookups from kernel modules only: EOPNOTSUPP" },
};

/** A Worker that answers each job with a word. */
class Helper implements Disposable {
  readonly #worker = new Worker(new URL("./silent_lookup_worker.ts", import.meta.url), {
    type: "module",
  });
  readonly #scene: Scene;
  readonly #flags: SilentJob["flags"];
  readonly #ready: Promise<string>;

  constructor(scene: Scene, flags: SilentJob["flags"]) {
    this.#scene = scene;
    this.#flags = flags;
    this.#ready = this.#answer();
  }

  async do(what: SilentJob["do"]): Promise<string> {
    await this.#ready;
    return await this.start(what);
  }

  /** The same for one that has answered before: it has its job when this returns. */
  start(what: SilentJob["do"]): Promise<string> {
    const { backend, instance, bridgeName: bridge } = this.#scene;
    const answer = this.#answer();
    const job: SilentJob = {
      backend: backend.name,
      instance,
      bridge,
      do: what,
      flags: this.#flags,
    };
    this.#worker.postMessage(job);
    return answer;
  }

  [Symbol.dispose](): void {
    // A loop is not interrupted by terminate()
    Atomics.store(this.#flags, 0, 1);
    this.#worker.terminate();
  }

  #answer(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }): void => resolve(data);
      this.#worker.onerror = (event): void => {
        event.preventDefault();
        reject(new Error(event.message));
      };
    });
  }
}

function makeFlags(): SilentJob["flags"] {
  return new Int32Array(new SharedArrayBuffer(12));
}

/** Until the lookup has heard that it is waited for. */
async function untilSent(sender: Helper): Promise<void> {
  while (await sender.do({ send: "other" }) !== "sent");
}

forEachBackend((backend) => {
  backend.test(
    "a lookup of a Worker that loops holds nobody up, and can be replaced",
    ENGINE_ONLY,
    async (scene) => {
      const [a, b] = scene.ports(2);
      const flags = makeFlags();
      using owner = new Helper(scene, flags), sender = new Helper(scene, flags);
      assert.equal(await owner.do("decide"), "set");
      const other = sender.do({ send: "other" });
      throwsCode("ECANCELED", () => a.send(frame({ tag: 1 })));
      assert.equal(await other, "ECANCELED");
      // Each of these would take a second
      for (let i = 0; i < 200; i++) throwsCode("ECANCELED", () => a.send(frame({ tag: 2 })));
      assertDrops(a, { failed: 201 });
      assert.equal(Atomics.load(flags, 1), 1, "it is inside for the first one still");
      assert.deepEqual([scene.bridge.info().lookup, tags(b)], ["script", []]);

      scene.bridge.lookup = null;
      a.send(frame({ from: mac(1), tag: 3 }));
      assert.deepEqual(tags(b), [3], "it learns");
      a.close();

      const c = scene.port("c"), d = scene.port("d");
      c.send(frame({ tag: 4 }));
      assert.deepEqual([tags(b), tags(d)], [[4], [4]], "all goes on without it");
      Atomics.store(flags, 0, 1);
      assert.equal(await owner.do("decide"), "set", "it has come around");
      await untilSent(sender);
      tags(b);
      c.send(frame({ tag: 5 }));
      assert.deepEqual([tags(b), tags(d)], [[5], []]);
    },
  );

  backend.test(
    "a lookup whose thread is busy fails until that comes around",
    ENGINE_ONLY,
    async (scene) => {
      const [, b] = scene.ports(2);
      const flags = makeFlags();
      using sender = new Helper(scene, flags);
      await sender.do({ send: "early" });
      tags(b);
      scene.bridge.lookup = () => 1;
      let isDone = false;
      // Busy from before the Worker begins until it has its answer, whenever a busy machine lets it try
      const before = Atomics.load(flags, 2), end = performance.now() + 30_000;
      const sending = sender.start({ send: "other" }).finally(() => isDone = true);
      while (Atomics.load(flags, 2) === before && performance.now() < end);
      assert.equal(isDone, false, "its answer has not been heard, for we were busy");
      assert.equal(await sending, "ECANCELED");
      await untilSent(sender);
      assert.equal(tags(b).length, 1);
    },
  );
});
