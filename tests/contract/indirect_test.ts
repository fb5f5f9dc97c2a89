/** Packets that are not in their slots' buffers, but where `slot.ptr` says (NS_INDIRECT): facts-netmap 2.6. */

import assert from "node:assert/strict";
import { type Port, SlotFlag, type TxRing } from "../../mod.ts";
import { assertDrops, forEachBackend } from "./backends.ts";
import { frame, mac, setSlot, slotsOf, tags } from "./frames.ts";
import { joined, pass, take, vnetHeader } from "./vnet.ts";

/** Sends what slots point at. */
function send(port: Port, ...packets: readonly Uint8Array<ArrayBuffer>[]): void {
  const [ring] = port.txRings;
  for (const packet of packets) {
    ring.setIndirect(ring.head, packet);
    ring.advance(1);
  }
  port.txSync();
}

/** Makes a slot point anywhere. */
function setPointer(ring: TxRing, slot: number, address: bigint): void {
  ring.region.view.setBigUint64(ring.offset + 256 + 16 * slot + 8, address, true);
}

forEachBackend((backend) => {
  backend.test("200 bytes arrive, and the slot stays as it was", (scene) => {
    const [a, b] = scene.ports(2);
    const packet = frame({ length: 200, tag: 3 });
    send(a, packet);
    assert.equal(a.txRings[0].slotFlags(0), SlotFlag.INDIRECT);
    assert.equal(a.txRings[0].length(0), 200);
    b.rxSync();
    assert.deepEqual(slotsOf(b.rxRings[0]), [[200, 0x100]]);
    assert.deepEqual(b.receiveFrames(), [packet]);
    assertDrops(a, {});
  });

  backend.test("packets of all lengths arrive, between others", (scene) => {
    const [a, b] = scene.ports(2);
    // On the kernel the longest ones come empty if their address is no multiple of 64
    const lengths = [14, 60, 64, 1500, ...backend.either({ engine: [2047, 2048], kernel: [] })];
    const packets = lengths.map((length) => frame({ length, tag: length }));
    a.send(frame({ tag: 1 }));
    send(a, ...packets);
    a.send(frame({ tag: 2 }));
    assert.deepEqual(b.receiveFrames(), [frame({ tag: 1 }), ...packets, frame({ tag: 2 })]);
  });

  backend.test("what lies in an ArrayBuffer with an offset is sent from there", (scene) => {
    const [a, b] = scene.ports(2);
    const packets = joined(frame({ tag: 1 }), frame({ tag: 2 }), frame({ tag: 3 }));
    send(a, packets.subarray(60, 120), packets.subarray(120));
    assert.deepEqual(tags(b), [2, 3]);
  });

  backend.test("a packet in several slots may be here and there", (scene) => {
    const [a, b] = scene.ports(2);
    const [ring] = a.txRings;
    const packet = frame({ length: 300, tag: 9 });
    ring.setIndirect(0, packet.slice(0, 100));
    ring.setSlotFlags(0, SlotFlag.INDIRECT | SlotFlag.MOREFRAG);
    ring.bytes(1).set(packet.subarray(100, 200));
    setSlot(ring, 1, { length: 100, flags: SlotFlag.MOREFRAG });
    ring.setIndirect(2, packet.slice(200));
    ring.advance(3);
    a.txSync();
    b.rxSync();
    assert.deepEqual(slotsOf(b.rxRings[0]), [[100, 0x320], [100, 0x320], [100, 0x300]]);
    assert.deepEqual(b.receiveFrames(), [packet]);
  });

  backend.test("9000 bytes are dropped, its neighbours are not", (scene) => {
    const [a, b] = scene.ports(2);
    const [ring] = a.txRings;
    ring.setIndirect(1, new Uint8Array(9000).subarray(0, 60));
    setSlot(ring, 1, { length: 9000 });
    ring.setIndirect(0, frame({ tag: 1 }));
    ring.setIndirect(2, frame({ tag: 2 }));
    ring.advance(3);
    a.txSync();
    assert.deepEqual(tags(b), [1, 2]);
    assertDrops(a, { tooLong: 1 });
  });

  for (const address of [0n, 8n, 0xdead_0000n, 0x7fff_ffff_f000n, 0xffff_8000_0000_0000n, -1n]) {
    backend.test(`a pointer to nowhere, 0x${BigInt.asUintN(64, address).toString(16)}, is dropped`, (scene) => {
      const [a, b] = scene.ports(2);
      const [ring] = a.txRings;
      for (let slot = 0; slot < 3; slot++) ring.setIndirect(slot, frame({ tag: slot }));
      setPointer(ring, 1, BigInt.asUintN(64, address));
      ring.advance(3);
      a.txSync();
      assert.deepEqual(tags(b), [0, 2]);
      assertDrops(a, { badBuffer: 1 });
    });
  }

  backend.test("the slot's own buffer takes the packet on its way, and has to be a good one", (scene) => {
    const [a, b] = scene.ports(2);
    const [ring] = a.txRings;
    const packet = frame({ tag: 4 });
    for (let slot = 0; slot < 2; slot++) ring.setIndirect(slot, packet);
    ring.region.view.setUint32(ring.offset + 256 + 16, 1, true);
    ring.advance(2);
    a.txSync();
    // The kernel copies straight to the receiver
    assert.deepEqual(tags(b), backend.either({ engine: [4], kernel: [4, 4] }));
    const expected = backend.either({ engine: packet, kernel: new Uint8Array(60) });
    assert.deepEqual(ring.bytes(0).slice(0, 60), expected);
    assertDrops(a, { badBuffer: 1 });
  });

  backend.test("the bridge learns from indirect packets, and finds their receivers", (scene) => {
    const [a, b, c] = scene.ports(3);
    send(a, frame({ from: mac(1) }));
    take(b), take(c);
    send(b, frame({ from: mac(2), to: mac(1), tag: 5 }));
    assert.deepEqual([tags(a), tags(c)], [[5], []]);
  });

  backend.test("lookups see indirect packets", {
    skip: { kernel: "the kernel has no lookups in TypeScript" },
  }, (scene) => {
    const [a, b] = scene.ports(2);
    scene.bridge.lookup = (packet) => packet.u32(14) === 7 ? 1 : 255;
    send(a, frame({ tag: 6 }), frame({ tag: 7 }));
    assert.deepEqual(tags(b), [7]);
  });

  backend.test("an indirect packet has its virtio-net header with it", {
    skip: { kernel: "the kernel takes the address in slot.ptr for its own when lengths differ" },
  }, (scene) => {
    const a = scene.port("a", { headerLength: 12 }), b = scene.port("b", { headerLength: 10 });
    const [ring] = a.txRings;
    ring.setIndirect(0, joined(vnetHeader(12), frame({ tag: 4 })));
    ring.advance(1);
    assert.deepEqual(pass(a, b, []).map(({ bytes }) => bytes), [
      joined(vnetHeader(10), frame({ tag: 4 })),
    ]);
  });

  backend.test("what the API refuses", (scene) => {
    const [a] = scene.ports(1);
    const [ring] = a.txRings;
    assert.throws(() => ring.setIndirect(0, new Uint8Array(scene.bufferBytes + 1)), RangeError);
    assert.throws(() => ring.setIndirect(16, new Uint8Array(60)), RangeError);
    a.close();
    ring.setIndirect(0, new Uint8Array(60));
  });
});
