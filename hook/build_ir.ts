/**
 * Makes expressions and statements of the intermediate form: works out their ranges, and leaves out
 * what needs no computing.
 *
 * @module
 */

import type {
  Expression,
  Input,
  Let,
  Load,
  Local,
  Operator,
  Position,
  ReadInput,
  Statement,
} from "./ir.ts";
import { hasCall, readsOf } from "./walk.ts";

export { hasCall };
import { INT32, int32Range, operate, type Range, uint32Range, union, within } from "./range.ts";

/** Most bytes that can be read: a descriptor has 16 bits for it. */
const READABLE_MAX = 0xffff;

const INPUTS: Readonly<Record<Input, Range>> = {
  port: { lo: 0, hi: 0xffff_ffff },
  ring: { lo: 0, hi: 0xffff_ffff },
  length: { lo: 0, hi: 0xffff_ffff },
  readable: { lo: 0, hi: READABLE_MAX },
  fragments: { lo: 0, hi: 0xffff },
};

const ORDER: readonly Operator[] = ["eq", "ne", "lt", "le"];
const OPPOSITE = { eq: "ne", ne: "eq" } as const;

/** A constant. */
export function constant(value: number): Expression {
  return { op: "const", value: value + 0, lo: value + 0, hi: value + 0 };
}

/** What the switch knows. */
export function input(name: Input): ReadInput {
  return { op: "input", input: name, ...INPUTS[name] };
}

/** Reads a variable; `range` is narrower where more is known about it. */
export function get(local: Local, range: Range = local): Expression {
  return range.lo === range.hi
    ? constant(range.lo)
    : { op: "get", local, lo: range.lo, hi: range.hi };
}

/** Loads a number of the packet. */
export function load(size: Load["size"], at: Expression, position: Position): Expression {
  // What begins beyond the longest packet is never there
  if ((at.hi < 0 || at.lo + size > READABLE_MAX) && !hasCall(at)) return constant(0);
  return { op: "load", size, at, position, lo: 0, hi: 2 ** (8 * size) - 1 };
}

/** A constant if the range leaves but one value. */
function folded(expression: Expression): Expression {
  return expression.lo === expression.hi && !hasCall(expression)
    ? constant(expression.lo)
    : expression;
}

/**
 * Two values combined.
 *
 * @param range of the result, if more is known than the operands' ranges tell
 */
export function binary(
  op: Operator,
  left: Expression,
  right: Expression,
  range: Range | undefined = operate(op, left, right),
): Expression {
  if (range === undefined) throw new RangeError(`Cannot compute "${op}" exactly`);
  if (right.op === "const") {
    const neutral = op === "add" || op === "sub" || op === "or" || op === "xor" ||
      op === "shl" || op === "shr";
    if (neutral && right.value === 0) return left;
    if ((op === "mul" || op === "div") && right.value === 1) return left;
    if (op === "and" && coversAll(right.value, left)) return left;
    // !condition
    if (op === "eq" && right.value === 0 && isComparison(left)) return negated(left);
    if (op === "ne" && right.value === 0 && within(left, { lo: 0, hi: 1 })) return left;
  }
  return folded({ op, left, right, lo: range.lo, hi: range.hi });
}

/** True if masking with a number changes nothing. */
function coversAll(mask: number, { lo, hi }: Range): boolean {
  const isMask = mask === 0xffff_ffff ||
    mask >= 0 && mask <= INT32.hi && (mask & (mask + 1)) === 0;
  return mask === -1 || isMask && lo >= 0 && hi <= mask;
}

function isComparison(expression: Expression): boolean {
  return (ORDER as readonly string[]).includes(expression.op);
}

function negated(expression: Expression): Expression {
  const { op, left, right } = expression as Expression & {
    op: "eq" | "ne" | "lt" | "le";
    left: Expression;
    right: Expression;
  };
  if (op === "lt") return binary("le", right, left);
  if (op === "le") return binary("lt", right, left);
  return binary(OPPOSITE[op], left, right);
}

/** 1 if a value is 0, else 0. */
export function not(value: Expression): Expression {
  return binary("eq", value, constant(0));
}

/** 1 if a value is not 0, else 0. */
export function truth(value: Expression): Expression {
  return binary("ne", value, constant(0));
}

/** The low 32 bits, signed. */
export function int32(value: Expression): Expression {
  if (within(value, INT32)) return value;
  if (value.op === "int32" || value.op === "uint32") return int32(value.value);
  return folded({ op: "int32", value, ...int32Range(value) });
}

/** The low 32 bits, unsigned. */
export function uint32(value: Expression): Expression {
  if (value.lo >= 0 && value.hi <= 0xffff_ffff) return value;
  if (value.op === "int32" || value.op === "uint32") return uint32(value.value);
  if (value.op === "and" || value.op === "or" || value.op === "xor") {
    return binary(value.op, uint32(value.left), uint32(value.right));
  }
  return folded({ op: "uint32", value, ...uint32Range(value) });
}

/** An operand of a bit operator: as many of its bits as can matter, but at least signed 32. */
export function bits(value: Expression, other: Expression, op: Operator): Expression {
  // Under a mask of 31 bits or fewer it does not matter how the rest is wrapped
  return op === "and" && other.lo >= 0 && other.hi <= INT32.hi ? unwrapped(value) : int32(value);
}

function unwrapped(value: Expression): Expression {
  return value.op === "int32" || value.op === "uint32" ? value.value : value;
}

function isConst(expression: Expression, value: number): boolean {
  return expression.op === "const" && expression.value === value;
}

/** One of two values. */
export function cond(test: Expression, yes: Expression, no: Expression): Expression {
  if (test.op === "const") return test.value !== 0 ? yes : no;
  if (test.lo > 0 && !hasCall(test)) return yes;
  if (isConst(yes, 1) && isConst(no, 0)) return truth(test);
  if (isConst(yes, 0) && isConst(no, 1)) return not(test);
  return folded({ op: "cond", test, yes, no, ...union(yes, no) });
}

/** `left && right` of conditions. */
export function both(left: Expression, right: Expression): Expression {
  return cond(left, right, constant(0));
}

/** `left || right` of conditions. */
export function either(left: Expression, right: Expression): Expression {
  return cond(left, constant(1), right);
}

/** A value that is used more than once below `body`. */
export function bind(
  local: Local,
  value: Expression,
  body: (value: Expression) => Expression,
): Expression {
  if (value.op === "const" || value.op === "get") return body(value);
  local.lo = value.lo;
  local.hi = value.hi;
  const inner = body(get(local));
  const reads = new Set<Local>();
  readsOf(inner, reads);
  if (!reads.has(local) && !hasCall(value)) return inner;
  return { op: "let", local, value, body: inner, lo: inner.lo, hi: inner.hi } satisfies Let;
}

/** Makes statements that belong to one place in the source. */
export class StatementBuilder {
  /** The place. */
  readonly position: Position;

  /** For one place. */
  constructor(position: Position) {
    this.position = position;
  }

  /** See {@linkcode SetStatement}. */
  set(local: Local, value: Expression): Statement {
    return { op: "set", local, value, position: this.position };
  }

  /** See {@linkcode StoreStatement}. */
  store(size: 1 | 2 | 4, at: Expression, value: Expression): Statement {
    return { op: "store", size, at, value, position: this.position };
  }

  /** See {@linkcode IfStatement}. */
  if(test: Expression, yes: readonly Statement[], no: readonly Statement[] = []): Statement {
    return { op: "if", test, yes, no, position: this.position };
  }

  /** The same where most packets go that way. */
  usually(test: Expression, yes: readonly Statement[]): Statement {
    return { op: "if", test, yes, no: [], isUsual: true, position: this.position };
  }

  /** See {@linkcode BlockStatement}. */
  block(label: number, body: readonly Statement[]): Statement {
    return { op: "block", label, body, position: this.position };
  }

  /** See {@linkcode LoopStatement}. */
  loop(label: number, bound: number, body: readonly Statement[]): Statement {
    return { op: "loop", label, bound, body, position: this.position };
  }

  /** See {@linkcode BreakStatement}. */
  break(label: number): Statement {
    return { op: "break", label, position: this.position };
  }

  /** See {@linkcode ReturnStatement}. */
  return(value: Expression): Statement {
    return { op: "return", value, position: this.position };
  }
}
