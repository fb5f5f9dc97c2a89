/**
 * Monitors: upstream's scenarios 012 to 020 and 025 to 027, and what the kernel's module answered
 * about them.
 */

import assert from "node:assert/strict";
import type { Port } from "../../mod.ts";
import { type Backend, forEachBackend, type Scene } from "./backends.ts";
import { frame, slotsOf } from "./frames.ts";

const TXMON = 0x40;

/** The frames of a scenario: of one slot and of several. */
function sample(): Uint8Array[] {
  return Array.from({ length: 20 }, (_, tag) => frame({ tag, length: 50 + tag * 150 }));
}

/** A port to monitor, and the one at its other side. */
interface Pair {
  watched: Port;
  other: Port;
  /** What its monitors are named after. */
  name: string;
}

type MakePair = (scene: Scene) => Pair;

const SLOTS = { slots: 64 };

const PAIRS: Record<string, [MakePair, scenarios: number[]]> = {
  "an ephemeral port": [(scene) => ({
    watched: scene.port("v0", SLOTS),
    other: scene.port("v1", SLOTS),
    name: `${scene.bridgeName}:v0`,
  }), [12, 15, 18, 25]],
  "a persistent port": [(scene) => {
    const name = scene.createInterface("v", 64);
    scene.bridge.attach(name);
    return {
      watched: scene.port(name),
      other: scene.port("v1", SLOTS),
      name: scene.backend.either({
        engine: `${scene.bridgeName}:${name}`,
        kernel: `netmap:${name}`,
      }),
    };
  }, [13, 16, 19, 26]],
  "a pipe": [(scene) => ({
    watched: scene.port("p{1", SLOTS),
    other: scene.port("p}1"),
    name: `${scene.bridgeName}:p{1`,
  }), [14, 17, 20, 27]],
};

function number(scenario: number | undefined): string {
  return String(scenario).padStart(3, "0");
}

function monitor(scene: Scene, { name }: Pair, flags: string): Port {
  return scene.netmap.open(`${name}/${flags}`);
}

function received(port: Port): Uint8Array[] {
  const frames = port.receiveFrames();
  // Gives the slots back, which is when zero-copy monitors see them
  port.rxSync();
  return frames;
}

function scenarios(backend: Backend, kind: string): void {
  const [make, [rxCopy, rxZero, txCopy, txZero]] = PAIRS[kind]!;
  const isPipe = kind === "a pipe";

  backend.test(`${number(rxCopy)}: a copy monitor of ${kind} sees what it receives, at once`, (scene) => {
    const pair = make(scene);
    using seen = monitor(scene, pair, "r");
    const sent = sample();
    assert.equal(pair.other.sendMany(sent), sent.length);
    assert.deepEqual(received(seen), sent);
    assert.deepEqual(received(pair.watched), sent);
    assert.deepEqual(received(seen), []);
  });

  backend.test(`${number(rxZero)}: a zero-copy monitor of ${kind} sees what it has received when it has read it`, (scene) => {
    const pair = make(scene);
    using seen = monitor(scene, pair, "z");
    const sent = sample();
    assert.equal(pair.other.sendMany(sent), sent.length);
    assert.deepEqual(received(seen), []);
    assert.deepEqual(received(pair.watched), sent);
    assert.deepEqual(received(seen), sent);
  });

  backend.test(`${number(txCopy)}: a copy monitor of ${kind} sees what it sends`, (scene) => {
    const pair = make(scene);
    using seen = monitor(scene, pair, "t");
    const sent = sample();
    assert.equal(pair.watched.sendMany(sent), sent.length);
    assert.ok(slotsOf((seen.rxSync(), seen.rxRings[0])).every(([, flags]) => flags & TXMON));
    assert.deepEqual(received(seen), sent);
    assert.deepEqual(received(pair.other), sent);
  });

  backend.test(`${number(txZero)}: a zero-copy monitor of ${kind} sees what it has sent when the slots are free`, (scene) => {
    const pair = make(scene);
    using seen = monitor(scene, pair, "z");
    const sent = sample();
    assert.equal(pair.watched.sendMany(sent), sent.length);
    // A pipe's slots are free when the other end has given them back
    if (isPipe) assert.deepEqual(received(seen), []);
    assert.deepEqual(received(pair.other), sent);
    if (isPipe) pair.watched.txSync();
    seen.rxSync();
    assert.ok(slotsOf(seen.rxRings[0]).every(([, flags]) => flags & TXMON));
    assert.deepEqual(received(seen), sent);
  });
}

forEachBackend((backend) => {
  for (const kind of Object.keys(PAIRS)) scenarios(backend, kind);
});
