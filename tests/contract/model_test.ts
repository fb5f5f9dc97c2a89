/**
 * Random operations, compared with the model: no packet is lost, duplicated, changed, reordered within
 * a flow or delivered to a wrong port without a counter saying so.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { BROADCAST, DROP, type Lookup, type Port } from "../../mod.ts";
import { codeOf, dropsOf, forEachBackend, Scene } from "./backends.ts";
import { frame, mac, MULTICAST_MAC, tagOf } from "./frames.ts";
import { type Decision, ModelBridge, ModelPort, type Packet, portByTag } from "./model.ts";

/** Ports that come and go, persistent interfaces, and the two ends of a pipe. */
const EPHEMERAL = 4, PERSISTENT = 2, PIPE = 2;

type Operation =
  | { kind: "toggle" | "attach" | "receive"; port: number; limit: number }
  | { kind: "send"; port: number; packets: { to: number; from: number; length: number }[] }
  | { kind: "decide"; decision: Decision };

const port = fc.nat({ max: EPHEMERAL + PERSISTENT + PIPE - 1 });
const length = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 18, max: 2112 }) },
  { weight: 1, arbitrary: fc.integer({ min: 2113, max: 6144 }) },
);
// Few stations, so that they meet; none of them share a bucket
const packet = fc.record({ to: fc.nat({ max: 7 }), from: fc.nat({ max: 6 }), length });

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      port,
      packets: fc.array(packet, { minLength: 1, maxLength: 20 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom("receive" as const, "toggle" as const, "receive" as const),
      port,
      limit: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("attach" as const), port, limit: fc.constant(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("decide" as const),
      decision: fc.constantFrom<Decision[]>(
        "learning",
        "learning",
        "by tag",
        "flood",
        "drop",
        "garbage",
        "throw",
      ),
    }),
  },
);

const LOOKUPS: Record<Exclude<Decision, "learning">, Lookup> = {
  "by tag": (packet) => portByTag(packet.u32(14)),
  flood: () => BROADCAST,
  drop: () => DROP,
  garbage: () => -1,
  throw: () => {
    throw new Error("as told");
  },
};

/** One of the ports, and what the model knows about it. */
interface Pair {
  name: string;
  isPersistent: boolean;
  real?: Port | undefined;
  model?: ModelPort | undefined;
}

/** The real thing and the model, side by side. */
class Comparison {
  readonly #scene: Scene;
  readonly #model: ModelBridge;
  readonly #pairs: Pair[];
  #tag = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#model = new ModelBridge(!scene.backend.isEngine);
    const { bridgeName, backend } = scene;
    const ephemeral = Array.from({ length: EPHEMERAL }, (_, i) => ({
      name: `${bridgeName}:e${i}`,
      isPersistent: false,
    }));
    // In the kernel an interface that was opened cannot be detached (D1)
    const persistent = Array.from({ length: backend.isEngine ? PERSISTENT : 0 }, (_, i) => {
      const model = new ModelPort(this.#slots(i), scene.bufferBytes);
      model.isOpen = false;
      const name = `netmap:${scene.createInterface(`v${i}`, this.#slots(i))}`;
      return { name, isPersistent: true, model };
    });
    this.#pairs = [...ephemeral, ...persistent];
    const pipe = ["{", "}"].map((side) => ({
      name: `netmap:${scene.interfaceName("pp")}${side}1`,
      isPersistent: false,
      real: scene.netmap.open(`netmap:${scene.interfaceName("pp")}${side}1`, { slots: 16 }),
      model: new ModelPort(16, scene.bufferBytes),
    }));
    this.#pairs.push(...pipe);
  }

  #slots(i: number): number {
    return [8, 64, 16, 4][i];
  }

  run(operation: Operation): void {
    if (operation.kind === "decide") return this.#decide(operation.decision);
    const index = operation.port % this.#pairs.length;
    const pair = this.#pairs[index];
    if (operation.kind === "send") this.#send(pair, index, operation.packets);
    else if (operation.kind === "attach") this.#attach(pair);
    else if (operation.kind === "receive") this.#receive(pair, operation.limit);
    else this.#toggle(pair, index);
  }

  /** Everything that was counted, on both sides. */
  check(): void {
    const { isEngine } = this.#scene.backend;
    for (const { real, model } of this.#pairs) {
      if (real === undefined || model === undefined || !isEngine) continue;
      const counters = real.counters();
      const { txPackets, txBytes, rxPackets, rxBytes } = counters;
      assert.deepEqual({ txPackets, txBytes, rxPackets, rxBytes }, model.counted, real.name);
      assert.deepEqual(dropsOf(counters), model.drops, real.name);
      assert.equal(counters.portIndex, model.index, real.name);
    }
    assert.equal(this.#scene.bridge.ports().length, this.#model.ports.size);
  }

  /** What is left everywhere. */
  drain(): void {
    for (const pair of this.#pairs) this.#receive(pair, Infinity);
  }

  #isPipe(index: number): boolean {
    return index >= this.#pairs.length - PIPE;
  }

  #toggle(pair: Pair, index: number): void {
    if (this.#isPipe(index)) return;
    if (pair.real !== undefined) {
      pair.real.close();
      pair.real = undefined;
      pair.model!.isOpen = false;
      pair.model!.queue.length = 0;
      if (pair.isPersistent) return;
      this.#model.remove(pair.model!);
      pair.model = undefined;
      return;
    }
    pair.real = this.#scene.netmap.open(pair.name, {
      txSlots: 64,
      rxSlots: this.#slots(index % 4),
    });
    if (pair.isPersistent) {
      pair.model!.isOpen = true;
      return;
    }
    pair.model = new ModelPort(this.#slots(index), this.#scene.bufferBytes);
    this.#model.add(pair.model);
  }

  #attach({ isPersistent, real, model, name }: Pair): void {
    if (!isPersistent) return;
    const { bridge } = this.#scene;
    const attached = model!.index !== undefined;
    const plain = name.slice("netmap:".length);
    const code = codeOf(() => attached ? bridge.detach(plain) : bridge.attach(plain));
    assert.equal(code, real === undefined ? "" : "EBUSY");
    if (code !== "") return;
    if (attached) this.#model.remove(model!);
    else this.#model.add(model!);
  }

  #decide(decision: Decision): void {
    if (!this.#scene.backend.isEngine) return;
    const { bridge } = this.#scene;
    const lookup = decision === "learning" ? decision : LOOKUPS[decision];
    const code = codeOf(() => bridge.lookup = lookup);
    assert.equal(code, this.#model.ports.size === 0 ? "ENXIO" : "");
    if (code === "") this.#model.decision = decision;
  }

  #send(
    { real, model }: Pair,
    index: number,
    shapes: { to: number; from: number; length: number }[],
  ): void {
    if (real === undefined || model === undefined) return;
    const slots = real.txRings[0].slots - 1;
    const packets: Packet[] = [];
    let left = this.#isPipe(index) ? Infinity : slots;
    for (const { to, from, length } of shapes) {
      const needed = Math.ceil(length / this.#scene.bufferBytes);
      if (needed > slots || (left -= needed) < 0) break;
      packets.push({
        to: to === 7 ? MULTICAST_MAC : mac(to + 1),
        from: from === 6 ? "03:00:00:00:00:01" : mac(from + 1),
        length,
        tag: ++this.#tag,
      });
    }
    if (packets.length === 0) return;
    let sent = 0;
    const code = codeOf(() => sent = real.sendMany(packets.map(frame), { batch: 1000 }));
    if (this.#isPipe(index)) {
      const other = this.#pairs[index === this.#pairs.length - 1 ? index - 1 : index + 1];
      const taken = other.model!.take(packets);
      model.sent(packets.slice(0, taken));
      assert.equal(sent, taken);
    } else {
      const told = this.#model.send(model, packets);
      assert.equal(code, told ? "" : "ECANCELED");
      if (told) assert.equal(sent, packets.length);
    }
  }

  #receive({ real, model }: Pair, limit: number): void {
    if (real === undefined || model === undefined) return;
    const received = real.receiveFrames(limit);
    const expected = model.queue.splice(0, limit);
    assert.deepEqual(received.map(tagOf), expected.map(({ tag }) => tag), real.name);
    received.forEach((bytes, i) => assert.deepEqual(bytes, frame(expected[i])));
  }
}

forEachBackend((backend) => {
  backend.test("random operations do what the model does", () => {
    fc.assert(
      fc.property(
        fc.array(operation, { minLength: 1, maxLength: 80, size: "max" }),
        (operations) => {
          using scene = new Scene(backend);
          const comparison = new Comparison(scene);
          for (const operation of operations) {
            comparison.run(operation);
            comparison.check();
          }
          comparison.drain();
          comparison.check();
        },
      ),
      { numRuns: backend.either({ engine: 150, kernel: 30 }) },
    );
  });

  backend.test("a long run of random operations does what the model does", (scene) => {
    const comparison = new Comparison(scene);
    const operations = fc.sample(operation, {
      numRuns: backend.either({ engine: 3000, kernel: 500 }),
      seed: 20260210,
    });
    for (const operation of operations) {
      comparison.run(operation);
      comparison.check();
    }
    comparison.drain();
    comparison.check();
  });
});
