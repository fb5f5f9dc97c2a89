/**
 * Names through open(): what the grammar takes opens, and what it refuses or the kernel cannot have
 * gives the error. The grammar itself is tested in tests/ffi/port_name_test.ts.
 */

import assert from "node:assert/strict";
import { codeOf, forEachBackend, throwsCode } from "./backends.ts";
import { RawDescriptor, REGISTER, RequestType } from "./raw.ts";

const CONF = "@conf:slots=16";

forEachBackend((backend) => {
  backend.test("names that the grammar takes open a port of that name", (scene) => {
    const bridge = scene.bridgeName;
    const rows: [text: string, name: string][] = [
      [`${bridge}:a${CONF}`, `${bridge}:a`],
      [`${bridge}:a_1${CONF}`, `${bridge}:a_1`],
      [`${bridge}:a/x${CONF}`, `${bridge}:a`],
      [`${bridge}:a/T${CONF}`, `${bridge}:a`],
      [`${bridge}:a/R${CONF}`, `${bridge}:a`],
      [`${bridge}:a-1@conf:rings=2,slots=16`, `${bridge}:a`],
      [`${bridge}:a{1${CONF}`, `${bridge}:a{1`],
      [`${bridge}:a}1${CONF}`, `${bridge}:a}1`],
      [`${bridge}:a{pipe_2${CONF}`, `${bridge}:a{pipe_2`],
      [`${bridge}:a@conf:tx-slots=8,rx-slots=32`, `${bridge}:a`],
      [`${bridge}:a@conf:tx_rings=2,rx_rings=3,slots=8`, `${bridge}:a`],
      [`${bridge}_x:a${CONF}`, `${bridge}_x:a`],
    ];
    for (const [text, name] of rows) {
      using port = scene.netmap.open(text);
      assert.equal(port.name, name);
      assert.equal(port.portName.text, text);
      assert.equal(port.bridge, name.slice(0, name.indexOf(":")));
    }
  });

  backend.test("what a name asks for is what the port has; options win over it", (scene) => {
    const shape = (options: { txSlots?: number; rings?: number } = {}): number[] => {
      const name = `${scene.bridgeName}:a@conf:tx-slots=8,rx-slots=32,tx-rings=2,rx-rings=3`;
      using port = scene.netmap.open(name, options);
      const { txRings, rxRings } = port;
      return [txRings.length, rxRings.length, txRings[0].slots, rxRings[0].slots];
    };
    assert.deepEqual(shape(), [2, 3, 8, 32]);
    assert.deepEqual(shape({ txSlots: 4 }), [2, 3, 4, 32]);
    assert.deepEqual(shape({ rings: 1 }), [1, 1, 8, 32]);
  });

  backend.test("names that the grammar refuses are syntax errors, and open nothing", (scene) => {
    const bridge = scene.bridgeName;
    const before = scene.netmap.ports().length;
    for (
      const text of [
        "",
        "a",
        "eth0",
        `${bridge}`,
        `${bridge}:`,
        `${bridge}:a@conf`,
        `${bridge}:a@conf:slots=abc`,
        `${bridge}:a@conf:rings=70000`,
        `${bridge}:a@conf:slots=16,nope=1`,
        `${bridge}:a@65536`,
        `${bridge}:a@0`,
        `${bridge}:a/q`,
        `${bridge}:a+conf:rings=2`,
        "vale-1:a",
        "vale 0:a",
        `vale${"0".repeat(12)}:a`,
        `${bridge}:${"a".repeat(16)}`,
        `${bridge}:a\0b`,
      ]
    ) {
      assert.throws(() => scene.netmap.open(text), SyntaxError, text);
    }
    for (const text of [5, null, undefined, {}]) {
      assert.throws(() => scene.netmap.open(text as unknown as string), TypeError);
    }
    assert.equal(scene.netmap.ports().length, before);
  });

  backend.test("15 characters on each side of the colon are the most", (scene) => {
    const bridge = scene.bridgeName.padEnd(15, "x"), port = "p".repeat(15);
    using _port = scene.netmap.open(`${bridge}:${port}${CONF}`);
    assert.deepEqual(scene.netmap.bridge(bridge).ports().map(({ interface: name }) => name), [
      port,
    ]);
  });

  backend.test("ports whose names begin alike are two ports", (scene) => {
    const [a, b] = ["aaaaaaaaaaaaaa1", "aaaaaaaaaaaaaa2"].map((name) => scene.port(name));
    assert.notEqual(a.memoryId, b.memoryId);
    assert.equal(scene.bridge.ports().length, 2);
  });

  backend.test("what is not there, or cannot be had of a VALE port, is an error in words", (scene) => {
    const name = scene.interfaceName("no");
    const error = throwsCode("ENXIO", () => scene.netmap.open(`netmap:${name}`));
    assert.equal(error.operation, "open");
    assert.equal(error.port, name);
    assert.match(error.message, new RegExp(`^Cannot open "${name}": No such device or address`));
    for (const suffix of ["^", "*", "^0", "-1", "-4094"]) {
      throwsCode("EINVAL", () => scene.port(`a${suffix}`));
    }
    for (const mode of [0, 2, 3, 5, 6, 7, 8, 9, 10]) {
      throwsCode("EINVAL", () => scene.port("a", { mode: mode as 0 }));
    }
    assert.deepEqual(scene.bridge.ports(), []);
  });

  // facts-netmap 1.11 and the names table of the kernel's answers, without the grammar in between
  backend.test("VALE names as netmap itself takes them", (scene) => {
    const tail = scene.bridgeName.slice(4);
    const register = (name: string): string => {
      using raw = new RawDescriptor(scene);
      return raw.request(RequestType.REGISTER, name, (message) => {
        message.setU32(REGISTER.mode, 1).setU32(REGISTER.txSlots, 16).setU32(REGISTER.rxSlots, 16);
      });
    };
    const rows: [name: string, code: string][] = [
      ["", "ENXIO"],
      [`a${tail}`, "ENXIO"],
      ["VALE0:a", "ENXIO"],
      ["vale", "ENOMEM"],
      [`vale${tail}`, "ENOMEM"],
      [`vale-${tail}:a`, "ENOMEM"],
      [`vale ${tail}:a`, "ENOMEM"],
      [`vale${tail}:`, ""],
      [`vale${tail}:a:b`, ""],
      [`vale${tail}:a.b_c-1`, ""],
      [`vale_${tail}:a`, ""],
      [`vale${tail}:a b`, ""],
      [`vale${tail}:a/b`, ""],
      [`vale${tail}:\u00ff`, ""],
      [`valexyz${tail}:a`, ""],
      [`vale${tail}`.padEnd(15, "0") + ":a", ""],
      [`vale${tail}`.padEnd(16, "0") + ":a", "ENOMEM"],
      [`vale${tail}:${"p".repeat(15)}`, ""],
      [`vale${tail}:${"p".repeat(16)}`, "ENOMEM"],
      ["a".repeat(63), "ENXIO"],
      [`p${tail}{`, "EINVAL"],
      ["{1", "EINVAL"],
      [`p${tail}}`, "EINVAL"],
      ["thisnameislongerthan15{1", "ENXIO"],
      [`vale${tail}{1`, "ENOMEM"],
      [`p${tail}{abcdefghijklmnopqrstuvwxyz`, ""],
      [`p${tail}{1}2`, ""],
      [`vale${tail}:a{x{y`, ""],
      [`vale${tail}:a{a b`, ""],
    ];
    const found = rows.map(([name]): [string, string] => [name, register(name)]);
    assert.deepEqual(found, rows);
  });

  backend.test("names that do not fit a request are refused before it is made", (scene) => {
    const { netmap } = scene;
    for (const name of ["i".repeat(64), "\u00e9".repeat(32)]) {
      assert.throws(() => netmap.createInterface(name), RangeError);
      assert.throws(() => netmap.removeInterface(name), RangeError);
      assert.throws(() => netmap.poolsInfo(name), RangeError);
    }
    assert.throws(() => netmap.createInterface("a\0b"), SyntaxError);
    for (const name of [5, null, undefined, {}]) {
      assert.throws(() => netmap.createInterface(name as unknown as string), TypeError);
      assert.throws(() => netmap.removeInterface(name as unknown as string), TypeError);
      assert.throws(() => netmap.portInfo(name as unknown as string), TypeError);
      assert.throws(() => scene.bridge.attach(name as unknown as string), TypeError);
      assert.throws(() => scene.bridge.detach(name as unknown as string), TypeError);
    }
  });

  backend.test("names with characters of all kinds go through as they are", (scene) => {
    const name = scene.interfaceName("\u00e9\u4e16");
    const code = codeOf(() => scene.netmap.createInterface(name));
    assert.equal(code, "");
    scene.bridge.attach(name);
    assert.equal(scene.bridge.ports()[0].interface, name);
    scene.bridge.detach(name);
    scene.netmap.removeInterface(name);
  });
});
