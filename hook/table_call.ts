/**
 * Checks calls of tables.
 *
 * @module
 */

import type { Analysis } from "./analysis.ts";
import { checkBits } from "./check_bits.ts";
import type { TableKind } from "../ffi/table_home.ts";
import { kindOf } from "./table.ts";
import { UINT32 } from "./range.ts";
import type { Call, ExpressionNode } from "./syntax.ts";
import { booleanIn, type Value } from "./value.ts";

/** Functions of tables. */
export type TableMethod = "get" | "set" | "count" | "take";

const METHODS: Readonly<Record<TableMethod, readonly [least: number, most: number]>> = {
  get: [1, 1],
  set: [2, 2],
  count: [1, 2],
  take: [1, 2],
};

/** Which tables have which functions. */
const KINDS: Readonly<Record<TableMethod, readonly TableKind[]>> = {
  get: ["values", "counters"],
  set: ["values"],
  count: ["counters"],
  take: ["buckets"],
};

/** True if a table has a function of that name. */
export function isTableMethod(name: string): name is TableMethod {
  return Object.hasOwn(METHODS, name);
}

/** The parts of a key: those of an array, or the one number. */
export function keyOf(node: Call): readonly (ExpressionNode | null)[] {
  const [key] = node.arguments;
  return key.type === "ArrayExpression" ? key.elements : [key];
}

/** What a call of a table gives; its arguments are checked with `number`. */
export function checkTableCall(
  analysis: Analysis,
  node: Call,
  { table, method, isStatement }: { table: string; method: string; isStatement: boolean },
  number: (argument: ExpressionNode) => Value,
): Value {
  const call = `${table}.${method}()`;
  if (!isTableMethod(method)) {
    const mend = "Use get(), set(), count() or take()";
    return analysis.fail(node, call, "a table has no such function", mend);
  }
  const kind = kindOf(analysis.table(table));
  if (!KINDS[method].includes(kind)) {
    const right = Object.keys(KINDS).filter((name) => KINDS[name as TableMethod].includes(kind));
    const mend = `Use ${right.map((name) => `${name}()`).join(" or ")}, or a table of another kind`;
    return analysis.fail(node, call, `it is a table of ${kind}`, mend);
  }
  if (isStatement !== (method === "set" || method === "count")) {
    return isStatement
      ? analysis.fail(node, call, "its result is not used", "Use it, or leave the call out")
      : analysis.fail(node, `${call} as a value`, "it gives nothing", "Make it a statement");
  }
  const [least, most] = METHODS[method];
  const { length } = node.arguments;
  if (length < least || length > most) {
    const problem = `it takes ${least === most ? least : `${least} or ${most}`} arguments`;
    return analysis.fail(node, call, problem, `Give it as many, not ${length}`);
  }
  checkKey(analysis, node, table, number);
  const argument = node.arguments[1];
  if (argument !== undefined) {
    const value = number(argument);
    checkBits(analysis, argument, value, 32, "a table");
  }
  if (method === "get") {
    const hi = kind === "counters" ? Number.MAX_SAFE_INTEGER : UINT32.hi;
    return { kind: "optional", lo: 0, hi };
  }
  return booleanIn({ lo: 0, hi: 1 });
}

function checkKey(
  analysis: Analysis,
  node: Call,
  table: string,
  number: (argument: ExpressionNode) => Value,
): void {
  const { key } = analysis.table(table);
  const parts = keyOf(node);
  if (parts.length !== key.length) {
    analysis.fail(
      node.arguments[0],
      `the key of ${table}`,
      `it has ${key.length} part${key.length === 1 ? "" : "s"}`,
      `Give as many, not ${parts.length}${key.length === 1 ? "" : ", as [a, b]"}`,
    );
  }
  parts.forEach((part, i) => {
    if (part === null) {
      return analysis.fail(node, `the key of ${table}`, "a part is missing", "Give all parts");
    }
    const value = number(part);
    checkBits(analysis, part, value, key[i], "a table");
  });
}
