/**
 * Receivers that are killed lose nothing that they have acknowledged. `persistent_packets.ts --full` kills
 * 200 of them.
 */

import assert from "node:assert/strict";
import { Netmap, PacketStore } from "../../../mod.ts";
import { frameOf, Victim } from "../../../scripts/experiments/persistent/killed.ts";
import { forEachBackend } from "../../contract/backends.ts";

forEachBackend((backend) => {
  backend.test("receivers that are killed lose nothing that they have acknowledged", async (scene) => {
    using victim = new Victim();
    const { instance, bridgeName } = scene;
    for (let i = 0; i < 6; i++) {
      const [port, sender] = ["r", "s"].map((name) => `${bridgeName}:${name}${i}`);
      await victim.kill({ backend: backend.name, instance, port, sender });
    }
    const { kills, acknowledged, lost, corrupt } = victim.result;
    assert.deepEqual({ kills, lost, corrupt }, { kills: 6, lost: 0, corrupt: 0 });
    assert.ok(acknowledged > 0);
  });

  backend.test("packets that vanish or change are noticed", async (scene) => {
    using victim = new Victim();
    const kill = async (i: number): Promise<void> => {
      const [port, sender] = ["r", "s"].map((name) => `${scene.bridgeName}:${name}${i}`);
      await victim.kill({ backend: backend.name, instance: scene.instance, port, sender });
    };
    await kill(0);
    {
      using store = PacketStore.open(victim.path);
      assert.equal(store.remove(store.packets().at(-1)!.number), true);
    }
    const bytes = Deno.readFileSync(victim.path);
    const last = PacketStore.open(victim.path);
    const sent = last.packets().at(-1)!.bytes;
    last.close();
    const at = indexOf(bytes, sent);
    bytes[at + 50] ^= 1;
    Deno.writeFileSync(victim.path, bytes);
    await victim.look();
    assert.equal(victim.result.lost, 1);
    assert.equal(victim.result.corrupt, 1);
  });
});

Deno.test("a receiver goes on with a file that was full when the one before was killed", async () => {
  const names = { backend: "embedded", instance: "full file" } as const;
  using victim = new Victim();
  {
    using netmap = Netmap.open(names);
    using store = PacketStore.open(victim.path);
    using _receiving = store.openPort(netmap, "vale0:r");
    using sending = netmap.open("vale0:s");
    for (let number = 1; store.room > 0; number++) {
      sending.send(frameOf(number));
      assert.equal(store.keepAll(), 1);
    }
  }
  await victim.look();
  const full = victim.result.acknowledged;
  await victim.kill({ ...names, port: "vale0:r", sender: "vale0:s" });
  const { lost, corrupt } = victim.result;
  assert.deepEqual({ lost, corrupt }, { lost: 0, corrupt: 0 });
  using store = PacketStore.open(victim.path);
  assert.ok(store.packets().at(-1)!.number > full, "it has made room, and kept more");
});

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  for (let at = 0;; at++) {
    at = bytes.indexOf(part[0], at);
    assert.ok(at >= 0, "the packet is in the file");
    if (part.every((byte, i) => bytes[at + i] === byte)) return at;
  }
}

Deno.test("each packet's bytes follow from its number", () => {
  assert.deepEqual(frameOf(7), frameOf(7));
  assert.notDeepEqual(frameOf(7), frameOf(8));
});
