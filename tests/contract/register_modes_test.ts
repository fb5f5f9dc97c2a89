/** Register modes and flags: which are taken, and which rings they bind. */

import assert from "node:assert/strict";
import type { Port } from "../../mod.ts";
import { assertDrops, codeOf, forEachBackend, type Scene } from "./backends.ts";
import { frame, tags } from "./frames.ts";
import { INTERFACE, RawDescriptor, REGISTER, RequestType } from "./raw.ts";

/** NR_REG_*, by number. */
const MODES = ["DEFAULT", "ALL_NIC", "SW", "NIC_SW", "ONE_NIC", "PIPE_MASTER", "PIPE_SLAVE"];

interface Binding {
  mode?: number;
  ring?: number;
  flags?: bigint;
}

function register(raw: RawDescriptor, name: string, binding: Binding = {}): string {
  const { mode = 1, ring = 0, flags = 0n } = binding;
  return raw.request(RequestType.REGISTER, name, (message) => {
    message.setU32(REGISTER.mode, mode).setU16(REGISTER.ringId, ring)
      .setU64(REGISTER.flags, flags);
    for (const field of [REGISTER.txSlots, REGISTER.rxSlots]) message.setU32(field, 8);
    for (const field of [REGISTER.txRings, REGISTER.rxRings]) message.setU16(field, 2);
  });
}

/** Which of the rings ring_ofs[] names: transmit, host transmit, receive, host receive. */
function bound(raw: RawDescriptor): boolean[] {
  const region = raw.map();
  const at = raw.answer.u64(REGISTER.offset) + INTERFACE.size;
  const rings = Array.from(
    { length: 6 },
    (_, i) => region.view.getBigInt64(at + 8 * i, true) !== 0n,
  );
  assert.equal(region.view.getUint32(raw.answer.u64(REGISTER.offset) + INTERFACE.version, true), 0);
  region.close();
  return rings;
}

forEachBackend((backend) => {
  for (const kind of ["a", "p{1"]) {
    const answers: Record<string, string> = { ALL_NIC: "", ONE_NIC: "" };
    for (const [mode, name] of MODES.entries()) {
      backend.test(`NR_REG_${name} on ${kind}: ${answers[name] ?? "EINVAL"}`, (scene) => {
        using raw = new RawDescriptor(scene);
        const code = register(raw, `${scene.bridgeName}:${kind}`, { mode });
        assert.equal(code, answers[name] ?? "EINVAL");
      });
    }
    for (const mode of [8, 9, 255, 0xffffffff]) {
      backend.test(`register mode ${mode} on ${kind}: EINVAL`, (scene) => {
        using raw = new RawDescriptor(scene);
        assert.equal(register(raw, `${scene.bridgeName}:${kind}`, { mode }), "EINVAL");
        assert.deepEqual(
          scene.netmap.ports().filter(({ bridge }) => bridge === scene.bridgeName),
          [],
        );
      });
    }
  }

  const T = true, F = false;
  const CASES: [what: string, binding: Binding, rings: boolean[]][] = [
    ["ALL_NIC binds all", {}, [T, T, F, T, T, F]],
    ["RX_RINGS_ONLY binds no transmit ring", { flags: 0x2000n }, [F, F, F, T, T, F]],
    ["TX_RINGS_ONLY binds no receive ring", { flags: 0x4000n }, [T, T, F, F, F, F]],
    ["both at once bind nothing", { flags: 0x6000n }, [F, F, F, F, F, F]],
    ["ONE_NIC binds one each way", { mode: 4, ring: 1 }, [F, T, F, F, T, F]],
    ["ONE_NIC for sending", { mode: 4, ring: 1, flags: 0x4000n }, [F, T, F, F, F, F]],
    ["NO_TX_POLL binds all", { flags: 0x20000n }, [T, T, F, T, T, F]],
    ["DO_RX_POLL binds all", { flags: 0x10000n }, [T, T, F, T, T, F]],
    ["ACCEPT_VNET_HDR binds all", { flags: 0x8000n }, [T, T, F, T, T, F]],
    ["EXCLUSIVE binds all", { flags: 0x800n }, [T, T, F, T, T, F]],
    ["flags that netmap does not know are taken", { flags: 0xffff_ffff_fff4_0000n }, [
      T,
      T,
      F,
      T,
      T,
      F,
    ]],
  ];
  for (const [what, binding, rings] of CASES) {
    backend.test(`${what}: ring_ofs, and ni_version 0`, (scene) => {
      using raw = new RawDescriptor(scene);
      assert.equal(register(raw, `${scene.bridgeName}:a`, binding), "");
      assert.deepEqual(bound(raw), rings);
    });
  }

  backend.test("ONE_NIC of a ring that is not there: EINVAL, and no port is made", (scene) => {
    using raw = new RawDescriptor(scene);
    assert.equal(register(raw, `${scene.bridgeName}:a`, { mode: 4, ring: 2 }), "EINVAL");
    assert.deepEqual(scene.netmap.ports().filter(({ bridge }) => bridge === scene.bridgeName), []);
    // The descriptor is as good as new
    assert.equal(register(raw, `${scene.bridgeName}:a`), "");
  });

  backend.test("a second REGISTER on one descriptor: EBUSY, whatever it asks", (scene) => {
    using raw = new RawDescriptor(scene);
    assert.equal(register(raw, `${scene.bridgeName}:a`), "");
    for (const name of ["a", "b", "p{1"]) {
      assert.equal(register(raw, `${scene.bridgeName}:${name}`), "EBUSY");
    }
    assert.equal(register(raw, `${scene.bridgeName}:a`, { mode: 99 }), "EBUSY");
    assert.deepEqual(scene.bridge.ports().map(({ interface: name }) => name), ["a"]);
  });

  backend.test("several opens of a port share its rings", (scene) => {
    const first = scene.port("a"), second = scene.port("a"), other = scene.port("b");
    first.txRings[0].put(frame({ tag: 1 }));
    assert.equal(second.txRings[0].head, 1);
    second.txSync();
    assert.deepEqual(tags(other), [1]);
    other.send(frame({ tag: 2 }));
    assert.deepEqual(tags(second), [2]);
    assert.deepEqual(tags(first), []);
    first.close();
    other.send(frame({ tag: 3 }));
    assert.deepEqual(tags(second), [3]);
  });

  backend.test("rings are given buffers when they are first bound", (scene) => {
    const first = (port: Port): number => [...port.txRings, ...port.rxRings][0]!.bufferIndex(0);
    const sender = scene.port("a", { slots: 8, txOnly: true });
    const receiver = scene.port("a", { rxOnly: true });
    const other = scene.port("b", { slots: 8, rxOnly: true });
    assert.deepEqual([sender, receiver, other].map(first), [2, 10, 2]);
  });

  backend.test("a port that nobody receives with drops what is for it", (scene) => {
    const a = scene.port("a"), deaf = scene.port("b", { txOnly: true });
    a.send(frame({ tag: 1 }));
    using late = scene.port("b", { rxOnly: true });
    assert.deepEqual(tags(late), []);
    assertDrops(deaf, { notOpen: 1 });
    a.send(frame({ tag: 2 }));
    assert.deepEqual(tags(late), [2]);
  });

  backend.test("EXCLUSIVE refuses who shares a ring, and leaves the rest", (scene) => {
    const open = (scene: Scene, text: string): string =>
      codeOf(() => scene.netmap.open(`${scene.bridgeName}:${text}`, { rings: 2, slots: 8 }));
    using _one = scene.port("a-0/x", { rings: 2, slots: 8 });
    const rows: [string, string][] = [
      ["a", "EBUSY"],
      ["a-0", "EBUSY"],
      ["a-0/T", "EBUSY"],
      ["a-0/R", "EBUSY"],
      ["a-1", ""],
      ["a-1/x", "EBUSY"],
    ];
    for (const [text, expected] of rows) assert.equal(open(scene, text), expected, text);
  });
});
