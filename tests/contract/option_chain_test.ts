/** Chains of options: what they may be, what each option's status says, how many there may be. */

import assert from "node:assert/strict";
import { OptionType } from "../../ffi/constants.ts";
import { HEADER, OPTION } from "../../ffi/layout.ts";
import { forEachBackend } from "./backends.ts";
import { BODY_OFFSET, RawDescriptor, REGISTER, RequestType, VALE_LIST } from "./raw.ts";

const EINVAL = 22;
const EOPNOTSUPP = 95;
/** What no errno value is: nobody has written it. */
const UNTOUCHED = 7777;

/** A type that no netmap has. */
const UNKNOWN = 50;
const { SYNC_KLOOP_EVENTFDS, SYNC_KLOOP_MODE } = OptionType;

/** An option; `next` is the index of the one that follows, which is otherwise the next in the row. */
interface Entry {
  readonly type: number;
  readonly bytes?: bigint;
  readonly next?: number;
}

interface Row {
  readonly name: string;
  readonly options: readonly Entry[];
  readonly code: string;
  readonly statuses: readonly number[];
}

const ROWS: readonly Row[] = [
  { name: "unknown", options: [{ type: UNKNOWN }], code: "EOPNOTSUPP", statuses: [EOPNOTSUPP] },
  {
    name: "unknown ones may be there twice",
    options: [{ type: UNKNOWN }, { type: UNKNOWN + 1 }, { type: UNKNOWN }],
    code: "EOPNOTSUPP",
    statuses: [EOPNOTSUPP, EOPNOTSUPP, EOPNOTSUPP],
  },
  {
    name: "the size of an unknown one is not looked at",
    options: [{ type: UNKNOWN, bytes: (1n << 64n) - 1n }],
    code: "EOPNOTSUPP",
    statuses: [EOPNOTSUPP],
  },
  {
    name: "known, but not to REGISTER",
    options: [{ type: SYNC_KLOOP_MODE }, { type: SYNC_KLOOP_EVENTFDS, bytes: 1024n }],
    code: "EOPNOTSUPP",
    statuses: [EOPNOTSUPP, EOPNOTSUPP],
  },
  { name: "type 0", options: [{ type: 0 }], code: "EINVAL", statuses: [EINVAL] },
  {
    name: "type 0 ends the check",
    options: [{ type: UNKNOWN }, { type: 0 }, { type: UNKNOWN }],
    code: "EINVAL",
    statuses: [0, EINVAL, UNTOUCHED],
  },
  {
    name: "the same type twice",
    options: [{ type: SYNC_KLOOP_MODE }, { type: UNKNOWN }, { type: SYNC_KLOOP_MODE }],
    code: "EINVAL",
    statuses: [EINVAL, 0, EINVAL],
  },
  {
    name: "larger than a request may be",
    options: [{ type: UNKNOWN }, { type: SYNC_KLOOP_EVENTFDS, bytes: 4097n }, { type: UNKNOWN }],
    code: "EMSGSIZE",
    statuses: [0, 0, UNTOUCHED],
  },
  {
    name: "one of a fixed size that says it is larger than that",
    options: [{ type: SYNC_KLOOP_MODE, bytes: 1n << 63n }],
    code: "EMSGSIZE",
    statuses: [0],
  },
  {
    name: "a loop of unknown ones",
    options: [{ type: UNKNOWN }, { type: UNKNOWN, next: 0 }],
    code: "EMSGSIZE",
    statuses: [UNTOUCHED, UNTOUCHED],
  },
  {
    name: "a loop with one that cannot be there twice",
    options: [{ type: UNKNOWN }, { type: SYNC_KLOOP_MODE, next: 1 }],
    code: "EINVAL",
    statuses: [0, EINVAL],
  },
];

/** Bytes from one option to the next: room for any of the rows. */
const STRIDE = 32;

/** Writes options into a raw descriptor's message, from `at` on. */
function writeOptions(raw: RawDescriptor, at: number, options: readonly Entry[]): void {
  const { view } = raw.answer;
  view.setBigUint64(HEADER.options, BigInt(at), true);
  options.forEach(({ type, bytes = 0n, next }, i) => {
    const here = at + i * STRIDE;
    next ??= i + 1 < options.length ? i + 1 : undefined;
    view.setBigUint64(
      here + OPTION.next,
      BigInt(next === undefined ? 0 : at + next * STRIDE),
      true,
    );
    view.setUint32(here + OPTION.optionType, type, true);
    view.setUint32(here + OPTION.status, UNTOUCHED, true);
    view.setBigUint64(here + OPTION.optionSize, bytes, true);
  });
  // The rest of the last one: nobody reads more than netmap's limit
  raw.answer.length = Math.min(view.byteLength, at + options.length * STRIDE + 4096);
}

forEachBackend((backend) => {
  for (const { name, options, code, statuses } of ROWS) {
    backend.test(`options of REGISTER: ${name}`, (scene) => {
      using raw = new RawDescriptor(scene);
      const at = BODY_OFFSET + REGISTER.size;
      const register = (withOptions: boolean): string =>
        raw.request(RequestType.REGISTER, `${scene.bridgeName}:a`, (message) => {
          raw.answer = message;
          message.setU32(REGISTER.mode, 1).setU32(REGISTER.txSlots, 16)
            .setU32(REGISTER.rxSlots, 16);
          if (withOptions) writeOptions(raw, at, options);
        });
      assert.equal(register(true), code);
      const { view } = raw.answer;
      assert.deepEqual(
        options.map((_, i) => view.getUint32(at + i * STRIDE + OPTION.status, true)),
        statuses,
      );
      assert.equal(register(false), "", "the descriptor can be bound without");
    });
  }

  backend.test("options of REGISTER: 127 at most", (scene) => {
    for (const [count, code] of [[127, "EOPNOTSUPP"], [128, "EMSGSIZE"]] as const) {
      using raw = new RawDescriptor(scene);
      const at = BODY_OFFSET + REGISTER.size;
      const answer = raw.request(RequestType.REGISTER, `${scene.bridgeName}:a`, (message) => {
        raw.answer = message;
        message.setU32(REGISTER.mode, 1).setU32(REGISTER.txSlots, 16).setU32(REGISTER.rxSlots, 16);
        writeOptions(raw, at, Array.from({ length: count }, () => ({ type: UNKNOWN })));
      });
      assert.equal(answer, code, `${count}`);
    }
  });

  backend.test("other requests do what they do, whatever options they have", (scene) => {
    using port = scene.port("a");
    using raw = new RawDescriptor(scene);
    const at = BODY_OFFSET + VALE_LIST.size;
    const code = raw.request(RequestType.VALE_LIST, port.name, (message) => {
      raw.answer = message;
      writeOptions(raw, at, [{ type: UNKNOWN }, { type: SYNC_KLOOP_MODE }]);
    });
    assert.equal(code, "");
    assert.equal(raw.answer.u32(VALE_LIST.portIndex), 0);
    const { view } = raw.answer;
    for (const i of [0, 1]) {
      assert.equal(view.getUint32(at + i * STRIDE + OPTION.status, true), EOPNOTSUPP);
    }
  });

  backend.test("a request that does not exist has its options looked at first", (scene) => {
    using raw = new RawDescriptor(scene);
    const code = raw.request(99, "", (message) => {
      raw.answer = message;
      message.view.setBigUint64(HEADER.body, 0n, true);
      writeOptions(raw, BODY_OFFSET, [{ type: UNKNOWN }]);
    });
    assert.equal(code, "EINVAL");
    assert.equal(raw.answer.view.getUint32(BODY_OFFSET + OPTION.status, true), EOPNOTSUPP);
  });
});
