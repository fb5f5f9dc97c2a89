/**
 * Compiled hooks on bridges of the kernel, through valet's lookup module (c/module). Needs the module to
 * be loaded; the test that removes it needs its file in VALET_MODULE, to load it again.
 */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import {
  type Bridge,
  BROADCAST,
  DROP,
  EtherType,
  LEARN,
  LookupTable,
  type NativeLookup,
  Netmap,
  NetmapError,
  type Port,
  type PortOptions,
} from "../../mod.ts";
import { BpfProgram, compile, hookFromObject } from "../../hook/mod.ts";
import { Descriptor } from "../../ffi/descriptor.ts";
import { codeOf } from "../../ffi/errors.ts";
import { MODULE_REQUEST } from "../../ffi/kernel_lookup.ts";
import { loadLibrary } from "../../ffi/library.ts";
import { Assembler, Jump, Label } from "../../hook/ebpf_assembler.ts";
import { handMade as objectFile } from "./object_file.ts";
import { fill, frame, mac, slotsOf, tagOf, tags } from "../contract/frames.ts";

const TAG = 14, MORE = 0x20, INDIRECT = 0x10;
const PARAMETER = "/sys/module/valet_lookup/parameters/bridges";

const netmapMissing = existsSync("/dev/netmap") ? undefined : "this machine has no /dev/netmap";
const isLoaded = existsSync(PARAMETER);
const missing = netmapMissing ??
  (isLoaded ? undefined : "the kernel module valet_lookup is not loaded");
const file = Deno.env.get("VALET_MODULE");

let count = 0;

/** A bridge of the kernel that no other test uses. */
class Scene implements Disposable {
  readonly bridgeName = `valeh${Deno.pid % 10000}${(count++).toString(36)}`;
  readonly netmap = Netmap.open({ backend: "kernel" });

  get bridge(): Bridge {
    return this.netmap.bridge(this.bridgeName);
  }

  port(name: string, options: PortOptions = {}): Port {
    return this.netmap.open(`${this.bridgeName}:${name}`, { slots: 16, ...options });
  }

  ports(count: number, options: PortOptions = {}): Port[] {
    return Array.from({ length: count }, (_, i) => this.port(`p${i}`, options));
  }

  [Symbol.dispose](): void {
    this.netmap.close();
  }
}

type Body = (scene: Scene) => void | Promise<void>;

function testUnless(reason: string | undefined, name: string, body: Body): void {
  Deno.test({
    name: reason === undefined ? name : `${name} (skipped: ${reason})`,
    ignore: reason !== undefined,
    fn: async () => {
      using scene = new Scene();
      await body(scene);
    },
  });
}

/** A test that needs the module. */
function test(name: string, body: Body): void {
  testUnless(missing, name, body);
}

function throwsCode(code: string, action: () => unknown): NetmapError {
  try {
    action();
  } catch (error) {
    assert(error instanceof NetmapError, String(error));
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`Nothing was thrown instead of ${code}`);
}

/** A frame of IPv4, or of something else. */
function typed(etherType: number, tag: number): Uint8Array<ArrayBuffer> {
  const bytes = frame({ tag, to: mac(9) });
  new DataView(bytes.buffer).setUint16(12, etherType);
  return bytes;
}

/** A program that is written by hand. */
function handMade(write: (asm: Assembler) => void): NativeLookup & Disposable {
  const asm = new Assembler();
  write(asm);
  const program = BpfProgram.load(asm.encode());
  return {
    native: () => ({ address: 0n, context: 0n }),
    kernel: () => program,
    [Symbol.dispose]: () => program.close(),
  };
}

function run(command: string, ...args: string[]): void {
  const { success, stderr } = new Deno.Command(command, { args }).outputSync();
  assert(success, new TextDecoder().decode(stderr));
}

testUnless(
  netmapMissing ?? (isLoaded ? "the kernel module valet_lookup is loaded" : undefined),
  "without the lookup module a compiled hook is refused, and the error names it",
  async (scene) => {
    scene.ports(1);
    const hook = await compile(() => 0);
    const error = throwsCode("ENOPKG", () => scene.bridge.lookup = hook);
    assert.match(error.message, /Hint: The kernel module valet_lookup is not loaded/);
    assert.equal(scene.bridge.lookup, "learning");
  },
);

test("the tutorial: IPv4 goes to the next port, the rest to all", async (scene) => {
  const [a, b, c] = scene.ports(3);
  const frames = [typed(EtherType.IPV4, 1), typed(EtherType.ARP, 2), typed(EtherType.IPV4, 3)];
  a.sendMany(frames);
  assert.deepEqual([tags(b), tags(c)], [[1, 2, 3], [1, 2, 3]], "the learning bridge floods");
  const hook = await compile((packet) =>
    packet.etherType === EtherType.IPV4 ? packet.port + 1 : BROADCAST
  );
  scene.bridge.lookup = hook;
  assert.equal(scene.bridge.lookup, hook);
  a.sendMany(frames);
  assert.deepEqual([tags(b), tags(c)], [[1, 2, 3], [2]]);
  b.sendMany(frames);
  assert.deepEqual([tags(a), tags(c)], [[2], [1, 2, 3]]);
  c.sendMany(frames);
  assert.deepEqual([tags(a), tags(b)], [[2], [2]], "there is no port behind the last one");
  const { counters, programName, loads } = scene.bridge.kernelLookup()!;
  assert.deepEqual([programName, loads], ["hook", 1]);
  assert.deepEqual(counters, {
    packets: 9,
    unicast: 4,
    broadcast: 3,
    learned: 0,
    dropped: 0,
    noPort: 2,
    garbage: 0,
    unsupported: 0,
    copies: 0,
    copiesLost: 0,
  });
  scene.bridge.lookup = null;
  assert.equal(scene.bridge.lookup, "learning");
  a.sendMany(frames);
  assert.deepEqual([tags(b), tags(c)], [[1, 2, 3], [1, 2, 3]]);
  scene.bridge.lookup = null;
});

test("DROP, unknown ports, the sender itself and garbage drop the packet", async (scene) => {
  const [a, b] = scene.ports(2);
  const hook = await compile((packet) => {
    switch (packet.u32(TAG)) {
      case 0:
        return DROP;
      case 1:
        return 5;
      case 2:
        return packet.port;
      case 3:
        return 1000;
      case 4:
        return 0xffff_ffff;
      default:
        return 1;
    }
  }, { constants: { TAG } });
  scene.bridge.lookup = hook;
  a.sendMany([0, 1, 2, 3, 4, 5].map((tag) => frame({ tag })));
  assert.deepEqual([tags(a), tags(b)], [[], [5]]);
  const { dropped, noPort, garbage, unicast } = scene.bridge.kernelLookup()!.counters;
  assert.deepEqual({ dropped, noPort, garbage, unicast }, {
    dropped: 1,
    noPort: 2,
    garbage: 2,
    unicast: 1,
  });
});

test("LEARN leaves a packet to the learning bridge, which hears of it", async (scene) => {
  const [a, b, c] = scene.ports(3);
  scene.bridge.lookup = await compile((packet) => packet.u32(TAG) < 10 ? LEARN : DROP, {
    constants: { TAG },
  });
  a.sendMany([1, 20].map((tag) => frame({ tag, to: mac(2), from: mac(1) })));
  assert.deepEqual([tags(b), tags(c)], [[1], [1]]);
  b.sendMany([2, 3, 30].map((tag) => frame({ tag, to: mac(1), from: mac(2) })));
  assert.deepEqual([tags(a), tags(c)], [[2, 3], []]);
  assert.equal(scene.bridge.kernelLookup()!.counters.learned, 3);
});

test("a copy goes to one port more, once to each, in order", async (scene) => {
  const [a, b, c] = scene.ports(3, { slots: 64 });
  const MONITOR = 2;
  const hook = await compile((packet) => {
    const tag = packet.u32(TAG);
    packet.copyTo = tag === 7 ? 9 : tag === 8 ? packet.port : MONITOR;
    return tag === 1 ? BROADCAST : tag === 2 ? LEARN : tag === 3 ? DROP : tag === 4 ? 2 : 1;
  }, { constants: { TAG, MONITOR } });
  scene.bridge.lookup = hook;
  a.sendMany([0, 1, 2, 3, 4, 5, 7, 8].map((tag) => frame({ tag, to: mac(9) })));
  assert.deepEqual(tags(b), [0, 1, 2, 5, 7, 8]);
  // Copies are there before what is sent to all
  assert.deepEqual(tags(c).toSorted(), [0, 1, 2, 3, 4, 5]);
  const { copies, copiesLost } = scene.bridge.kernelLookup()!.counters;
  assert.deepEqual({ copies, copiesLost }, { copies: 3, copiesLost: 2 });
  // Until the ring is full, and on when there is room again
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 10; i++) {
      a.sendMany(Array.from({ length: 8 }, (_, j) => frame({ tag: 100 + 8 * i + j, to: mac(9) })));
      assert.equal(tags(b).length, 8);
    }
    const copied = tags(c);
    assert.deepEqual(copied, Array.from({ length: 63 }, (_, i) => 100 + i));
  }
  assert.equal(scene.bridge.kernelLookup()!.counters.copiesLost, 2 + 3 * 17);
  // Of several fragments
  const long = new Uint8Array(3000).map((_, i) => i);
  const [ring] = a.txRings;
  fill(ring, [{ bytes: long.subarray(0, 2000), flags: MORE }, { bytes: long.subarray(2000) }]);
  a.txSync();
  for (const port of [b, c]) {
    assert.deepEqual(port.receiveFrames().map((bytes) => bytes.length), [3000]);
  }
});

test("no copy comes from or to a port with virtio-net headers, and what is lost is counted", async (scene) => {
  const a = scene.port("a"), b = scene.port("b", { headerLength: 12 }), c = scene.port("c");
  scene.bridge.lookup = await compile((packet) => {
    packet.copyTo = packet.port === 0 ? 1 : 0;
    return 2;
  });
  a.send(frame({ tag: 1 }));
  assert.deepEqual([slotsOf(b.rxRings[0]), tags(c)], [[], [1]]);
  b.send(new Uint8Array([...new Uint8Array(12), ...frame({ tag: 2 })]));
  assert.deepEqual([tags(a), tags(c)], [[], [2]]);
  const { copies, copiesLost } = scene.bridge.kernelLookup()!.counters;
  assert.deepEqual({ copies, copiesLost }, { copies: 0, copiesLost: 2 });
});

test("what a hook writes is what the receivers get", async (scene) => {
  const [a, b, c] = scene.ports(3);
  scene.bridge.lookup = await compile((packet) => {
    packet.setDestinationMac(0x0200_0000_0044);
    packet.setU32(TAG, packet.u32(TAG) + 1);
    return BROADCAST;
  }, { constants: { TAG } });
  a.sendMany([1, 5].map((tag) => frame({ tag })));
  for (const port of [b, c]) {
    const frames = port.receiveFrames();
    assert.deepEqual(frames.map((bytes) => bytes[17]), [2, 6]);
    assert.equal(frames[0].subarray(0, 6).toHex(), "020000000044");
  }
});

test("a program of an object file decides, and shares its maps", async (scene) => {
  const [a, b, c] = scene.ports(3);
  const hook = await hookFromObject(objectFile());
  scene.bridge.lookup = hook;
  assert.equal(scene.bridge.lookup, hook);
  for (const [tag, port] of [[1, 1], [2, 2], [3, 1]]) {
    hook.maps.ports.set(new Uint8Array(4), Uint8Array.of(port, 0, 0, 0));
    a.send(frame({ tag }));
  }
  assert.deepEqual([tags(b), tags(c)], [[1, 3], [2]]);
  assert.equal(scene.bridge.kernelLookup()!.programName, "choose");
});

test("a hook reads the ring and chooses the receiver's, modulo its rings", async (scene) => {
  const a = scene.port("a", { rings: 4 }), b = scene.port("b", { rings: 3 });
  const choose = await compile((packet) => {
    packet.ring = packet.u32(TAG);
    return 1;
  }, { constants: { TAG } });
  scene.bridge.lookup = choose;
  const rings = [0, 1, 2, 3, 4, 16, 17, 100, 0xffff_ffff];
  a.sendMany(rings.map((tag) => frame({ tag })));
  b.rxSync();
  const found = b.rxRings.map((ring) => slotsOf(ring).length);
  assert.deepEqual(found, [0, 1, 2].map((ring) => rings.filter((n) => n % 3 === ring).length));
  for (const ring of b.rxRings) ring.advance(ring.space);
  scene.bridge.lookup = await compile((packet) => packet.ring === 2 ? 1 : DROP);
  for (const ring of [0, 1, 2, 3]) a.send(frame({ tag: ring }), { count: 1, ring });
  assert.deepEqual(tags(b), [2]);
});

test("LEARN can choose a ring, too", async (scene) => {
  const a = scene.port("a"), b = scene.port("b", { rings: 3 });
  b.send(frame({ from: mac(2) }));
  a.receiveFrames();
  scene.bridge.lookup = await compile((packet) => {
    packet.ring = packet.u32(TAG);
    return LEARN;
  }, { constants: { TAG } });
  b.send(frame({ from: mac(2) }));
  a.send(frame({ to: mac(2), tag: 2 }));
  b.rxSync();
  assert.deepEqual(b.rxRings.map((ring) => slotsOf(ring).length), [0, 0, 1]);
});

test("length and fragments are the whole frame's, bytes those of its first slot", async (scene) => {
  const [a, b] = scene.ports(2, { slots: 128 });
  const facts = async (source: string): Promise<NativeLookup> =>
    await compile(`(packet) => ${source} ? 1 : DROP`);
  const slots = (...lengths: number[]): void => {
    fill(
      a.txRings[0],
      lengths.map((length, i) => ({
        bytes: frame({ length, tag: i }),
        length,
        flags: i + 1 < lengths.length ? MORE : 0,
      })),
    );
    a.txSync();
  };
  const arrives = async (source: string, ...lengths: number[]): Promise<void> => {
    scene.bridge.lookup = await facts(source);
    slots(...lengths);
    b.rxSync();
    assert.equal(slotsOf(b.rxRings[0]).length, lengths.length, `${source} for ${lengths}`);
    b.rxRings[0].advance(b.rxRings[0].space);
    b.rxSync();
  };
  await arrives("packet.length === 60 && packet.fragments === 1", 60);
  await arrives("packet.length === 2048 && packet.readableLength === 2048", 2048);
  await arrives("packet.length === 180 && packet.fragments === 3", 60, 100, 20);
  await arrives("packet.readableLength === 60 && packet.u8(60) === 0", 60, 100, 20);
  const long = Array(63).fill(2048);
  await arrives("packet.length === 63 * 2048 && packet.fragments === 63", ...long);
});

test("frames too short for a header reach the hook, which reads 0 beyond them", async (scene) => {
  const [a, b] = scene.ports(2);
  scene.bridge.lookup = await compile((packet) =>
    packet.length === packet.u8(0) && packet.u16(12) === 0 && packet.etherType === 0 ? 1 : DROP
  );
  for (const length of [1, 5, 12, 13]) {
    fill(a.txRings[0], [{ bytes: new Uint8Array(13).fill(length), length }]);
    a.txSync();
    b.rxSync();
    assert.deepEqual(slotsOf(b.rxRings[0]), [[length, 0x100]]);
    b.rxRings[0].advance(1);
    b.rxSync();
  }
});

test("indirect buffers are dropped and counted", async (scene) => {
  const [a, b] = scene.ports(2);
  scene.bridge.lookup = await compile(() => 1);
  const [ring] = a.txRings, bytes = frame({ tag: 1 });
  const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
  ring.region.view.setBigUint64(ring.offset + 256 + 16 * ring.head + 8, BigInt(address), true);
  fill(ring, [{ length: 60, flags: INDIRECT }, { bytes: frame({ tag: 2 }) }]);
  a.txSync();
  assert.deepEqual(tags(b), [2]);
  const { unsupported, packets } = scene.bridge.kernelLookup()!.counters;
  assert.deepEqual([unsupported, packets], [1, 2]);
});

test("a program may write into the packet, and receivers get what it wrote", (scene) => {
  const [a, b] = scene.ports(2);
  using rewrite = handMade((asm) => {
    const short = new Label();
    asm.load(4, 2, 1, 0);
    asm.load(4, 3, 1, 4);
    asm.move(4, 2);
    asm.aluImmediate(0x00, 4, 18);
    asm.jumpIf(Jump.gt, 4, 3, short);
    asm.storeImmediate(1, 2, 17, 77);
    asm.place(short);
    asm.set(0, 1);
    asm.exit();
  });
  scene.bridge.lookup = rewrite;
  a.sendMany([frame({ tag: 1 }), frame({ tag: 2 })]);
  assert.deepEqual(b.receiveFrames().map(tagOf), [77, 77]);
});

test("what is no eBPF program is refused, and the bridge goes on", async (scene) => {
  const [a, b] = scene.ports(2);
  scene.bridge.lookup = await compile(() => 1);
  for (const [fd, code] of [[0, "ENOEXEC"], [9999, "EBADF"], [-1, "EBADF"]] as const) {
    const native = () => ({ address: 0n, context: 0n });
    throwsCode(code, () => scene.bridge.lookup = { native, kernel: () => ({ fd }) });
  }
  throwsCode("EOPNOTSUPP", () => scene.bridge.lookup = () => 1);
  a.send(frame({ tag: 4 }));
  assert.deepEqual(tags(b), [4]);
});

test("a message for another module, as the tutorial's my_config, changes nothing", async (scene) => {
  const [a, b] = scene.ports(2);
  scene.bridge.lookup = await compile(() => 1);
  const descriptor = Descriptor.open(loadLibrary(), "kernel", "", "netmap");
  for (const [source, destination] of [[0, 1], [1, 2], [1, 1], [2, 0]]) {
    const bytes = new Uint8Array(MODULE_REQUEST.size), view = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode(`${scene.bridgeName}:`));
    view.setUint32(16, source, true);
    view.setUint32(20, destination, true);
    const { valet_config } = descriptor.library.functions;
    const result = valet_config(descriptor.handle, bytes, bytes.length);
    assert.equal(codeOf(result), "EPROTONOSUPPORT", `${source} ${destination}`);
  }
  descriptor.close();
  a.send(frame({ tag: 4, to: mac(9) }));
  assert.deepEqual(tags(b), [4]);
  assert.equal(scene.bridge.kernelLookup()!.loads, 1);
});

test("static routes are changed by the script while packets flow", async (scene) => {
  const [a, b, c] = scene.ports(3);
  const routes = new LookupTable({ key: [32] });
  scene.bridge.lookup = await compile((packet) => routes.get(packet.port) ?? DROP, {
    tables: { routes },
  });
  a.send(frame({ tag: 0 }));
  for (const [to, port] of [[2, c], [1, b], [2, c]] as const) {
    routes.set(0, to);
    a.send(frame({ tag: to }));
    assert.deepEqual(tags(port), [to]);
  }
  routes.set(2, 0);
  c.send(frame({ tag: 7 }));
  b.send(frame({ tag: 8 }));
  assert.deepEqual([tags(a), tags(b), tags(c)], [[7], [], []]);
});

test("a bridge without ports cannot have a lookup", async (scene) => {
  const hook = await compile(() => 1);
  throwsCode("ENXIO", () => scene.bridge.lookup = hook);
  assert.equal(scene.bridge.kernelLookup(), undefined);
  scene.bridge.lookup = null;
});

test("a bridge that goes takes its lookup with it, and learns when it comes back", async (scene) => {
  const hook = await compile(() => DROP);
  for (let i = 0; i < 5; i++) {
    using a = scene.port("a");
    using b = scene.port("b");
    a.send(frame({ tag: 1 }));
    assert.deepEqual(tags(b), [1]);
    scene.bridge.lookup = hook;
    a.send(frame({ tag: 2 }));
    assert.deepEqual(tags(b), []);
    assert.equal(scene.bridge.kernelLookup()!.loads, 1);
  }
  // The module finds out in its own time
  while (Deno.readTextFileSync(PARAMETER).includes(scene.bridgeName)) {
    await new Promise((done) => setTimeout(done, 1));
  }
});

test("closing takes back the lookup that was set through it, and no other's", async (scene) => {
  const [a, b] = scene.ports(2);
  const hook = await compile(() => DROP);
  {
    using bridge = scene.netmap.bridge(scene.bridgeName);
    bridge.lookup = hook;
    a.send(frame({ tag: 1 }));
  }
  a.send(frame({ tag: 2 }));
  assert.deepEqual(tags(b), [2]);
  const other = Netmap.open({ backend: "kernel" });
  {
    using bridge = scene.netmap.bridge(scene.bridgeName);
    bridge.lookup = hook;
    other.bridge(scene.bridgeName).lookup = await compile(() => 1);
    assert.notEqual(bridge.lookup, hook);
  }
  assert.notEqual(scene.bridge.lookup, "learning");
  other.close();
  assert.equal(scene.bridge.lookup, "learning");
});

test("replacing the program while packets flow loses none and sends none twice", async (scene) => {
  const [a, b, c] = scene.ports(3, { slots: 512 });
  const worker = new Worker(new URL("./kernel_lookup_worker.ts", import.meta.url), {
    type: "module",
  });
  const next = (): Promise<number> =>
    new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
  const started = next();
  worker.postMessage(scene.bridgeName);
  await started;
  let replaced: number | undefined;
  worker.onmessage = ({ data }) => replaced = data;
  const at = [0, 0];
  for (let batch = 0; replaced === undefined; batch++) {
    a.sendMany(Array.from({ length: 200 }, (_, i) => frame({ tag: i })));
    const seen = [tags(b), tags(c)];
    assert.deepEqual(seen.flat().sort((x, y) => x - y), Array.from({ length: 200 }, (_, i) => i));
    seen.forEach((tags, i) => {
      at[i] += tags.length;
      assert.deepEqual(tags, tags.toSorted((x, y) => x - y), "in order");
    });
    await new Promise((done) => setTimeout(done, 0));
  }
  worker.terminate();
  assert(replaced > 100, `${replaced} times`);
  assert(at[0] > 0 && at[1] > 0, `${at}`);
});

testUnless(
  missing ?? (file === undefined ? "VALET_MODULE does not name valet_lookup.ko" : undefined),
  "removing the module while packets flow brings the learning bridge back",
  async (scene) => {
    const [a, b, c] = scene.ports(3, { slots: 512 });
    // Known before, and by the same source again afterwards
    b.send(frame({ from: mac(2) }));
    for (const port of [a, c]) port.receiveFrames();
    const hook = await compile(() => 2);
    const frames = Array.from({ length: 200 }, (_, i) => frame({ tag: i, to: mac(7) }));
    const all = frames.map(tagOf);
    for (let i = 0; i < 10; i++) {
      scene.bridge.lookup = hook;
      const removal = new Deno.Command("rmmod", { args: ["valet_lookup"] }).output();
      let removed = false;
      const done = removal.then(({ success }) => removed = success);
      while (!removed) {
        a.sendMany(frames);
        const [atB, atC] = [tags(b), tags(c)];
        assert.deepEqual(atC, all, "the hook's port, or one of all");
        assert(
          all.slice(all.length - atB.length).every((tag, n) => tag === atB[n]),
          "from then on",
        );
        await new Promise((turn) => setTimeout(turn, 0));
      }
      await done;
      a.sendMany(frames);
      assert.deepEqual([tags(b), tags(c)], [all, all], "unknown stations are flooded");
      b.send(frame({ from: mac(2), tag: 5 }));
      assert.deepEqual([tags(a), tags(c)], [[5], [5]]);
      a.send(frame({ to: mac(2), tag: 6 }));
      assert.deepEqual([tags(b), tags(c)], [[6], []], "known ones are not");
      run("insmod", file!);
      assert.equal(scene.bridge.kernelLookup(), undefined);
    }
  },
);
