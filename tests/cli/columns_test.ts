// Tables of text.

import assert from "node:assert/strict";
import { cut, formatColumns, plural } from "../../cli/columns.ts";

const COLUMNS = [{ title: "NAME" }, { title: "COUNT", align: "right" }, {
  title: "WHY",
  spare: 1,
}] as const;
const ROWS = [["a", "1", ""], ["long name", "1000000", "because"]];

Deno.test("formatColumns() aligns numbers to the right, and leaves no spaces at the end", () => {
  assert.deepEqual(formatColumns(COLUMNS, ROWS, { indent: " " }), [
    " NAME         COUNT  WHY",
    " a                1",
    " long name  1000000  because",
  ]);
});

Deno.test("formatColumns() leaves out what can be spared, then cuts", () => {
  assert.deepEqual(formatColumns(COLUMNS, ROWS, { width: 20 }), [
    "NAME         COUNT",
    "a                1",
    "long name  1000000",
  ]);
  assert.deepEqual(formatColumns(COLUMNS, ROWS, { width: 12 }), [
    "NAME       …",
    "a          …",
    "long name  …",
  ]);
});

Deno.test("cut() marks what it has cut", () => {
  assert.equal(cut("abc", 3), "abc");
  assert.equal(cut("abcd", 3), "ab…");
  assert.equal(cut("abcd", 0), "");
});

Deno.test("plural() counts", () => {
  assert.deepEqual([0, 1, 2].map((count) => plural(count, "port")), [
    "0 ports",
    "1 port",
    "2 ports",
  ]);
});
