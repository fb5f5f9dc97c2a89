// Shows what a failing operation tells, and that numbers, names and texts are Linux's.

import assert from "node:assert/strict";
import { getSystemErrorMap } from "node:util";
import { errorName, errorNumber, errorText } from "../../ffi/errno.ts";
import { check, checkInteger, codeOf, show } from "../../ffi/errors.ts";
import { NetmapError } from "../../mod.ts";

Deno.test("NetmapError has code, errno, operation, port and hint, and tells them in its message", () => {
  const error = new NetmapError("open", "EBUSY", { port: "vale0:a", hint: "Wait" });
  assert.equal(error.name, "NetmapError");
  assert.equal(error.code, "EBUSY");
  assert.equal(error.errno, 16);
  assert.equal(error.operation, "open");
  assert.equal(error.port, "vale0:a");
  assert.equal(error.hint, "Wait");
  assert.equal(
    error.message,
    'Cannot open "vale0:a": Device or resource busy (EBUSY)\nHint: Wait',
  );
  assert.ok(error instanceof Error);
});

Deno.test("NetmapError finds a hint for what is known to go wrong", () => {
  const hints: [operation: string, code: string, context: object, hint: RegExp][] = [
    ["open", "ENOENT", { port: "/dev/netmap" }, /modprobe netmap/],
    ["open", "EACCES", { port: "/dev/netmap" }, /root/],
    ["open", "EBUSY", { port: "vale0:a" }, /exclusive/],
    ["open", "ENOMEM", { port: "vale0:a", need: "It needs 20482 buffers" }, /20482 buffers.*slots/],
    ["open", "ENXIO", { port: "eth0", backend: "embedded" }, /ip link.*createInterface/],
    ["open", "ENXIO", { port: "eth0", backend: "kernel" }, /ip link/],
    ["counters", "EOPNOTSUPP", { port: "vale0:a", backend: "kernel" }, /embedded/],
    ["lookup", "ENXIO", { port: "vale0" }, /has ports/],
    ["attach", "EBUSY", { port: "vale0:vi0" }, /already/],
    ["remove", "EBUSY", { port: "vi0" }, /detach/],
    ["send", "EDEADLK", { port: "vale0:a" }, /lookup/i],
  ];
  for (const [operation, code, context, hint] of hints) {
    assert.match(new NetmapError(operation, code, context).hint ?? "", hint);
  }
});

Deno.test("NetmapError without a hint has a message of one line", () => {
  const error = new NetmapError("advance", "EIO", { port: "vale0:a" });
  assert.equal(error.hint, undefined);
  assert.equal(error.message, 'Cannot advance a ring of "vale0:a": Input/output error (EIO)');
});

Deno.test("NetmapError keeps what it came from", () => {
  const cause = new TypeError("oops");
  assert.equal(new NetmapError("send", "ECANCELED", { cause }).cause, cause);
  assert.equal("cause" in new NetmapError("send", "ECANCELED"), false);
});

Deno.test("check() passes results on and throws what negative ones stand for", () => {
  assert.equal(check(0, "open"), 0);
  assert.equal(check(7, "open"), 7);
  assert.throws(() => check(-12, "open", { port: "vale0:a" }), { code: "ENOMEM", errno: 12 });
});

Deno.test("codeOf() says EIO for numbers that Linux does not have", () => {
  assert.equal(codeOf(-16), "EBUSY");
  assert.equal(codeOf(-4000), "EIO");
});

Deno.test("error numbers and names are those of the system", () => {
  for (const [number, [name]] of getSystemErrorMap()) {
    if (Deno.build.os !== "linux" || number < -133) continue; // libuv's own
    const same = ["EAGAIN", "EWOULDBLOCK", "EOPNOTSUPP", "ENOTSUP"];
    if (same.includes(name)) continue;
    assert.equal(errorName(-number), name);
    assert.equal(errorNumber(name), -number);
  }
  assert.equal(errorText(16), "Device or resource busy");
  assert.throws(() => errorNumber("EWHAT"), RangeError);
});

Deno.test("checkInteger() wants a whole number in its range", () => {
  assert.equal(checkInteger("count", 3, 0, 5), 3);
  for (const value of [-1, 6, 1.5, NaN, Infinity]) {
    assert.throws(() => checkInteger("count", value, 0, 5), {
      name: "RangeError",
      message: `Cannot use ${value} as count: expected a whole number from 0 to 5`,
    });
  }
  for (const value of ["3", 3n, null, undefined, {}]) {
    assert.throws(() => checkInteger("count", value, 0, 5), TypeError);
  }
});

Deno.test("show() tells what a wrong value is", () => {
  assert.equal(show("a"), '"a"');
  assert.equal(show(3n), "3n");
  assert.equal(show(null), "null");
  assert.equal(show([]), "an object (Array)");
  assert.equal(show(Object.create(null)), "an object");
  assert.equal(show(() => {}), "a function");
  assert.equal(show(Symbol("a")), "Symbol(a)");
});
