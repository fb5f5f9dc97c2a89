/** Packets that do not begin where their buffers do (option OFFSETS): facts-netmap 1.3. */

import assert from "node:assert/strict";
import type { Port } from "../../mod.ts";
import { OptionType } from "../../ffi/constants.ts";
import { OPTION, OPTION_OFFSETS } from "../../ffi/layout.ts";
import { assertDrops, forEachBackend, type Scene } from "./backends.ts";
import { fill, frame, mac, tags } from "./frames.ts";
import { RawDescriptor, REGISTER, RequestType } from "./raw.ts";
import { headerBytes, ipPacket, joined, Segment, take, vnetHeader } from "./vnet.ts";

/** What lies at the beginning of the buffers of the slots that hold something. */
function buffersOf(port: Port): Uint8Array<ArrayBuffer>[] {
  port.rxSync();
  const [ring] = port.rxRings;
  const found = [];
  for (let slot = ring.head; slot !== ring.tail; slot = ring.next(slot)) {
    found.push(ring.bytes(slot).slice());
  }
  return found;
}

/** Fields of the option. */
interface Option {
  max?: bigint;
  initial?: bigint;
  bits?: number;
}

/** Registers with the option. Returns the error, the option's status, and its largest offset. */
function register(
  raw: RawDescriptor,
  name: string,
  { max = 0n, initial = 0n, bits = 0 }: Option,
  flags = 0n,
): [error: string, status: number, max: bigint] {
  let at = 0;
  const error = raw.request(RequestType.REGISTER, name, (message) => {
    message.setU32(REGISTER.txSlots, 16).setU32(REGISTER.rxSlots, 16);
    message.setU32(REGISTER.mode, 1).setU64(REGISTER.flags, flags);
    at = message.addOption(OptionType.OFFSETS, OPTION_OFFSETS.size);
    message.view.setBigUint64(at + OPTION_OFFSETS.maxOffset, max, true);
    message.view.setBigUint64(at + OPTION_OFFSETS.initialOffset, initial, true);
    message.view.setUint32(at + OPTION_OFFSETS.offsetBits, bits, true);
  });
  const { view } = raw.answer;
  return [
    error,
    view.getUint32(at + OPTION.status, true),
    view.getBigUint64(at + OPTION_OFFSETS.maxOffset, true),
  ];
}

const EINVAL = 22, EBUSY = 16;

/** A sender and a receiver with offsets, or without. */
function pair(scene: Scene, from: number | undefined, to: number | undefined): [Port, Port] {
  return [scene.port("a", { offset: from }), scene.port("b", { offset: to })];
}

forEachBackend((backend) => {
  const rows: [option: Option, code: string][] = [
    [{}, ""],
    [{ max: 100n, initial: 100n, bits: 7 }, ""],
    [{ max: 2048n, initial: 64n, bits: 64 }, ""],
    [{ max: BigInt(backend.either({ engine: 2113, kernel: 2049 })) }, "EINVAL"],
    [{ max: 128n, bits: 7 }, "EINVAL"],
    [{ max: 127n, bits: 7 }, ""],
    [{ max: 64n, bits: 65 }, "EINVAL"],
    [{ max: 64n, initial: 65n }, "EINVAL"],
    [{ max: 2n ** 63n }, "EINVAL"],
  ];
  for (const [option, code] of rows) {
    const text = Object.entries(option).map((entry) => entry.join(" ")).join(", ") || "nothing";
    backend.test(`REGISTER with offsets, ${text}: ${code || "taken"}`, (scene) => {
      using raw = new RawDescriptor(scene);
      const { max = 0n } = option, name = `${scene.bridgeName}:a`;
      assert.deepEqual(register(raw, name, option), [
        code,
        code === "" ? 0 : EINVAL,
        max,
      ]);
      // A port that was refused is not there
      assert.equal(scene.netmap.ports().some(({ name: port }) => port === name), code === "");
    });
  }

  backend.test("who opens a port with offsets once more takes what there is, and cannot ask for more", (scene) => {
    const name = `${scene.bridgeName}:a`;
    using first = new RawDescriptor(scene);
    using second = new RawDescriptor(scene);
    using third = new RawDescriptor(scene);
    using fourth = new RawDescriptor(scene);
    assert.deepEqual(register(first, name, { max: 128n, bits: 16 }), ["", 0, 128n]);
    assert.deepEqual(register(second, name, { max: 129n, bits: 16 }), ["EBUSY", EBUSY, 129n]);
    assert.deepEqual(register(third, name, { max: 64n, bits: 17 }), ["EBUSY", EBUSY, 64n]);
    assert.deepEqual(register(fourth, name, { max: 64n, bits: 8 }), ["", 0, 128n]);
    const ring = scene.port("a").txRings[0];
    assert.equal(ring.region.view.getBigUint64(ring.offset + 56, true), 0xffffn);
    assert.equal(ring.region.view.getBigUint64(ring.offset + 64, true), 0n);
  });

  backend.test("all slots have the initial offset, in their ptr", (scene) => {
    using port = scene.port("a", { offset: { initial: 64, max: 200, bits: 20 } });
    for (const ring of [...port.txRings, ...port.rxRings]) {
      assert.deepEqual([ring.hasOffsets, ring.maxOffset], [true, 200]);
      for (let slot = 0; slot < 16; slot++) {
        assert.equal(ring.packetOffset(slot), 64);
        assert.equal(ring.region.view.getBigUint64(ring.offset + 256 + 16 * slot + 8, true), 64n);
      }
      assert.equal(ring.region.view.getBigUint64(ring.offset + 56, true), 0xfffffn);
    }
    assert.equal(port.txRings[0].slotBytes, scene.bufferBytes - 200);
  });

  backend.test("a port's name can say so", (scene) => {
    const name = `${scene.bridgeName}:a`;
    using port = scene.netmap.open(`${name}@offset:initial=128,bits=16`, { slots: 16 });
    assert.equal(port.rxRings[0].packetOffset(3), 128);
    assert.equal(port.rxRings[0].maxOffset, 128);
  });

  for (const [from, to] of [[64, undefined], [undefined, 128], [64, 192], [128, 128]]) {
    backend.test(`frames from offset ${from ?? "none"} arrive at offset ${to ?? "none"}`, (scene) => {
      const [a, b] = pair(scene, from, to);
      const frames = [60, 1000, 1500].map((length) => frame({ length, tag: length }));
      a.sendMany(frames);
      b.rxSync();
      frames.forEach((bytes, slot) => {
        const at = to ?? 0;
        assert.equal(b.rxRings[0].packetOffset(slot), at);
        assert.deepEqual(buffersOf(b)[slot].subarray(at, at + bytes.length), bytes);
      });
      assert.deepEqual(b.receiveFrames(), frames);
      assertDrops(a, {});
    });
  }

  backend.test("offsets that are no multiple of 64 hold as well", (scene) => {
    const [a, b] = pair(scene, 10, undefined);
    const c = scene.port("c", { offset: 100 });
    a.send(frame({ tag: 1, length: 200 }));
    // The kernel moves frames to where they are aligned as their sender has them; who has asked for
    // no offsets is not told
    const wrong = frame({ tag: 1, length: 200 });
    const [first] = b.receiveFrames();
    if (backend.isEngine) assert.deepEqual(first, wrong);
    else assert.notDeepEqual(first, wrong);
    c.rxSync();
    assert.equal(c.rxRings[0].packetOffset(0), backend.either({ engine: 100, kernel: 74 }));
    assert.deepEqual(c.receiveFrames(), [wrong]);
  });

  backend.test("each slot may have another offset, and one beyond the maximum is the maximum", (scene) => {
    const a = scene.port("a", { offset: { initial: 0, max: 256 } });
    const b = scene.port("b", { offset: { initial: 0, max: 256 } });
    const [tx] = a.txRings, [rx] = b.rxRings;
    for (let slot = 0; slot < 4; slot++) {
      tx.setPacketOffset(slot, slot * 64);
      rx.setPacketOffset(slot, 192 - slot * 64);
    }
    rx.region.view.setBigUint64(rx.offset + 256 + 16 * 4 + 8, 5000n, true);
    a.sendMany([0, 1, 2, 3, 4].map((tag) => frame({ tag })));
    b.rxSync();
    assert.deepEqual([0, 1, 2, 3, 4].map((slot) => rx.packetOffset(slot)), [192, 128, 64, 0, 256]);
    assert.equal(rx.region.view.getBigUint64(rx.offset + 256 + 16 * 4 + 8, true), 256n);
    assert.deepEqual(tags(b), [0, 1, 2, 3, 4]);
  });

  backend.test("the room in a buffer is what is behind the offset", (scene) => {
    const [a, b] = pair(scene, 64, undefined);
    const c = scene.port("c", { offset: 128 });
    const [tx] = a.txRings;
    for (const slot of [0, 1]) tx.bytes(slot).set(frame(), 64);
    const room = scene.bufferBytes - 64;
    fill(tx, [{ length: room + 1 }, { length: room }]);
    a.txSync();
    assert.deepEqual(take(b).map(({ bytes }) => bytes.length), [room]);
    // Too much for the third port's buffers
    assert.deepEqual(take(c).map(({ bytes }) => bytes.length), [0]);
    assertDrops(a, { tooLong: 1 });
    assertDrops(c, { receiveBuffer: 1 });
  });

  backend.test("packets of several slots have an offset in each", (scene) => {
    const [a, b] = pair(scene, 128, 64);
    const packet = frame({ length: 5000, tag: 3 });
    a.send(packet);
    assert.equal(b.rxSync(), undefined);
    assert.equal(b.rxRings[0].space, 3);
    assert.deepEqual(b.receiveFrames(), [packet]);
  });

  backend.test("the bridge learns and finds stations behind offsets", (scene) => {
    const [a, b] = pair(scene, 64, 128);
    using c = scene.port("c");
    b.send(frame({ from: mac(2) }));
    a.receiveFrames(), c.receiveFrames();
    a.send(frame({ to: mac(2), tag: 9 }));
    assert.deepEqual([tags(b), tags(c)], [[9], []]);
  });

  backend.test("broadcasts reach ports with and without offsets", (scene) => {
    const [a, b] = pair(scene, 64, 192);
    using c = scene.port("c");
    a.send(frame({ tag: 4 }), { count: 3 });
    assert.deepEqual([tags(b), tags(c)], [[4, 4, 4], [4, 4, 4]]);
  });

  backend.test("virtio-net headers and offsets go together", {
    skip: {
      kernel: "between headers of different length the kernel ignores the receiver's offsets",
    },
  }, (scene) => {
    const a = scene.port("a", { slots: 64, offset: 64, headerLength: 12 });
    const b = scene.port("b", { slots: 64, offset: 100 });
    const options = { family: 4, protocol: "tcp", payload: 1600 } as const;
    const [link, network, transport] = headerBytes(options);
    const packet = ipPacket(options);
    const slot = joined(vnetHeader(12, { type: Segment.TCP4 }), packet);
    assert.ok(a.send(slot));
    const found = b.receiveFrames();
    const headers = link + network + transport;
    assert.deepEqual(found.map(({ length }) => length), [1514, headers + 1600 - (1514 - headers)]);
    assert.deepEqual(
      joined(...found.map((bytes) => bytes.subarray(headers))),
      packet.subarray(headers),
    );
    assert.equal(b.rxRings[0].packetOffset(0), 100);
  });

  backend.test("a pipe carries packets where they are, with their offsets", (scene) => {
    const name = `${scene.bridgeName}:p`;
    const offset = { initial: 64, max: 512 };
    using master = scene.netmap.open(`${name}{1`, { slots: 16, offset });
    using slave = scene.netmap.open(`${name}}1`, { slots: 16 });
    assert.equal(slave.rxRings[0].packetOffset(5), 64);
    master.txRings[0].setPacketOffset(1, 200);
    master.sendMany([frame({ tag: 1 }), frame({ tag: 2 })]);
    slave.rxSync();
    const [ring] = slave.rxRings;
    const at = (slot: number): bigint =>
      ring.region.view.getBigUint64(ring.offset + 256 + 16 * slot + 8, true);
    assert.deepEqual([at(0), at(1)], [64n, 200n]);
    assert.deepEqual(slave.receiveFrames(1).length, 1);
    slave.send(frame({ tag: 3 }));
    assert.deepEqual(tags(master), [3]);
  });

  backend.test("a pipe's receiver with a larger offset of its own is told where the packet is", (scene) => {
    const name = `${scene.bridgeName}:p`;
    using master = scene.netmap.open(`${name}{1`, { slots: 16, offset: { initial: 64, max: 512 } });
    using slave = scene.netmap.open(`${name}}1`, {
      slots: 16,
      offset: { initial: 128, max: 512 },
    });
    master.send(frame({ tag: 1 }));
    slave.rxSync();
    const [ring] = slave.rxRings;
    const at = ring.region.view.getBigUint64(ring.offset + 256 + 8, true);
    assert.equal(at, backend.either({ engine: 64n, kernel: 128n }));
    if (backend.isEngine) assert.deepEqual(tags(slave), [1]);
  });

  backend.test("a slot of a pipe whose packet would go beyond its buffer comes empty", {
    skip: { kernel: "the kernel passes it on" },
  }, (scene) => {
    const name = `${scene.bridgeName}:p`;
    using master = scene.netmap.open(`${name}{1`, { slots: 16, offset: { initial: 0, max: 512 } });
    using slave = scene.netmap.open(`${name}}1`, { slots: 16 });
    const [tx] = master.txRings;
    fill(tx, [{ length: 60 }, { length: 60 }]);
    tx.region.view.setBigUint64(tx.offset + 256 + 8, 5000n, true);
    master.txSync();
    assert.deepEqual(take(slave).map(({ bytes }) => bytes.length), [0, 60]);
  });

  backend.test("a monitor shows packets from behind their offsets", (scene) => {
    const [a, b] = pair(scene, 64, 128);
    using watch = scene.port("a", { monitor: "tx" });
    a.send(frame({ tag: 8 }));
    assert.deepEqual([tags(watch), tags(b)], [[8], [8]]);
  });

  backend.test("a port that is opened again has offsets only if it is asked for them", (scene) => {
    using other = scene.port("other");
    scene.port("a", { offset: 64 }).close();
    using again = scene.port("a");
    assert.equal(again.rxRings[0].hasOffsets, false);
    other.send(frame({ tag: 1 }));
    assert.deepEqual(tags(again), [1]);
  });

  backend.test("what the API refuses", (scene) => {
    using port = scene.port("a", { offset: 64 });
    using plain = scene.port("b");
    assert.throws(() => port.txRings[0].setPacketOffset(0, 65), RangeError);
    assert.throws(() => port.txRings[0].setPacketOffset(16, 0), RangeError);
    assert.throws(() => plain.txRings[0].setPacketOffset(0, 1), RangeError);
    assert.throws(() => scene.port("c", { offset: -1 }), RangeError);
    assert.throws(() => scene.port("c", { offset: { bits: 65 } }), RangeError);
    assert.throws(() => scene.port("c", { offset: { initial: 2, max: 1 } }), { code: "EINVAL" });
  });
});
