/** Packets in a file: kept, read again, removed; files that are spoilt; a process that is killed. */

import assert from "node:assert/strict";
import { checksumOf, Entry } from "../../ffi/store_format.ts";
import { PacketStore, type Port } from "../../mod.ts";
import { forEachBackend, type Scene, throwsCode } from "./backends.ts";
import { frame, tagOf } from "./frames.ts";

const SMALL = { packets: 32, slots: 16 };

function newPath(): string {
  return `${Deno.makeTempDirSync({ prefix: "valet store " })}/packets`;
}

function openIn(scene: Scene, store: PacketStore): { port: Port; sender: Port } {
  const port = store.openPort(scene.netmap, `${scene.bridgeName}:log`);
  return { port, sender: scene.port("sender") };
}

function send(sender: Port, ...tags: number[]): void {
  for (const tag of tags) sender.send(frame({ tag, length: 60 + tag % 100 }));
}

const kept = (store: PacketStore): number[] => store.packets().map(({ bytes }) => tagOf(bytes));

/** A file with packets 0 to 9 in it. */
function storeOf(scene: Scene, path: string): void {
  using store = PacketStore.create(path, SMALL);
  const { port, sender } = openIn(scene, store);
  send(sender, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  assert.equal(store.keepAll(), 10);
  port.close();
  sender.close();
}

/** Changes some words of a file. */
function spoil(path: string, change: (u32: Uint32Array) => void): void {
  const bytes = Deno.readFileSync(path);
  change(new Uint32Array(bytes.buffer));
  Deno.writeFileSync(path, bytes);
}

forEachBackend((backend) => {
  backend.test("what was kept is there when the file is opened again, byte for byte", (scene) => {
    const path = newPath();
    storeOf(scene, path);
    using store = PacketStore.open(path);
    assert.deepEqual(
      store.packets().map(({ bytes }) => bytes),
      Array.from({ length: 10 }, (_, tag) => frame({ tag, length: 60 + tag })),
    );
    assert.deepEqual(store.packets().map(({ number }) => number), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.equal(store.damaged, 0);
    const age = Date.now() / 1000 - store.packets()[0].seconds;
    assert.ok(age >= 0 && age < 600, `${age}`);
  });

  backend.test("a port can go on in it, again and again, and what was kept stays whole", (scene) => {
    const path = newPath(), expected: number[] = [];
    PacketStore.create(path, { ...SMALL, packets: 64 }).close();
    for (let round = 0; round < 5; round++) {
      using store = PacketStore.open(path);
      assert.deepEqual(kept(store), expected);
      const { port, sender } = openIn(scene, store);
      const tags = Array.from({ length: 12 }, (_, i) => round * 12 + i);
      send(sender, ...tags);
      assert.equal(store.keepAll(), 12);
      expected.push(...tags);
      assert.deepEqual(kept(store), expected);
      port.close();
      sender.close();
    }
    using store = PacketStore.open(path);
    for (const { number, bytes } of store.packets()) {
      const tag = tagOf(bytes);
      assert.deepEqual(bytes, frame({ tag, length: 60 + tag % 100 }));
      assert.equal(number, tag + 1);
    }
  });

  backend.test("it is full when it has its packets, loses nothing, and has room when some are removed", (scene) => {
    using store = PacketStore.create(newPath(), SMALL);
    const { port, sender } = openIn(scene, store);
    for (let tag = 0; tag < 40; tag += 8) {
      send(sender, tag, tag + 1, tag + 2, tag + 3, tag + 4, tag + 5, tag + 6, tag + 7);
      store.keepAll();
    }
    assert.equal(store.size, 32);
    assert.equal(store.room, 0);
    assert.equal(store.keepAll(), 0);
    assert.equal(port.rxRings[0].space, 8);
    for (const { number } of store.packets().slice(0, 8)) assert.equal(store.remove(number), true);
    assert.equal(store.remove(1), false);
    assert.equal(store.keepAll(), 8);
    assert.deepEqual(kept(store), Array.from({ length: 32 }, (_, i) => i + 8));
  });

  backend.test("what was received and not kept can still be read", (scene) => {
    const path = newPath();
    {
      using store = PacketStore.create(path, SMALL);
      const { port, sender } = openIn(scene, store);
      send(sender, 1, 2);
      store.keepAll();
      send(sender, 3, 4, 5);
      port.rxSync();
      Deno.copyFileSync(path, `${path}.killed`);
      port.close();
      sender.close();
    }
    using store = PacketStore.open(`${path}.killed`);
    assert.deepEqual(kept(store), [1, 2]);
    assert.deepEqual(store.unread().map(({ bytes }) => tagOf(bytes)), [3, 4, 5]);
  });

  backend.test("a file that is none, or spoilt, is an error in words", (scene) => {
    const path = newPath(), copy = `${path}.copy`;
    storeOf(scene, path);
    const errorOf = (change: (u32: Uint32Array) => void): string => {
      Deno.copyFileSync(path, copy);
      spoil(copy, change);
      return throwsCode("EBADMSG", () => PacketStore.open(copy)).message;
    };
    assert.match(errorOf((u32) => u32[0] = 0), /no file of PacketStore/);
    assert.match(errorOf((u32) => u32[2] = 9), /of version 9/);
    assert.match(errorOf((u32) => u32[6] ^= 1), /first page is spoilt/);
    const impossible = (u32: Uint32Array): void => {
      u32[9] = 3;
      u32[3] = checksumOf(u32, 4, 13);
    };
    assert.match(errorOf(impossible), /do not fit together/);
    Deno.copyFileSync(path, copy);
    Deno.truncateSync(copy, 4096 * 10);
    assert.match(throwsCode("EBADMSG", () => PacketStore.open(copy)).message, /cut short/);
    throwsCode("EEXIST", () => PacketStore.create(path));
    using _open = PacketStore.open(path);
    throwsCode("EBUSY", () => PacketStore.open(path));
  });

  backend.test("entries that are spoilt are left out and counted, whatever is in them", (scene) => {
    const path = newPath();
    storeOf(scene, path);
    spoil(path, (u32) => {
      const used = [];
      for (let at = 1024; at < 1024 + 64 * 8; at += 8) if (u32[at] !== 0) used.push(at);
      assert.equal(used.length, 10);
      u32[used[0] + 5] ^= 1; // torn
      const lie = (at: number, word: number, value: number): void => {
        u32[at + word] = value;
        u32[at] = checksumOf(u32, at + 1, at + 8);
      };
      lie(used[1], 3, 1); // a reserved buffer
      lie(used[2], 3, 0xffffffff);
      lie(used[3], 4, 2049); // longer than a buffer
      lie(used[4], 3, u32[used[5] + 3]); // somebody else's buffer
    });
    using store = PacketStore.open(path);
    assert.equal(store.damaged, 5);
    assert.equal(store.size, 5);
    const { port, sender } = openIn(scene, store);
    send(sender, 50);
    assert.equal(store.keepAll(), 1);
    port.close();
    sender.close();
  });

  backend.test("any contents behind a good first page do no harm", (scene) => {
    const path = newPath();
    storeOf(scene, path);
    for (let round = 0; round < 20; round++) {
      const copy = `${path}.${round}`;
      Deno.copyFileSync(path, copy);
      spoil(copy, (u32) => {
        const end = round % 2 === 0 ? 1024 + 64 * 8 : u32.length;
        for (let at = 1024; at < end; at += 16384) {
          crypto.getRandomValues(u32.subarray(at, Math.min(at + 16384, end)));
        }
      });
      using store = PacketStore.open(copy);
      store.packets();
      store.unread();
      const { port, sender } = openIn(scene, store);
      send(sender, round);
      store.keepAll();
      assert.equal(kept(store).at(-1), round);
      port.close();
      sender.close();
      store.close();
      Deno.removeSync(copy);
    }
  });
});

Deno.test("an entry counts from its last word on, and only as a whole", () => {
  const u32 = new Uint32Array(8);
  const fields = { number: 2 ** 40 + 7, buffer: 9, length: 60, seconds: 1.5, firstWord: 77 };
  Entry.write(u32, 0, fields);
  assert.deepEqual(Entry.read(u32, 0), fields);
  for (let word = 0; word < 8; word++) {
    const torn = u32.slice();
    torn[word] ^= 0x10;
    assert.equal(Entry.read(torn, 0), undefined);
  }
  Entry.clear(u32, 0);
  assert.equal(Entry.isFree(u32, 0), true);
});
