/** Requests as they go over the border: headers, options, and answers to what is not supported. */

import assert from "node:assert/strict";
import { HEADER } from "../../ffi/layout.ts";
import { forEachBackend, type Scene } from "./backends.ts";
import { BODY_OFFSET, RawDescriptor, REGISTER, RequestType } from "./raw.ts";

/** A REGISTER of a port with 16 slots, after a change to the message. */
function register(
  scene: Scene,
  edit: (raw: RawDescriptor) => void,
  raw: RawDescriptor = new RawDescriptor(scene),
): string {
  using descriptor = raw;
  return descriptor.request(RequestType.REGISTER, `${scene.bridgeName}:a`, (message) => {
    descriptor.answer = message;
    message.setU32(REGISTER.mode, 1).setU32(REGISTER.txSlots, 16).setU32(REGISTER.rxSlots, 16);
    edit(descriptor);
  });
}

forEachBackend((backend) => {
  backend.test("versions 14 and 15 are taken, others are not", (scene) => {
    for (const version of [0, 11, 12, 13, 14, 15, 16, 65535]) {
      const code = register(
        scene,
        ({ answer: { view } }) => view.setUint16(HEADER.version, version, true),
      );
      assert.equal(code, version === 14 || version === 15 ? "" : "EINVAL", `version ${version}`);
    }
  });

  backend.test("a reserved field that is not 0 is refused", (scene) => {
    const code = register(scene, ({ answer: { view } }) => view.setUint32(4, 1, true));
    assert.equal(code, "EINVAL");
  });

  backend.test("requests that do not exist are refused, with and without a body", (scene) => {
    using raw = new RawDescriptor(scene);
    for (const type of [0, 16, 17, 100, 255, 65535]) {
      for (const body of [0n, BigInt(BODY_OFFSET)]) {
        const code = raw.request(type, "", ({ view, bytes }) => {
          view.setBigUint64(HEADER.body, body, true);
          assert.ok(bytes.length > BODY_OFFSET);
        });
        assert.equal(code, "EINVAL", `type ${type}`);
      }
    }
  });

  backend.test("a body that is missing, or not wanted, is refused", (scene) => {
    using raw = new RawDescriptor(scene);
    for (const type of [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12]) {
      const code = raw.request(type, `${scene.bridgeName}:a`, ({ view }) => {
        view.setBigUint64(HEADER.body, 0n, true);
      });
      assert.equal(code, "EINVAL", `type ${type}`);
    }
    const code = raw.request(RequestType.VALE_DELIF, scene.interfaceName("vi"), (message) => {
      message.view.setBigUint64(HEADER.body, BigInt(BODY_OFFSET), true);
      message.length = BODY_OFFSET + 16;
    });
    assert.equal(code, "EINVAL");
  });

  backend.test("a body or an option outside of the message is refused", (scene) => {
    for (const offset of [1n, 2000n, 1n << 32n, (1n << 64n) - 1n]) {
      for (const field of [HEADER.body, HEADER.options]) {
        const code = register(
          scene,
          ({ answer: { view } }) => view.setBigUint64(field, offset, true),
        );
        assert.equal(code, "EINVAL", `${offset}`);
      }
    }
  });

  backend.test("a descriptor can be bound once", (scene) => {
    using raw = new RawDescriptor(scene);
    const bind = (mode: number, name: string): string =>
      raw.request(RequestType.REGISTER, `${scene.bridgeName}:${name}`, (message) => {
        message.setU32(REGISTER.mode, mode).setU32(REGISTER.txSlots, 16).setU32(
          REGISTER.rxSlots,
          16,
        );
      });
    assert.deepEqual([bind(1, "a"), bind(1, "a"), bind(1, "b"), bind(0, "a")], [
      "",
      "EBUSY",
      "EBUSY",
      "EBUSY",
    ]);
  });

  backend.test("a descriptor whose binding failed can be bound", (scene) => {
    using raw = new RawDescriptor(scene);
    const bind = (mode: number): string =>
      raw.request(RequestType.REGISTER, `${scene.bridgeName}:a`, (message) => {
        message.setU32(REGISTER.mode, mode).setU32(REGISTER.txSlots, 16).setU32(
          REGISTER.rxSlots,
          16,
        );
      });
    assert.deepEqual([bind(0), bind(1)], ["EINVAL", ""]);
  });

  backend.test("REGISTER says what was granted; ringid and unknown flags come back as they were", (scene) => {
    using raw = new RawDescriptor(scene);
    const flags = 0xffffffffffff0000n;
    const code = raw.request(RequestType.REGISTER, `${scene.bridgeName}:a`, (message) => {
      message.setU32(REGISTER.mode, 1).setU16(REGISTER.ringId, 77).setU64(REGISTER.flags, flags);
      message.setU32(REGISTER.txSlots, 16).setU32(REGISTER.rxSlots, 9000);
      message.setU16(REGISTER.txRings, 40);
    });
    assert.equal(code, "");
    const { answer } = raw;
    assert.deepEqual([answer.u32(REGISTER.txSlots), answer.u32(REGISTER.rxSlots)], [16, 4096]);
    assert.deepEqual([answer.u16(REGISTER.txRings), answer.u16(REGISTER.rxRings)], [16, 1]);
    assert.deepEqual([answer.u16(REGISTER.hostTxRings), answer.u16(REGISTER.hostRxRings)], [0, 0]);
    assert.equal(answer.u16(REGISTER.ringId), 77);
    assert.equal(answer.view.getBigUint64(BODY_OFFSET + REGISTER.flags, true), flags);
    assert.equal(answer.view.getUint16(HEADER.version, true), 14);
  });

  backend.test("polling is for NICs: EOPNOTSUPP on a VALE port", (scene) => {
    using port = scene.port("a");
    using raw = new RawDescriptor(scene);
    for (const type of [RequestType.VALE_POLLING_ENABLE, RequestType.VALE_POLLING_DISABLE]) {
      assert.equal(raw.request(type, port.name), "EOPNOTSUPP");
      assert.equal(raw.request(type, `${scene.bridgeName}:no`), "ENXIO");
      assert.equal(raw.request(type, "no"), "EINVAL");
    }
  });

  backend.test("virtio-net headers: lengths that are none are refused, missing ports are not there", (scene) => {
    using port = scene.port("a");
    using raw = new RawDescriptor(scene);
    const set = (name: string, length: number): string =>
      raw.request(RequestType.PORT_HDR_SET, name, (message) => message.setU32(0, length));
    assert.equal(set(port.name, 0), "");
    for (const length of [1, 11, 13, 100]) assert.equal(set(port.name, length), "EINVAL");
    assert.equal(set(`${scene.bridgeName}:no`, 0), "ENXIO");
    assert.equal(raw.request(RequestType.PORT_HDR_GET, port.name), "");
    assert.equal(raw.answer.u32(0), 0);
    for (const length of [12, 10, 0]) {
      assert.equal(set(port.name, length), "");
      assert.equal(raw.request(RequestType.PORT_HDR_GET, port.name), "");
      assert.equal(raw.answer.u32(0), length);
    }
    assert.equal(set(`${scene.bridgeName}:no`, 11), "EINVAL");
  });
});
