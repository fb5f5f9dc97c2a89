// Shows how control messages are put together.

import assert from "node:assert/strict";
import { OPTION } from "../../ffi/layout.ts";
import { BODY, Message } from "../../ffi/message.ts";

Deno.test("begin() writes version, type, name and where the body is", () => {
  const message = new Message();
  message.bytes.fill(0xee);
  message.begin(6, "vale0:a", 8);
  assert.equal(message.length, 96);
  assert.equal(message.view.getUint16(0, true), 14);
  assert.equal(message.view.getUint16(2, true), 6);
  assert.equal(message.view.getUint32(4, true), 0);
  assert.equal(message.name, "vale0:a");
  assert.equal(message.view.getBigUint64(72, true), 0n);
  assert.equal(message.view.getBigUint64(80, true), 88n);
  assert.ok(message.bytes.subarray(BODY).every((byte) => byte === 0));
});

Deno.test("begin() of a request without a body leaves the body's place 0", () => {
  const message = new Message().begin(9, "vi0", 0);
  assert.equal(message.length, 88);
  assert.equal(message.view.getBigUint64(80, true), 0n);
});

Deno.test("fields of the body are read as they were written", () => {
  const message = new Message().begin(1, "", 56);
  message.setU16(24, 0xfffe).setU32(16, 0xfffffffd).setU64(48, (1n << 53n) - 1n);
  assert.equal(message.u16(24), 0xfffe);
  assert.equal(message.u32(16), 0xfffffffd);
  assert.equal(message.u64(48), Number.MAX_SAFE_INTEGER);
});

Deno.test("begin() takes names of up to 63 bytes, in UTF-8, without NUL", () => {
  const message = new Message();
  assert.equal(message.begin(1, "x".repeat(63), 0).name, "x".repeat(63));
  assert.equal(message.begin(1, "é".repeat(31), 0).name, "é".repeat(31));
  assert.throws(() => message.begin(1, "x".repeat(64), 0), {
    name: "RangeError",
    message: /takes 64 bytes, a name has at most 63$/,
  });
  assert.throws(() => message.begin(1, "é".repeat(32), 0), RangeError);
  assert.throws(() => message.begin(1, "a\0b", 0), SyntaxError);
  assert.throws(() => message.begin(1, 3 as unknown as string, 0), TypeError);
});

Deno.test("addOption() appends options, each linked from the one before", () => {
  const message = new Message();
  for (const _ of [1, 2]) {
    message.begin(1, "vale0:a", 56);
    const first = message.addOption(2, 24 + 8);
    const second = message.addOption(4, 32);
    const { view } = message;
    assert.deepEqual([first, second, message.length], [144, 176, 208]);
    assert.equal(view.getBigUint64(72, true), 144n);
    assert.equal(view.getBigUint64(first + OPTION.next, true), 176n);
    assert.equal(view.getUint32(first + OPTION.optionType, true), 2);
    assert.equal(view.getBigUint64(first + OPTION.optionSize, true), 32n);
    assert.equal(view.getBigUint64(second + OPTION.next, true), 0n);
    assert.equal(view.getUint32(second + OPTION.optionType, true), 4);
  }
});
