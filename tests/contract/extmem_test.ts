/** Memory of a file or of the application: the option EXTMEM, as ctrl-api-test tries it, and beyond. */

import assert from "node:assert/strict";
import { OptionType, RegisterMode } from "../../ffi/constants.ts";
import { OPTION, OPTION_EXTMEM } from "../../ffi/layout.ts";
import { MemoryFile, type Port } from "../../mod.ts";
import { codeOf, forEachBackend, type Scene, throwsCode } from "./backends.ts";
import { frame, tagOf, tags } from "./frames.ts";
import { POOLS_INFO, RawDescriptor, REGISTER, RequestType } from "./raw.ts";

/** ctrl-api-test's pools: enough for a VALE port of 16 slots. */
const POOLS = {
  [POOLS_INFO.ifCount]: 2,
  [POOLS_INFO.ifSize]: 1024,
  [POOLS_INFO.ringCount]: 64,
  [POOLS_INFO.ringSize]: 512,
  [POOLS_INFO.bufCount]: 4096,
  [POOLS_INFO.bufSize]: 2048,
};
const BYTES = 2 * 1024 + 64 * 512 + 4096 * 2048;
const FILE_BYTES = 8425472;

interface Answer {
  code: string;
  status: number;
  memoryBytes: number;
  memoryId: number;
  info(field: number): number;
}

/** Registers a port of 16 slots in memory. */
function register(
  scene: Scene,
  raw: RawDescriptor,
  memory: { address: bigint; bytes: number; pools?: Record<number, number>; mode?: number },
): Answer {
  let at = 0;
  const code = raw.request(RequestType.REGISTER, `${scene.bridgeName}:raw`, (message) => {
    message.setU32(REGISTER.mode, memory.mode ?? 1);
    message.setU32(REGISTER.txSlots, 16).setU32(REGISTER.rxSlots, 16);
    at = message.addOption(OptionType.EXTMEM, OPTION_EXTMEM.size);
    message.view.setBigUint64(at + OPTION_EXTMEM.address, memory.address, true);
    const info = at + OPTION_EXTMEM.info;
    message.view.setBigUint64(info + POOLS_INFO.memsize, BigInt(memory.bytes), true);
    for (const [field, value] of Object.entries(memory.pools ?? POOLS)) {
      message.view.setUint32(info + Number(field), value, true);
    }
  });
  const { answer } = raw;
  return {
    code,
    status: answer.view.getUint32(at + OPTION.status, true),
    memoryBytes: answer.u64(REGISTER.memsize),
    memoryId: answer.u16(REGISTER.memId),
    info: (field) => answer.view.getUint32(at + OPTION_EXTMEM.info + field, true),
  };
}

/** A port in a file, with rings that are in one page each: the kernel's pages lie anywhere. */
function portIn(scene: Scene, name: string, file: MemoryFile, offset = 0): Port {
  return scene.port(name, {
    memory: { file, offset, ifNum: 8, ringNum: 16, ringSize: 512, bufNum: 128, bufSize: 2048 },
  });
}

function temporaryFile(): string {
  return `${Deno.makeTempDirSync({ prefix: "valet extmem " })}/memory`;
}

forEachBackend((backend) => {
  backend.test("extmem_option: a port in memory of the application", (scene) => {
    using file = MemoryFile.create(undefined, FILE_BYTES);
    using raw = new RawDescriptor(scene);
    const { address } = file.region;
    const answer = register(scene, raw, { address, bytes: BYTES });
    assert.deepEqual([answer.code, answer.status], ["", 0]);
    assert.equal(answer.memoryBytes, FILE_BYTES);
    assert.equal(answer.info(POOLS_INFO.bufCount), 4096);
    const { interfaces, rings, buffers } = scene.netmap.poolsInfo(`${scene.bridgeName}:raw`);
    assert.deepEqual([interfaces, rings, buffers], [
      { offset: 0, count: 2, size: 1024 },
      { offset: 4096, count: 64, size: 512 },
      { offset: 4096 + 32768, count: 4096, size: 2048 },
    ]);
    using again = new RawDescriptor(scene);
    assert.equal(register(scene, again, { address, bytes: BYTES }).memoryId, answer.memoryId);
  });

  backend.test("bad_extmem_option: what does not fit is ENOMEM", (scene) => {
    using file = MemoryFile.create(undefined, FILE_BYTES);
    using raw = new RawDescriptor(scene);
    const { address } = file.region;
    const tryPools = (pools: Record<number, number>, bytes = BYTES): [string, number] => {
      const { code, status } = register(scene, raw, {
        address,
        bytes,
        pools: { ...POOLS, ...pools },
      });
      return [code, status];
    };
    assert.deepEqual(tryPools({ [POOLS_INFO.ringSize]: 1 << 20 }), ["ENOMEM", 12]);
    assert.deepEqual(tryPools({ [POOLS_INFO.bufCount]: 4097 }), ["ENOMEM", 12]);
    assert.deepEqual(tryPools({ [POOLS_INFO.ifCount]: 0xffffffff }), ["ENOMEM", 12]);
    assert.deepEqual(tryPools({}, BYTES - 2048), ["ENOMEM", 12]);
    assert.deepEqual(tryPools({}), ["", 0]);
  });

  backend.test("what the option leaves open is netmap's default, and written back", (scene) => {
    scene.useNetmapSizes();
    using file = MemoryFile.create(undefined, 2 * FILE_BYTES);
    using raw = new RawDescriptor(scene);
    const answer = register(scene, raw, {
      address: file.region.address,
      bytes: 2 * FILE_BYTES,
      pools: { [POOLS_INFO.ringSize]: 512 },
    });
    assert.equal(answer.code, "");
    const { ifCount, ifSize, ringCount, ringSize, bufCount, bufSize } = POOLS_INFO;
    assert.deepEqual(
      [ifCount, ifSize, ringCount, ringSize, bufCount, bufSize].map(answer.info),
      [2, 1024, 4, 512, 4098, 2048],
    );
    // What is left over are buffers
    const { buffers } = scene.netmap.poolsInfo(`${scene.bridgeName}:raw`);
    assert.equal(buffers.count, (2 * FILE_BYTES - 8192) / 2048);
  });

  backend.test("memory that is not there is EFAULT", (scene) => {
    const file = MemoryFile.create(undefined, FILE_BYTES);
    const { address } = file.region;
    using raw = new RawDescriptor(scene);
    for (const where of [0n, 4096n, 0x7fff_ffff_f000n]) {
      const { code, status } = register(scene, raw, { address: where, bytes: BYTES });
      assert.deepEqual([code, status], ["EFAULT", 14], `${where}`);
    }
    const huge = { address, bytes: 2 ** 40, pools: { ...POOLS } };
    assert.match(register(scene, raw, huge).code, /^(EFAULT|ENOMEM)$/);
    assert.equal(register(scene, raw, { address, bytes: BYTES }).code, "");
    file.close();
  });

  backend.test("an address that is not at a page's begin is refused", {
    skip: { kernel: "it takes the page's begin, and places are not where the program looks" },
  }, (scene) => {
    using file = MemoryFile.create(undefined, FILE_BYTES);
    using raw = new RawDescriptor(scene);
    const address = file.region.address + 64n;
    const { code, status } = register(scene, raw, { address, bytes: BYTES });
    assert.deepEqual([code, status], ["EINVAL", 22]);
    const odd = { ...POOLS, [POOLS_INFO.ringSize]: 500 };
    const memory = { address: file.region.address, bytes: BYTES, pools: odd };
    assert.equal(register(scene, raw, memory).code, "EINVAL");
  });

  backend.test("ports in one memory exchange buffers, and packets are in the file", (scene) => {
    const path = temporaryFile();
    using file = MemoryFile.create(path, 128 * 4096);
    const [a, b] = [portIn(scene, "a", file), portIn(scene, "b", file)];
    assert.equal(a.memoryId, b.memoryId);
    a.send(frame({ tag: 77, length: 300 }));
    b.rxSync();
    const [rx] = b.rxRings;
    assert.equal(tagOf(rx.bytes(0)), 77);
    const bytes = Deno.readFileSync(path);
    const offset = rx.bufferOffset(0);
    assert.deepEqual(bytes.slice(offset, offset + 300), frame({ tag: 77, length: 300 }));
    // It goes back to where it came from, in its buffer
    const [tx] = b.txRings;
    rx.swap(0, tx, 0);
    tx.setLength(0, 300);
    tx.setSlotFlags(0, 1);
    tx.advance(1);
    rx.advance(1);
    b.txSync();
    assert.deepEqual(tags(a), [77]);
    file.sync();
    Deno.removeSync(path);
  });

  backend.test("a part of a file, and the same part opened anew, are one memory", (scene) => {
    const path = temporaryFile();
    using file = MemoryFile.create(path, 257 * 4096);
    const a = portIn(scene, "a", file, 4096);
    using second = MemoryFile.open(path);
    const b = portIn(scene, "b", second, 4096);
    assert.equal(b.memoryId, a.memoryId);
    const other = portIn(scene, "c", MemoryFile.create(undefined, 128 * 4096));
    assert.notEqual(other.memoryId, a.memoryId);
    file.close();
    b.send(frame({ tag: 4 }));
    assert.deepEqual([tags(a), tags(other)], [[4], [4]]);
    Deno.removeSync(path);
  });

  backend.test("@extmem in a port's name", (scene) => {
    const path = temporaryFile();
    MemoryFile.create(path, 128 * 4096).close();
    const sizes = "ring-num=8,ring-size=512,buf-num=64";
    const port = scene.netmap.open(
      `${scene.bridgeName}:a@conf:slots=16@extmem:file=${path},${sizes}`,
    );
    assert.equal(scene.netmap.poolsInfo(port.name).rings.count, 8);
    throwsCode("ENOENT", () => scene.netmap.open(`${scene.bridgeName}:b@extmem=${path}2`));
    Deno.removeSync(path);
  });

  backend.test("a null port holds such memory", (scene) => {
    using file = MemoryFile.create(undefined, FILE_BYTES);
    using raw = new RawDescriptor(scene);
    const { code, memoryId } = register(scene, raw, {
      address: file.region.address,
      bytes: BYTES,
      mode: RegisterMode.NULL,
    });
    assert.equal(code, "");
    // The kernel would map the file's pages once more, and find them "still mapped when deleted"
    if (backend.isEngine) {
      assert.equal(scene.port("a", { memory: memoryId }).memoryId, memoryId);
    }
  });

  backend.test("a file that is cut short does no harm: others go on", {
    skip: { kernel: "the kernel holds the pages, and the script would have to look away" },
  }, (scene) => {
    const path = temporaryFile();
    using file = MemoryFile.create(path, 128 * 4096);
    const inFile = portIn(scene, "a", file);
    const [b, c] = [scene.port("b"), scene.port("c")];
    Deno.truncateSync(path, 0);
    for (let tag = 0; tag < 3; tag++) b.send(frame({ tag }));
    // Its own syncs find nothing there, which may be an error
    codeOf(() => inFile.rxSync());
    codeOf(() => inFile.txSync());
    inFile.close();
    b.send(frame({ tag: 3 }));
    assert.deepEqual(tags(c), [0, 1, 2, 3]);
    throwsCode("EIO", () => file.sync());
    Deno.removeSync(path);
  });

  backend.test("files that cannot be memory say why", () => {
    const path = temporaryFile();
    throwsCode("ENOENT", () => MemoryFile.open(path));
    Deno.writeFileSync(path, new Uint8Array(100));
    throwsCode("ENODATA", () => MemoryFile.open(path));
    throwsCode("EEXIST", () => MemoryFile.create(path, 4096));
    throwsCode("EINVAL", () => MemoryFile.open("/dev/zero"));
    assert.throws(() => MemoryFile.create(path, 100), RangeError);
    Deno.removeSync(path);
    using file = MemoryFile.create(path, 4096, { lock: true });
    throwsCode("EBUSY", () => MemoryFile.open(path, { lock: true }));
    assert.equal(file.length, 4096);
    Deno.removeSync(path);
  });
});
