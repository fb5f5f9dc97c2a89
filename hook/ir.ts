/**
 * The intermediate form of a compiled hook: what the front end makes of a TypeScript function and
 * what the interpreter, the C generator and the eBPF generator read.
 *
 * It is a tree of structured statements over expressions.
 *
 * **Values.** Every expression is a signed 64-bit integer that the front end has proved to lie within
 * its `lo` and `hi`, so no operation ever overflows; a back end adds no checks of its own. Booleans are
 * 0 and 1, the `undefined` of JavaScript is {@linkcode ABSENT}. All values are within +-(2^53 - 1),
 * as in JavaScript, except a `shl`, which is within +-2^62 and stands below an `int32` or `uint32` only.
 *
 * **Nothing fails.** Divisors are at least 1, shift counts 0 to 31, reads beyond the packet are 0, loops
 * have a proved bound.
 *
 * **Order.** Expressions have no effects but the table operations, and an expression never holds two of
 * these whose order could matter without a `let` between them; a back end may evaluate operands in any
 * order. Only what `cond` chooses may be evaluated: the other arm's proofs need not hold.
 *
 * @module
 */

import type { TableKind } from "../ffi/table_home.ts";

/** A place in the hook's source. */
export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

/** What stands for `undefined`: no VLAN tag, no table entry. */
export const ABSENT: number = -1;

/** The answer that is no port number: what anything but 0 to 2^32 - 1 is returned as. */
export const GARBAGE: number = 0xffff_ffff;

/** A variable: a 64-bit register. Each is assigned before it is read. */
export interface Local {
  /** Place in `HookProgram.locals`. */
  id: number;
  /** What the source calls it, or what it was made for; not unique. */
  readonly name: string;
  /** Least value that it ever has. */
  lo: number;
  /** Greatest value that it ever has. */
  hi: number;
}

/**
 * What the switch knows of a packet besides its bytes: `port` (index of the sender), `ring` (the
 * sender's, whatever has been assigned since), `length` (bytes of the whole packet), `readable` (bytes that
 * can be loaded, those of the first fragment), `fragments` (slots, from 1).
 */
export type Input = "port" | "ring" | "length" | "readable" | "fragments";

/**
 * Operators on two values:
 *
 * - `add`, `sub`, `mul`: exact.
 * - `div`, `mod`: of a value >= 0 by one >= 1; the quotient is rounded down.
 * - `imul`: the low 32 bits of the product as a signed number (`Math.imul`); both are within 32 bits,
 *   signed or unsigned.
 * - `and`, `or`, `xor`: of all 64 bits.
 * - `shl`: by 0 to 31 bits; the left one is within signed 32 bits.
 * - `shr`: arithmetic, by 0 to 31 bits.
 * - `min`, `max`: signed.
 * - `eq`, `ne`, `lt`, `le`: signed comparison, 1 or 0.
 */
export type Operator =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "mod"
  | "imul"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr"
  | "min"
  | "max"
  | "eq"
  | "ne"
  | "lt"
  | "le";

/** What every expression has. */
export interface Ranged {
  /** Least value that it ever has. */
  readonly lo: number;
  /** Greatest value that it ever has. */
  readonly hi: number;
}

/** A constant; `lo` and `hi` are its value. */
export interface Const extends Ranged {
  /** What it is. */
  readonly op: "const";
  /** The number. */
  readonly value: number;
}

/** Reads a variable. */
export interface Get extends Ranged {
  /** What it is. */
  readonly op: "get";
  /** The variable. */
  readonly local: Local;
}

/** Reads what the switch knows. */
export interface ReadInput extends Ranged {
  /** What it is. */
  readonly op: "input";
  /** Which. */
  readonly input: Input;
}

/**
 * The big-endian unsigned number of `size` bytes at `at` in the packet; 0 unless 0 <= `at` and
 * `at + size` <= `readable`. `at` may be any value.
 */
export interface Load extends Ranged {
  /** What it is. */
  readonly op: "load";
  /** Bytes. */
  readonly size: 1 | 2 | 4 | 6;
  /** Offset in the packet. */
  readonly at: Expression;
  /** Where it is in the source. */
  readonly position: Position;
}

/** The low 32 bits, as a signed (`int32`) or unsigned (`uint32`) number. */
export interface Wrap extends Ranged {
  /** What it is. */
  readonly op: "int32" | "uint32";
  /** What is wrapped. */
  readonly value: Expression;
}

/** Two values combined. */
export interface Binary extends Ranged {
  /** What it is. */
  readonly op: Operator;
  /** Left operand. */
  readonly left: Expression;
  /** Right operand. */
  readonly right: Expression;
}

/** `yes` if `test` is not 0, else `no`; the other one is not evaluated. Also `&&`, `||`, `!`. */
export interface Cond extends Ranged {
  /** What it is. */
  readonly op: "cond";
  /** What is tested. */
  readonly test: Expression;
  /** Used if it is not 0. */
  readonly yes: Expression;
  /** Used if it is 0. */
  readonly no: Expression;
}

/** Evaluates `value`, puts it into `local`, then evaluates `body`, which is the result. */
export interface Let extends Ranged {
  /** What it is. */
  readonly op: "let";
  /** The variable. */
  readonly local: Local;
  /** What is bound. */
  readonly value: Expression;
  /** What it all gives. */
  readonly body: Expression;
}

/**
 * An operation on a table. `key` has as many parts as the table's `key`, each at least 0 and within the
 * part's bits.
 *
 * - `get`: the value (0 to 2^32 - 1), the counter (0 to 2^53 - 1), or {@linkcode ABSENT}. No argument.
 * - `set`: puts a value, the argument (0 to 2^32 - 1), there. Where there is no room, nothing changes. 0.
 * - `count`: adds the argument (0 to 2^32 - 1) to the entry's counter, which wraps around at 2^53. 0.
 * - `take`: takes as many tokens as the argument says out of the entry's bucket: 1, or 0 if there are not
 *   enough, and then none are taken.
 *
 * `set` and `count` stand in an `effect` statement only.
 */
export interface TableCall extends Ranged {
  /** What it is. */
  readonly op: "table";
  /** Which operation. */
  readonly method: "get" | "set" | "count" | "take";
  /** Place in `HookProgram.tables`. */
  readonly table: number;
  /** Parts of the key. */
  readonly key: readonly Expression[];
  /** Value, amount, or nothing. */
  readonly argument: Expression | undefined;
  /** Where it is in the source. */
  readonly position: Position;
}

/** An expression. */
export type Expression =
  | Const
  | Get
  | ReadInput
  | Load
  | Wrap
  | Binary
  | Cond
  | Let
  | TableCall;

/** Puts a value into a variable. */
export interface SetStatement {
  /** What it is. */
  readonly op: "set";
  /** The variable. */
  readonly local: Local;
  /** What it gets. */
  readonly value: Expression;
  /** Where it is in the source. */
  readonly position: Position;
}

/** Chooses the ring that the packet is put into at its destination, 0 to 2^32 - 1. */
export interface RingStatement {
  /** What it is. */
  readonly op: "ring";
  /** The ring. */
  readonly value: Expression;
  /** Where it is in the source. */
  readonly position: Position;
}

/** Names a port that gets the packet as well, 0 to 2^32 - 1; `DROP`: none. */
export interface CopyStatement {
  /** What it is. */
  readonly op: "copy";
  /** Index of the port. */
  readonly value: Expression;
  /** Where it is in the source. */
  readonly position: Position;
}

/**
 * Writes the low `size` bytes of a value, any one, into the packet, big-endian; nothing unless 0 <= `at`
 * and `at + size` <= `readable`. Loads that are evaluated afterwards see it.
 */
export interface StoreStatement {
  /** What it is. */
  readonly op: "store";
  /** Bytes. */
  readonly size: 1 | 2 | 4;
  /** Offset in the packet; any value. */
  readonly at: Expression;
  /** What is written. */
  readonly value: Expression;
  /** Where it is in the source. */
  readonly position: Position;
}

/** A table operation for its effect. */
export interface EffectStatement {
  /** What it is. */
  readonly op: "effect";
  /** The operation. */
  readonly value: TableCall;
  /** Where it is in the source. */
  readonly position: Position;
}

/** `yes` if `test` is not 0, else `no`. */
export interface IfStatement {
  /** What it is. */
  readonly op: "if";
  /** What is tested. */
  readonly test: Expression;
  /** Used if it is not 0. */
  readonly yes: readonly Statement[];
  /** Used if it is 0. */
  readonly no: readonly Statement[];
  /** With most packets it is not 0, which compilers may know. */
  readonly isUsual?: boolean;
  /** Where it is in the source. */
  readonly position: Position;
}

/** Runs `body` once; a `break` to `label` goes on behind it. */
export interface BlockStatement {
  /** What it is. */
  readonly op: "block";
  /** Number of the label, unique in the hook. */
  readonly label: number;
  /** What is run. */
  readonly body: readonly Statement[];
  /** Where it is in the source. */
  readonly position: Position;
}

/**
 * Runs `body` again and again until a `break` to `label` or a return. It has been proved that it
 * begins at most `bound` times, each time that the statement is reached.
 */
export interface LoopStatement {
  /** What it is. */
  readonly op: "loop";
  /** Number of the label, unique in the hook. */
  readonly label: number;
  /** Most times that the body begins. */
  readonly bound: number;
  /** What is repeated. */
  readonly body: readonly Statement[];
  /** Where it is in the source. */
  readonly position: Position;
}

/** Leaves the enclosing block or loop of that label. */
export interface BreakStatement {
  /** What it is. */
  readonly op: "break";
  /** Number of the label, unique in the hook. */
  readonly label: number;
  /** Where it is in the source. */
  readonly position: Position;
}

/** Ends: a port index, `BROADCAST`, `DROP`, `LEARN` or {@linkcode GARBAGE}; 0 to 2^32 - 1. */
export interface ReturnStatement {
  /** What it is. */
  readonly op: "return";
  /** The answer. */
  readonly value: Expression;
  /** Where it is in the source. */
  readonly position: Position;
}

/** A statement. */
export type Statement =
  | SetStatement
  | RingStatement
  | CopyStatement
  | StoreStatement
  | EffectStatement
  | IfStatement
  | BlockStatement
  | LoopStatement
  | BreakStatement
  | ReturnStatement;

/** A table that a hook uses. */
export interface ProgramTable {
  /** What the source calls it. */
  readonly name: string;
  /** Bits of each part of its keys: 8, 16, 32 or 48. */
  readonly key: readonly number[];
  /** What its entries are: `get` and `set` are for values, `get` and `count` for counters, `take` for buckets. Default: "values". */
  readonly kind?: TableKind | undefined;
}

/** A compiled hook. */
export interface HookProgram {
  /** Name of the function, "hook" if it has none. */
  readonly name: string;
  /** The source that `position`s are in. */
  readonly source: string;
  /** All variables, by id. */
  readonly locals: readonly Local[];
  /** All tables, by number. */
  readonly tables: readonly ProgramTable[];
  /** What is done with each packet. It ends with a return on every way. */
  readonly body: readonly Statement[];
}
