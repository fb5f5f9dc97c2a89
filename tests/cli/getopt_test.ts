import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../cli/context.ts";
import { getopt } from "../../cli/getopt.ts";

const LETTERS = "d:a:vWn:f:";

function shown(args: string[]): string {
  const { options, operands } = getopt(args, LETTERS);
  return [...options.map(({ letter, value }) => `${letter}=${value}`), ...operands].join(" ");
}

function failure(args: string[]): string {
  try {
    getopt(args, LETTERS);
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return error.message;
  }
  assert.fail("Nothing was thrown");
}

Deno.test("getopt() takes a value behind the letter and in the next argument", () => {
  assert.equal(shown(["-n100", "-n", "100", "-f", "tx"]), "n=100 n=100 f=tx");
});

Deno.test("getopt() takes several letters in one argument, the last with a value", () => {
  assert.equal(shown(["-vWn5", "-vn", "5", "-Wv"]), "v= W= n=5 v= n=5 W= v=");
});

Deno.test("getopt() takes what looks like an option as a value where one is due", () => {
  assert.equal(shown(["-n", "-v", "-a", "--", "-d-"]), "n=-v a=-- d=-");
});

Deno.test("getopt() takes an empty argument as a value", () => {
  assert.equal(shown(["-n", "", "-v"]), "n= v=");
});

Deno.test("getopt() ends options at -- and keeps - as an operand", () => {
  assert.equal(shown(["-v", "-", "--", "-v", "--"]), "v= - -v --");
});

Deno.test("getopt() finds options behind operands, as glibc does", () => {
  assert.equal(shown(["vale0:a", "-v", "b", "-n1"]), "v= n=1 vale0:a b");
});

Deno.test("getopt() says which option is unknown, and offers the other case", () => {
  assert.equal(failure(["-vx"]), "invalid option -- 'x'");
  assert.equal(failure(["-N5"]), "invalid option -- 'N'\nHint: There is \"-n\"");
  assert.equal(failure(["-:"]), "invalid option -- ':'");
  assert.equal(failure(["-vé"]), "invalid option -- 'é'");
});

Deno.test("getopt() says that options have one dash", () => {
  assert.match(failure(["--attach", "vale0:a"]), /^invalid option -- 'attach'\n.*there is "-a"$/);
  assert.match(failure(["--list"]), /^invalid option -- 'list'\n.*one letter and one dash$/);
});

Deno.test("getopt() says which option lacks its value", () => {
  assert.equal(failure(["-v", "-n"]), "option requires an argument -- 'n'");
  assert.equal(failure(["-vn"]), "option requires an argument -- 'n'");
});

Deno.test("getopt() reads back whatever way options were written", () => {
  const value = fc.string({ minLength: 1, unit: "grapheme" });
  const option = fc.oneof(
    fc.constantFrom("v", "W").map((letter) => ({ letter, value: "", apart: false })),
    fc.record({ letter: fc.constantFrom("d", "a", "n", "f"), value, apart: fc.boolean() }),
  );
  const operand = value.filter((text) => !text.startsWith("-"));
  fc.assert(fc.property(fc.array(option), fc.array(operand), (given, operands) => {
    const args = given.flatMap(({ letter, value, apart }) =>
      apart ? [`-${letter}`, value] : [`-${letter}${value}`]
    );
    const read = getopt([...args, ...operands], LETTERS);
    assert.deepEqual(read.options, given.map(({ letter, value }) => ({ letter, value })));
    assert.deepEqual(read.operands, operands);
  }));
});
