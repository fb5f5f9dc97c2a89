// Interfaces of the system opened by name, on a veth pair without addresses: what the kernel's emulated
// mode answers, and valet's engine. The kernel has no namespaces to name, so the pair is in the test's own.

import assert from "node:assert/strict";
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

  test("an MTU that no buffer holds: EINVAL for who receives", (scene) => {
    ip("link", "set", NAME, "mtu", "3000");
    throwsCode("EINVAL", () => scene.netmap.open(`netmap:${NAME}`));
    scene.netmap.open(`netmap:${NAME}/T`).close();
    throwsCode("EINVAL", () => scene.netmap.open(`netmap:${NAME}^`));
    ip("link", "set", NAME, "mtu", "2048");
    scene.netmap.open(`netmap:${NAME}`).close();
  });
});
