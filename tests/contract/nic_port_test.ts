// Interfaces of the system opened by name, on a veth pair without addresses: what the kernel's emulated
// mode answers, and valet's engine. The kernel has no namespaces to name, so the pair is in the test's own.

import assert from "node:assert/strict";
import { RingFlag, type RxRing, SlotFlag } from "../../mod.ts";
import { Sniffer } from "../net/sniffer.ts";
import { type CaseBody, forEachBackend, throwsCode } from "./backends.ts";
import { INTERFACE, PORT_INFO, RawDescriptor, REGISTER, RequestType } from "./raw.ts";

const NAME = `vp${crypto.randomUUID().slice(0, 6)}`;

function ip(...args: string[]): boolean {
  try {
    return new Deno.Command("ip", { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** Runs a Python program. */
function run(program: string): void {
  const { success, stderr } = new Deno.Command("python3", { args: ["-c", program] }).outputSync();
  assert.ok(success, new TextDecoder().decode(stderr));
}

function whyNoPair(): string | undefined {
  if (Deno.uid() !== 0) return "only root can make network interfaces";
  if (!ip("link", "add", NAME, "type", "veth", "peer", "name", `${NAME}p`)) {
    return "no veth pair can be made here";
  }
  ip("link", "del", NAME);
  return undefined;
}

const missing = whyNoPair();

forEachBackend((backend): void => {
  const test = (name: string, body: CaseBody): void => {
    if (missing !== undefined) {
      Deno.test({
        name: `${backend.name}: ${name} (skipped: ${missing})`,
        ignore: true,
        fn: (): void => {},
      });
      return;
    }
    backend.test(name, async (scene) => {
      const quiet = ["addrgenmode", "none", "up"];
      ip("link", "add", NAME, "type", "veth", "peer", "name", `${NAME}p`);
      try {
        ip("link", "set", NAME, ...quiet);
        await body(scene);
      } finally {
        ip("link", "del", NAME);
      }
    });
  };

  test("REGISTER of an interface: rings, host rings, slots and memory, by mode", (scene) => {
    const T = true, F = false;
    const answers: [mode: number, ring: number, flags: bigint, bound: boolean[] | string][] = [
      [1, 0, 0n, [T, F, T, F]],
      [2, 0, 0n, [F, T, F, T]],
      [3, 0, 0n, [T, T, T, T]],
      [4, 0, 0n, [T, F, T, F]],
      [8, 0, 0n, [F, T, F, T]],
      [1, 0, 0x2000n, [F, F, T, F]],
      [3, 0, 0x4000n, [T, T, F, F]],
      [0, 0, 0n, "EINVAL"],
      [4, 99, 0n, "EINVAL"],
      [8, 1, 0n, "EINVAL"],
    ];
    for (const [mode, ring, flags, expected] of answers) {
      using raw = new RawDescriptor(scene);
      const error = raw.request(RequestType.REGISTER, NAME, (message) => {
        message.setU32(REGISTER.mode, mode).setU16(REGISTER.ringId, ring)
          .setU64(REGISTER.flags, flags).setU32(REGISTER.txSlots, 77);
      });
      if (typeof expected === "string") {
        assert.equal(error, expected, `mode ${mode}, ring ${ring}`);
        continue;
      }
      assert.equal(error, "");
      const { answer } = raw;
      const sizes = [REGISTER.txSlots, REGISTER.rxSlots].map((at) => answer.u32(at));
      const counts = [REGISTER.hostTxRings, REGISTER.hostRxRings, REGISTER.memId];
      assert.deepEqual([...sizes, ...counts.map((at) => answer.u16(at))], [1024, 1024, 1, 1, 1]);
      const tx = answer.u16(REGISTER.txRings), rx = answer.u16(REGISTER.rxRings);
      assert.ok(tx >= 1 && rx >= 1);
      const at = answer.u64(REGISTER.offset) + INTERFACE.ringOffsets;
      const region = raw.map();
      const isBound = (entry: number): boolean =>
        region.view.getBigInt64(at + 8 * entry, true) !== 0n;
      assert.deepEqual([0, tx, tx + 1, tx + 1 + rx].map(isBound), expected, `mode ${mode}`);
      region.close();
    }
  });

  test("PORT_INFO_GET of an interface, which it does not open", (scene) => {
    using raw = new RawDescriptor(scene);
    assert.equal(raw.request(RequestType.PORT_INFO_GET, NAME), "");
    const { answer } = raw;
    const counts = [PORT_INFO.hostTxRings, PORT_INFO.hostRxRings, PORT_INFO.memId];
    assert.deepEqual(counts.map((at) => answer.u16(at)), [1, 1, 1]);
    assert.equal(answer.u32(PORT_INFO.txSlots), 1024);
    assert.equal(raw.request(RequestType.PORT_INFO_GET, `${NAME}no`), "ENXIO");
  });

  test("an interface that is open: shared, not exclusively, and not attached", (scene) => {
    using _first = scene.netmap.open(`netmap:${NAME}`);
    using _second = scene.netmap.open(`netmap:${NAME}*`);
    throwsCode("EBUSY", () => scene.netmap.open(`netmap:${NAME}/x`));
    throwsCode("EBUSY", () => scene.bridge.attach(NAME));
    throwsCode("ENXIO", () => scene.netmap.open(`netmap:${NAME}no`));
  });

  test("NR_FORWARD: what is marked goes on to the other side, with the next syncs", async (scene) => {
    ip("link", "set", `${NAME}p`, "addrgenmode", "none", "up");
    using port = scene.netmap.open(`netmap:${NAME}*`), wire = scene.netmap.open(`netmap:${NAME}p`);
    await using system = await Sniffer.open(0x88b5, NAME);
    const sync = (): void => {
      for (const it of [port, wire]) {
        it.rxSync();
        it.txSync();
      }
    };
    /** Takes frames as they come to a ring, and marks those with even numbers. */
    const take = async (ring: RxRing, count: number): Promise<void> => {
      for (const end = Date.now() + 60_000; count > 0; sync()) {
        assert.ok(Date.now() < end, `${count} have not come`);
        for (; ring.space > 0; ring.advance(1)) {
          const { head: slot } = ring, bytes = ring.bytes(slot);
          if (bytes[12] !== 0x88 || bytes[13] !== 0xb5) continue;
          if (bytes[14] % 2 === 0) ring.setSlotFlags(slot, SlotFlag.FORWARD);
          count--;
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      sync();
    };
    const frame = new Uint8Array(60).fill(255, 0, 6);
    frame.set([2, 0, 0, 0, 0, 9, 0x88, 0xb5], 6);
    const [fromWire, fromSystem] = port.rxRings;
    for (const flags of [RingFlag.FORWARD, 0, RingFlag.FORWARD]) {
      fromWire.flags = fromSystem.flags = flags;
      const first = flags ? frame[14] : 100;
      for (let i = 0; i < 4; i++) {
        wire.send(frame.with(14, first + i));
        run(`import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind(("${NAME}", 0))
s.send(bytes([${frame.with(14, first + i)}]))`);
      }
      await take(fromWire, 4);
      await take(fromSystem, 4);
      if (flags) frame[14] += 4;
    }
    assert.deepEqual((await system.frames(4)).map((bytes) => bytes[14]), [0, 2, 4, 6]);
    const sent: number[] = [];
    for (const end = Date.now() + 60_000; sent.length < 4;) {
      assert.ok(Date.now() < end, `${sent}`);
      sync();
      for (const packet of wire.receive()) if (packet.u16(12) === 0x88b5) sent.push(packet.u8(14));
    }
    assert.deepEqual(sent, [0, 2, 4, 6]);
  });

  test("an MTU that no buffer holds: EINVAL for who receives", (scene) => {
    ip("link", "set", NAME, "mtu", "3000");
    throwsCode("EINVAL", () => scene.netmap.open(`netmap:${NAME}`));
    scene.netmap.open(`netmap:${NAME}/T`).close();
    throwsCode("EINVAL", () => scene.netmap.open(`netmap:${NAME}^`));
    ip("link", "set", NAME, "mtu", "2048");
    scene.netmap.open(`netmap:${NAME}`).close();
  });
});
