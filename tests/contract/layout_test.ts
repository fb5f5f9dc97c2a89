/** What lies in a fresh port's memory, byte by byte, as the kernel's module lays it out. */

import assert from "node:assert/strict";
import { type Region, RegisterMode } from "../../mod.ts";
import { RegisterFlag } from "../../ffi/constants.ts";
import { INTERFACE, RING, SLOT } from "../../ffi/layout.ts";
import { forEachBackend, type Scene } from "./backends.ts";
import { RawDescriptor, REGISTER, RequestType } from "./raw.ts";

/** How a port is registered. */
interface Binding {
  slots?: [tx: number, rx: number];
  rings?: [tx: number, rx: number];
  mode?: number;
  ring?: number;
  flags?: number;
  extra?: number;
}

/** A ring as it lies in memory. */
interface RingImage {
  at: number;
  buffers: [first: number, last: number];
  positions: [head: number, cur: number, tail: number];
  ringId: number;
  direction: number;
}

/** A registered descriptor with its memory. */
class Bound implements Disposable {
  readonly #raw: RawDescriptor;
  readonly region: Region;
  /** Where the netmap_if is. */
  readonly at: number;

  constructor(scene: Scene, name: string, binding: Binding = {}) {
    const { slots = [0, 0], rings = [0, 0], mode = RegisterMode.ALL_NIC } = binding;
    scene.useNetmapSizes();
    this.#raw = new RawDescriptor(scene);
    const code = this.#raw.request(
      RequestType.REGISTER,
      `${scene.bridgeName}:${name}`,
      (message) => {
        message.setU32(REGISTER.txSlots, slots[0]).setU32(REGISTER.rxSlots, slots[1]);
        message.setU16(REGISTER.txRings, rings[0]).setU16(REGISTER.rxRings, rings[1]);
        message.setU32(REGISTER.mode, mode).setU16(REGISTER.ringId, binding.ring ?? 0);
        message.setU64(REGISTER.flags, BigInt(binding.flags ?? 0));
        message.setU32(REGISTER.extraBufs, binding.extra ?? 0);
      },
    );
    assert.equal(code, "");
    this.at = this.#raw.answer.u64(REGISTER.offset);
    this.region = this.#raw.map();
  }

  /** A u32 of the netmap_if. */
  u32(field: number): number {
    return this.region.view.getUint32(this.at + field, true);
  }

  get name(): string {
    const bytes = this.region.u8.subarray(this.at, this.at + 16);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  }

  /** Where the rings are in the region, in the order of ring_ofs[]; 0: not bound. */
  get ringPlaces(): number[] {
    const count = this.u32(INTERFACE.txRings) + this.u32(INTERFACE.rxRings) + 2;
    return Array.from({ length: count }, (_, i) => {
      const at = this.at + INTERFACE.ringOffsets + 8 * i;
      const offset = Number(this.region.view.getBigInt64(at, true));
      return offset === 0 ? 0 : this.at + offset;
    });
  }

  /** What is in the ring, whose slots must be as netmap makes them. */
  ring(index: number): RingImage {
    const { view } = this.region;
    const at = this.ringPlaces[index];
    const u32 = (field: number): number => view.getUint32(at + field, true);
    const slots = u32(RING.slotCount);
    assert.equal(u32(RING.bufSize), 2048);
    assert.equal(u32(RING.flags), 0);
    for (const field of [RING.timestampSeconds, RING.offsetMask, RING.bufAlign]) {
      assert.equal(view.getBigUint64(at + field, true), 0n);
    }
    const first = u32(RING.slots);
    for (let i = 0; i < slots; i++) {
      const slot = at + RING.slots + i * SLOT.size;
      assert.equal(view.getUint32(slot, true), first + i);
      assert.equal(view.getUint16(slot + SLOT.length, true), 2048);
      assert.equal(view.getUint16(slot + SLOT.flags, true), 0);
      assert.equal(view.getBigUint64(slot + SLOT.ptr, true), 0n);
    }
    return {
      at,
      buffers: [first, first + slots - 1],
      positions: [u32(RING.head), u32(RING.cur), u32(RING.tail)],
      ringId: view.getUint16(at + RING.ringId, true),
      direction: view.getUint16(at + RING.direction, true),
    };
  }

  /** Extra buffers in the order of their list. */
  get extra(): number[] {
    const { view } = this.region;
    const ring = this.ringPlaces.find((place) => place > 0)!;
    const base = ring + Number(view.getBigInt64(ring, true));
    const list: number[] = [];
    for (let i = this.u32(INTERFACE.bufsHead); i !== 0; i = view.getUint32(base + i * 2048, true)) {
      list.push(i);
    }
    return list;
  }

  [Symbol.dispose](): void {
    this.region.close();
    this.#raw[Symbol.dispose]();
  }
}

const POOL = 12288, RING_BYTES = 20480;

forEachBackend((backend) => {
  backend.test("a fresh default port: the interface, its rings, their slots", (scene) => {
    using port = new Bound(scene, "a");
    assert.equal(port.at, 0);
    assert.equal(port.name, `${scene.bridgeName}:a`);
    assert.equal(port.u32(INTERFACE.version), 0);
    const { flags, txRings, rxRings, bufsHead, hostTxRings, hostRxRings } = INTERFACE;
    const fields = [flags, txRings, rxRings, bufsHead, hostTxRings, hostRxRings];
    assert.deepEqual(fields.map((field) => port.u32(field)), [1, 1, 1, 0, 1, 1]);
    assert.deepEqual([44, 48, 52].map((at) => port.u32(at)), [0, 0, 0]);
    assert.deepEqual(port.ringPlaces, [POOL + RING_BYTES, 0, POOL, 0]);
    assert.deepEqual(port.ring(0), {
      at: 32768,
      buffers: [1026, 2049],
      positions: [0, 0, 1023],
      ringId: 0,
      direction: 1,
    });
    assert.deepEqual(port.ring(2), {
      at: 12288,
      buffers: [2, 1025],
      positions: [0, 0, 0],
      ringId: 0,
      direction: 0,
    });
    const bufferOffset = (ring: number): number =>
      Number(port.region.view.getBigInt64(port.ringPlaces[ring], true));
    assert.deepEqual([bufferOffset(2), bufferOffset(0)], [409600, 389120]);
  });

  backend.test("each open has its own interface, in the lowest free place, over the same rings", (scene) => {
    using first = new Bound(scene, "a");
    const second = new Bound(scene, "a", { slots: [64, 64], rings: [3, 3] });
    using third = new Bound(scene, "a");
    assert.deepEqual([first.at, second.at, third.at], [0, 1024, 2048]);
    assert.deepEqual(second.ringPlaces, first.ringPlaces);
    assert.equal(second.ring(0).buffers[1], 2049);
    second[Symbol.dispose]();
    using fourth = new Bound(scene, "a");
    assert.equal(fourth.at, 1024);
  });

  backend.test("rings 2 and 3, slots 16 and 32: receive rings first, each with the next buffers", (scene) => {
    using port = new Bound(scene, "a", { rings: [2, 3], slots: [16, 32] });
    const place = (ring: number): number => POOL + RING_BYTES * ring;
    assert.deepEqual(port.ringPlaces, [place(3), place(4), 0, place(0), place(1), place(2), 0]);
    assert.deepEqual([3, 4, 5, 0, 1].map((i) => port.ring(i).buffers), [
      [2, 33],
      [34, 65],
      [66, 97],
      [98, 113],
      [114, 129],
    ]);
    assert.deepEqual([3, 4, 5, 0, 1].map((i) => port.ring(i).ringId), [0, 1, 2, 0, 1]);
    assert.deepEqual(port.ring(1).positions, [0, 0, 15]);
  });

  backend.test("ONE_NIC binds one ring each way; a way with too few gives its first", (scene) => {
    using _all = new Bound(scene, "a", { rings: [2, 3], slots: [16, 32] });
    const bound = (ring: number): boolean[] => {
      using one = new Bound(scene, "a", { mode: RegisterMode.ONE_NIC, ring });
      return one.ringPlaces.map((place) => place !== 0);
    };
    assert.deepEqual(bound(1), [false, true, false, false, true, false, false]);
    assert.deepEqual(bound(2), [true, false, false, false, false, true, false]);
  });

  backend.test("rings that are not bound are not in the interface", (scene) => {
    const bound = (flags: number): boolean[] => {
      using port = new Bound(scene, "a", { flags, slots: [16, 16] });
      return port.ringPlaces.map((place) => place !== 0);
    };
    const { RX_RINGS_ONLY, TX_RINGS_ONLY } = RegisterFlag;
    assert.deepEqual(bound(RX_RINGS_ONLY), [false, false, true, false]);
    assert.deepEqual(bound(TX_RINGS_ONLY), [true, false, false, false]);
    assert.deepEqual(bound(RX_RINGS_ONLY | TX_RINGS_ONLY), [false, false, false, false]);
  });

  backend.test("extra buffers are a list from the last to the first", (scene) => {
    using port = new Bound(scene, "a", { slots: [16, 16], extra: 5 });
    assert.deepEqual(port.extra, [38, 37, 36, 35, 34]);
    using most = new Bound(scene, "a", { extra: 5000 });
    assert.equal(most.extra.length, 4059);
    using none = new Bound(scene, "a", { extra: 10 });
    assert.deepEqual(none.extra, []);
    most[Symbol.dispose]();
    using again = new Bound(scene, "a", { extra: 3 });
    assert.equal(again.extra.length, 3);
  });

  backend.test("a pipe: two sets of buffers for four rings, each seen from both ends", (scene) => {
    using master = new Bound(scene, "p{1", { slots: [8, 8] });
    using slave = new Bound(scene, "p}1");
    assert.deepEqual([master.at, slave.at], [0, 1024]);
    assert.deepEqual([master.name, slave.name], [
      `${scene.bridgeName}:p{1`,
      `${scene.bridgeName}:p}1`,
    ]);
    const place = (ring: number): number => POOL + RING_BYTES * ring;
    assert.deepEqual(master.ringPlaces, [place(1), 0, place(0), 0]);
    assert.deepEqual(slave.ringPlaces, [place(3), 0, place(2), 0]);
    assert.deepEqual([master.ring(2).buffers, master.ring(0).buffers], [[2, 9], [10, 17]]);
    assert.deepEqual([slave.ring(2).buffers, slave.ring(0).buffers], [[10, 17], [2, 9]]);
    for (const end of [master, slave]) {
      assert.deepEqual([end.ring(2).positions, end.ring(0).positions], [[0, 0, 0], [0, 0, 7]]);
    }
    using second = new Bound(scene, "p{2");
    assert.deepEqual([second.ring(2).buffers, second.ring(0).buffers], [[18, 25], [26, 33]]);
    using parent = new Bound(scene, "p");
    assert.deepEqual([parent.ring(2).buffers, parent.ring(0).buffers], [[34, 41], [42, 49]]);
  });

  backend.test("ports that share a memory follow each other in it", (scene) => {
    const [a, b] = [scene.port("a"), scene.port("b", { share: `${scene.bridgeName}:a` })];
    const buffers = [a.rxRings, a.txRings, b.rxRings, b.txRings].map(([ring]) =>
      ring.bufferIndex(0)
    );
    assert.deepEqual(buffers, [2, 18, 34, 50]);
    b.close();
    using c = scene.port("c", { memoryId: a.memoryId });
    assert.equal(c.rxRings[0].bufferIndex(0), 34);
  });

  backend.test("a port's rings start anew when it is opened by nobody and then by somebody", (scene) => {
    {
      using port = scene.port("a");
      port.txRings[0].setBufferIndex(3, 77);
      port.txRings[0].flags = 2;
      port.txRings[0].publish(5);
    }
    using port = new Bound(scene, "a", { slots: [16, 16] });
    assert.deepEqual(port.ring(0).positions, [0, 0, 15]);
    assert.deepEqual(port.ring(0).buffers, [18, 33]);
  });
});
