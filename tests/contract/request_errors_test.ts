/** Requests that cannot be done, row by row, with netmap's error numbers. */

import assert from "node:assert/strict";
import { forEachBackend, type Scene } from "./backends.ts";
import { RawDescriptor, REGISTER, RequestType } from "./raw.ts";

const R = RequestType;

/** A request and its error. In names, BRIDGE is the scene's bridge, where "BRIDGE:a" is open. */
interface Row {
  readonly type: number;
  readonly name: string;
  /** Fields of the body: u32 by offset. */
  readonly fields?: Readonly<Record<number, number>>;
  readonly error: string;
}

const ALL_NIC = { [REGISTER.mode]: 1, [REGISTER.txSlots]: 16, [REGISTER.rxSlots]: 16 };

function register(name: string, error: string, fields: Record<number, number> = {}): Row {
  return { type: R.REGISTER, name, fields: { ...ALL_NIC, ...fields }, error };
}

const ROWS: readonly Row[] = [
  // Modes that ports of a bridge do not have
  ...[0, 2, 3, 5, 6, 8, 9, 100].map((mode) =>
    register("BRIDGE:b", "EINVAL", { [REGISTER.mode]: mode })
  ),
  // Names
  register("", "ENXIO"),
  register("nosuch0", "ENXIO"),
  register("vale", "ENOMEM"),
  register("vale-1:a", "ENOMEM"),
  register("BRIDGE", "ENOMEM"),
  register("BRIDGE:1234567890123456", "ENOMEM"),
  register("BRIDGE:b{", "EINVAL"),
  register("{1", "EINVAL"),
  // A ring that the port has not
  register("BRIDGE:a", "EINVAL", { [REGISTER.mode]: 4, [REGISTER.memId]: 9 << 16 }),
  // What a body may say is looked at before the name
  { type: R.PORT_HDR_SET, name: "BRIDGE:a", fields: { 0: 11 }, error: "EINVAL" },
  { type: R.PORT_HDR_SET, name: "nosuch0", fields: { 0: 11 }, error: "EINVAL" },
  { type: R.PORT_HDR_SET, name: "nosuch0", fields: { 0: 12 }, error: "ENXIO" },
  { type: R.PORT_INFO_GET, name: "nosuch0", error: "ENXIO" },
  { type: R.PORT_INFO_GET, name: "vale", error: "ENOMEM" },
  { type: R.POOLS_INFO_GET, name: "nosuch0", error: "ENXIO" },
  { type: R.POOLS_INFO_GET, name: "", error: "ENXIO" },
  { type: R.VALE_LIST, name: "nosuch0", error: "EINVAL" },
  { type: R.VALE_LIST, name: "valenosuch:a", error: "ENOENT" },
  { type: R.VALE_LIST, name: "", fields: { 0: 4000 }, error: "ENOENT" },
  { type: R.VALE_DETACH, name: "nosuch0", error: "EINVAL" },
  { type: R.VALE_DETACH, name: "BRIDGE:a", error: "EBUSY" },
  { type: R.VALE_DETACH, name: "BRIDGE:no", error: "ENXIO" },
  { type: R.VALE_ATTACH, name: "nosuch0", error: "EINVAL" },
  { type: R.VALE_NEWIF, name: "BRIDGE", error: "EINVAL" },
  { type: R.VALE_NEWIF, name: "1234567890123456", error: "EINVAL" },
  { type: R.VALE_DELIF, name: "nosuch0", error: "ENXIO" },
  { type: R.VALE_POLLING_ENABLE, name: "nosuch0", error: "EINVAL" },
  { type: R.VALE_POLLING_ENABLE, name: "BRIDGE:no", error: "ENXIO" },
  { type: R.VALE_POLLING_DISABLE, name: "BRIDGE:a", error: "EOPNOTSUPP" },
  { type: R.SYNC_KLOOP_START, name: "BRIDGE:a", error: "ENXIO" },
  { type: R.SYNC_KLOOP_START, name: "", fields: { 0: 1_000_001 }, error: "EINVAL" },
  { type: R.SYNC_KLOOP_STOP, name: "BRIDGE:a", error: "ENXIO" },
  { type: R.CSB_ENABLE, name: "BRIDGE:a", error: "EINVAL" },
];

const names = new Map<number, string>(Object.entries(R).map(([name, type]) => [type, name]));

function answer(scene: Scene, { type, name, fields = {} }: Row, version: number): string {
  using raw = new RawDescriptor(scene);
  return raw.request(type, name.replace("BRIDGE", scene.bridgeName), (message) => {
    message.view.setUint16(0, version, true);
    for (const [at, value] of Object.entries(fields)) message.setU32(Number(at), value);
  });
}

forEachBackend((backend) => {
  backend.test("requests that cannot be done say why, in both versions", (scene) => {
    using _port = scene.port("a");
    const told = (version: number): string[] =>
      ROWS.map((row) => `${names.get(row.type)} "${row.name}": ${answer(scene, row, version)}`);
    const expected = ROWS.map((row) => `${names.get(row.type)} "${row.name}": ${row.error}`);
    for (const version of [14, 15]) assert.deepEqual(told(version), expected);
  });
});
