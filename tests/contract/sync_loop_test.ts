/** CSB mode and the sync loop: its requests with netmap's answers, and ports that use it. */

import assert from "node:assert/strict";
import { OptionType, RegisterFlag } from "../../ffi/constants.ts";
import { OPTION, OPTION_CSB } from "../../ffi/layout.ts";
import type { Port, SyncLoopOptions } from "../../mod.ts";
import { forEachBackend, type Scene, throwsCode } from "./backends.ts";
import { frame, mac } from "./frames.ts";
import { RawDescriptor, REGISTER, RequestType } from "./raw.ts";

const EINVAL = 22;
const EFAULT = 14;

const libc = Deno.dlopen("libc.so.6", {
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
}).symbols;

/** Eventfds for a test. */
class EventFds implements Disposable {
  readonly fds: number[] = [];

  make(): number {
    const fd = libc.eventfd(0, 0);
    assert.ok(fd >= 0);
    this.fds.push(fd);
    return fd;
  }

  [Symbol.dispose](): void {
    for (const fd of this.fds) libc.close(fd);
  }
}

/** Status blocks for up to four rings, aligned as they have to be, with bytes of no use in front. */
class StatusBlocks {
  readonly #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(64 + 8 * 64);
  readonly address: bigint;
  readonly words: Uint32Array<ArrayBuffer>;

  constructor() {
    const start = Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.#bytes)!);
    const skip = Number((64n - start % 64n) % 64n);
    this.address = start + BigInt(skip);
    this.words = new Uint32Array(this.#bytes.buffer, skip, 8 * 16);
  }
}

/** REGISTER or CSB_ENABLE with a CSB option. Returns the error, "" for none, and the option's status. */
function withCsb(
  raw: RawDescriptor,
  scene: Scene,
  type: number,
  atok: bigint,
  ktoa: bigint,
  flags: number = RegisterFlag.EXCLUSIVE,
): { code: string; status: number } {
  let at = 0;
  const code = raw.request(type, `${scene.bridgeName}:a`, (message) => {
    if (type === RequestType.REGISTER) {
      message.setU32(REGISTER.mode, 1).setU32(REGISTER.txSlots, 16).setU32(REGISTER.rxSlots, 16)
        .setU64(REGISTER.flags, BigInt(flags));
    }
    at = message.addOption(OptionType.CSB, OPTION_CSB.size);
    message.view.setBigUint64(at + OPTION_CSB.atok, atok, true);
    message.view.setBigUint64(at + OPTION_CSB.ktoa, ktoa, true);
  });
  return { code, status: raw.answer.view.getUint32(at + OPTION.status, true) };
}

interface Start {
  mode?: number;
  fds?: readonly (readonly [io: number, irq: number])[];
}

/** SYNC_KLOOP_START, after a stop: so it ends as soon as it has begun. */
function startStopped(
  raw: RawDescriptor,
  { mode, fds }: Start,
): { code: string; statuses: number[] } {
  assert.equal(raw.request(RequestType.SYNC_KLOOP_STOP, ""), "");
  const at: number[] = [];
  const code = raw.request(RequestType.SYNC_KLOOP_START, "", (message) => {
    message.setU32(0, 500);
    if (mode !== undefined) {
      at.push(message.addOption(OptionType.SYNC_KLOOP_MODE, 32));
      message.view.setUint32(at[0] + OPTION.size, mode, true);
    }
    if (fds !== undefined) {
      const start = message.addOption(OptionType.SYNC_KLOOP_EVENTFDS, 24 + 8 * fds.length);
      fds.flat().forEach((fd, i) => message.view.setInt32(start + 24 + 4 * i, fd, true));
      at.push(start);
    }
  });
  const statuses = at.map((start) => raw.answer.view.getUint32(start + OPTION.status, true));
  return { code, statuses };
}

/** A descriptor in CSB mode. */
function inCsbMode(
  scene: Scene,
  csb: StatusBlocks,
  flags: number = RegisterFlag.EXCLUSIVE,
): RawDescriptor {
  const raw = new RawDescriptor(scene);
  const { code, status } = withCsb(
    raw,
    scene,
    RequestType.REGISTER,
    csb.address,
    csb.address + 256n,
    flags,
  );
  assert.deepEqual([code, status], ["", 0]);
  return raw;
}

forEachBackend((backend) => {
  backend.test("CSB mode: status blocks hold where the rings are; other syncs are refused", (scene) => {
    const csb = new StatusBlocks();
    using raw = inCsbMode(scene, csb);
    const { words } = csb;
    // head, cur, appl_need_kick, sync_flags of the transmit and of the receive ring
    assert.deepEqual([...words.subarray(0, 4)], [0, 0, 1, 1]);
    assert.deepEqual([...words.subarray(16, 20)], [0, 0, 1, 1]);
    // hwcur, hwtail, kern_need_kick
    assert.deepEqual([...words.subarray(64, 67)], [0, 15, 1]);
    assert.deepEqual([...words.subarray(80, 83)], [0, 0, 1]);
    assert.equal(raw.txSync(), "EBUSY");
    assert.equal(raw.rxSync(), "EBUSY");
    assert.equal(raw.poll(1 | 4), 8);
  });

  backend.test("CSB mode: memory that is not there, or not aligned, is refused", (scene) => {
    const { address } = new StatusBlocks();
    using raw = new RawDescriptor(scene);
    const rows: [bigint, bigint, string, number][] = [
      [0x10n, 0x800n, "EINVAL", EINVAL],
      [address + 4n, address, "EINVAL", EINVAL],
      [address, address + 32n, "EINVAL", EINVAL],
      [0x800n, address, "EFAULT", EFAULT],
      [address, 0x800n, "EFAULT", EFAULT],
    ];
    for (const [atok, ktoa, code, status] of rows) {
      const answer = withCsb(raw, scene, RequestType.REGISTER, atok, ktoa);
      assert.deepEqual(answer, { code, status }, `${atok} ${ktoa}`);
    }
    // Nothing of it stayed
    const plain = withCsb(raw, scene, RequestType.REGISTER, address, address + 256n);
    assert.deepEqual(plain, { code: "", status: 0 });
  });

  backend.test("CSB mode needs NR_EXCLUSIVE, at REGISTER and later", (scene) => {
    const { address } = new StatusBlocks();
    using raw = new RawDescriptor(scene);
    const register = (): string =>
      raw.request(RequestType.REGISTER, `${scene.bridgeName}:a`, (message) => {
        message.setU32(REGISTER.mode, 1).setU32(REGISTER.txSlots, 16).setU32(REGISTER.rxSlots, 16);
      });
    assert.deepEqual(
      withCsb(raw, scene, RequestType.REGISTER, address, address + 256n, 0),
      { code: "EINVAL", status: EINVAL },
    );
    assert.equal(register(), "");
    assert.deepEqual(
      withCsb(raw, scene, RequestType.CSB_ENABLE, address, address + 256n),
      { code: "EINVAL", status: EINVAL },
    );
    assert.equal(raw.txSync(), "", "it still syncs");
  });

  backend.test("CSB_ENABLE: without the option EINVAL; with no rings bound it changes nothing", (scene) => {
    const { address } = new StatusBlocks();
    using raw = new RawDescriptor(scene);
    assert.equal(raw.request(RequestType.CSB_ENABLE, ""), "EINVAL");
    assert.deepEqual(
      withCsb(raw, scene, RequestType.CSB_ENABLE, address, address + 256n),
      { code: "", status: 0 },
    );
  });

  backend.test("a sync loop needs a bound port in CSB mode, and sleeps for a second at most", (scene) => {
    using raw = new RawDescriptor(scene);
    const start = (sleepUs: number): string =>
      raw.request(RequestType.SYNC_KLOOP_START, "", (message) => message.setU32(0, sleepUs));
    assert.equal(raw.request(RequestType.SYNC_KLOOP_STOP, ""), "ENXIO");
    assert.equal(start(500), "ENXIO");
    assert.equal(start(1_000_001), "EINVAL");
    assert.equal(
      raw.request(RequestType.REGISTER, `${scene.bridgeName}:a`, (message) => {
        message.setU32(REGISTER.mode, 1).setU32(REGISTER.txSlots, 16).setU32(REGISTER.rxSlots, 16);
      }),
      "",
    );
    assert.equal(start(500), "EINVAL");
  });

  backend.test("a sync loop takes eventfds for each bound ring, and modes", (scene) => {
    const csb = new StatusBlocks();
    using events = new EventFds();
    using raw = inCsbMode(scene, csb);
    const pair = (): [number, number] => [events.make(), events.make()];
    const fds = [pair(), pair()];
    assert.deepEqual(startStopped(raw, {}), { code: "", statuses: [] });
    for (const mode of [0, 1, 2, 3]) {
      assert.deepEqual(startStopped(raw, { mode, fds }), { code: "", statuses: [0, 0] }, `${mode}`);
    }
    assert.deepEqual(startStopped(raw, { fds: [[-1, -1], [-1, -1]] }), { code: "", statuses: [0] });
  });

  backend.test("a sync loop with too many eventfds, none for a direct mode, or no such mode is refused", (scene) => {
    const csb = new StatusBlocks();
    using events = new EventFds();
    using raw = inCsbMode(scene, csb);
    const pair = (): [number, number] => [events.make(), events.make()];
    const fds = [pair(), pair()];
    assert.deepEqual(
      startStopped(raw, { fds: [...fds, pair()] }),
      { code: "EINVAL", statuses: [EINVAL] },
    );
    assert.deepEqual(
      startStopped(raw, { mode: 1, fds: [[-1, -1], fds[1]] }),
      { code: "EINVAL", statuses: [0, EINVAL] },
    );
    assert.deepEqual(startStopped(raw, { mode: 4 }), { code: "EINVAL", statuses: [EINVAL] });
  });

  for (
    const [flag, name] of [[RegisterFlag.TX_RINGS_ONLY, "transmit"], [
      RegisterFlag.RX_RINGS_ONLY,
      "receive",
    ]] as const
  ) {
    backend.test(`a sync loop of ${name} rings only`, (scene) => {
      const csb = new StatusBlocks();
      using events = new EventFds();
      using raw = inCsbMode(scene, csb, RegisterFlag.EXCLUSIVE | flag);
      const fds: [number, number][] = [[events.make(), events.make()]];
      assert.deepEqual(startStopped(raw, { fds }), { code: "", statuses: [0] });
    });
  }

  const exclusive = (scene: Scene): Port => scene.port("a", { exclusive: true });
  const loops: readonly SyncLoopOptions[] = [{ wakeup: "event" }, { wakeup: "time", sleepUs: 50 }];
  for (const options of loops) {
    backend.test(`port.startSyncLoop(): by ${options.wakeup}, packets go both ways`, async (scene) => {
      using a = exclusive(scene);
      using b = scene.port("b", { slots: 256 });
      await using loop = a.startSyncLoop(options);
      assert.equal(loop.running, true);
      let back = 0;
      for (let round = 0; round < 20; round++) {
        for (let i = 0; i < 5; i++) assert.equal(a.send(frame({ to: mac(2), from: mac(1) })), true);
        for (let got = 0; got < 5;) {
          assert.equal(await b.wait({ timeoutMs: 20_000 }), true);
          for (const packet of b.receive()) {
            got++;
            assert.equal(packet.length, 60);
          }
        }
        b.send(frame({ to: mac(1), from: mac(2) }), { count: 5 });
        while (back < 5 * (round + 1)) {
          assert.equal(await a.wait({ timeoutMs: 20_000 }), true);
          back += a.receiveBatch().length; // given back with the next one
        }
      }
      assert.equal(back, 100);
    });

    backend.test(`port.startSyncLoop(): by ${options.wakeup}, more than a ring with sendAll()`, async (scene) => {
      using a = exclusive(scene);
      using b = scene.port("b", { slots: 1024 });
      await using _loop = a.startSyncLoop(options);
      assert.equal(await a.sendAll(frame({ to: mac(2), from: mac(1) }), { count: 500 }), 500);
      let got = 0;
      while (got < 500) {
        assert.equal(await b.wait({ timeoutMs: 20_000 }), true);
        for (const _ of b.receive()) got++;
      }
    });
  }

  backend.test("a sync loop can be stopped and another one started; in between nothing is sent", async (scene) => {
    using a = exclusive(scene);
    using b = scene.port("b");
    const loop = a.startSyncLoop();
    throwsCode("EBUSY", () => a.startSyncLoop());
    await loop.stop();
    assert.equal(loop.running, false);
    throwsCode("EBUSY", () => a.send(frame({ to: mac(2), from: mac(1) })));
    throwsCode("EBUSY", () => a.rxSync());
    await loop.stop();
    await using again = a.startSyncLoop({ wakeup: "time" });
    assert.equal(again.running, true);
    // What was in the ring goes now
    a.send(frame({ to: mac(2), from: mac(1) }));
    assert.equal(await b.wait({ timeoutMs: 20_000 }), true);
  });

  backend.test("a port that is closed takes its sync loop along, and its name is free again", async (scene) => {
    const a = exclusive(scene);
    const loop = a.startSyncLoop();
    const waiting = a.wait();
    a.close();
    assert.equal(await waiting, false);
    assert.equal(loop.running, false);
    await loop.stop();
    loop[Symbol.dispose]();
    for (let i = 0;; i++) {
      try {
        exclusive(scene).close();
        break;
      } catch (error) {
        if (i === 1000) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  });

  backend.test("a sync loop on a port that is not exclusive is refused, and the port goes on", (scene) => {
    using a = scene.port("a");
    throwsCode("EINVAL", () => a.startSyncLoop());
    assert.throws(() => a.startSyncLoop({ sleepUs: 2_000_000 }), RangeError);
    assert.throws(() => a.startSyncLoop({ wakeup: "never" as "time" }), RangeError);
    assert.equal(a.send(frame({ to: mac(2), from: mac(1) })), true);
  });
});
