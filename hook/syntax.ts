/**
 * The parts of a JavaScript syntax tree (ESTree) that hooks can have.
 *
 * @module
 */

interface Base {
  /** Where it begins in the text. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
}

/** A name. */
export interface Identifier extends Base {
  readonly type: "Identifier";
  readonly name: string;
}

/** A number, string, `true` ... as written. */
export interface Literal extends Base {
  readonly type: "Literal";
  readonly value: unknown;
  readonly raw: string;
  readonly bigint?: string;
  readonly regex?: unknown;
}

/** `-x`, `!x`, `typeof x` ... */
export interface Unary extends Base {
  readonly type: "UnaryExpression";
  readonly operator: string;
  readonly argument: ExpressionNode;
}

/** `x + y`, `x < y` ... */
export interface BinaryNode extends Base {
  readonly type: "BinaryExpression";
  readonly operator: string;
  readonly left: ExpressionNode;
  readonly right: ExpressionNode;
}

/** `x && y`, `x || y`, `x ?? y` */
export interface Logical extends Base {
  readonly type: "LogicalExpression";
  readonly operator: "&&" | "||" | "??";
  readonly left: ExpressionNode;
  readonly right: ExpressionNode;
}

/** `x ? y : z` */
export interface Conditional extends Base {
  readonly type: "ConditionalExpression";
  readonly test: ExpressionNode;
  readonly consequent: ExpressionNode;
  readonly alternate: ExpressionNode;
}

/** `x.y`, `x[y]` */
export interface Member extends Base {
  readonly type: "MemberExpression";
  readonly object: ExpressionNode;
  readonly property: ExpressionNode;
  readonly computed: boolean;
  readonly optional: boolean;
}

/** `f(x)` */
export interface Call extends Base {
  readonly type: "CallExpression";
  readonly callee: ExpressionNode;
  readonly arguments: readonly ExpressionNode[];
  readonly optional: boolean;
}

/** `[x, y]` */
export interface ArrayNode extends Base {
  readonly type: "ArrayExpression";
  readonly elements: readonly (ExpressionNode | null)[];
}

/** `x = y`, `x += y` ... */
export interface Assignment extends Base {
  readonly type: "AssignmentExpression";
  readonly operator: string;
  readonly left: ExpressionNode;
  readonly right: ExpressionNode;
}

/** `x++`, `--x` ... */
export interface Update extends Base {
  readonly type: "UpdateExpression";
  readonly operator: "++" | "--";
  readonly argument: ExpressionNode;
}

/** `x, y` */
export interface Sequence extends Base {
  readonly type: "SequenceExpression";
  readonly expressions: readonly ExpressionNode[];
}

/** `(x) => ...`, `function (x) {...}` */
export interface FunctionNode extends Base {
  readonly type: "ArrowFunctionExpression" | "FunctionExpression";
  readonly id: Identifier | null;
  readonly params: readonly Node[];
  readonly body: BlockNode | ExpressionNode;
  readonly async: boolean;
  readonly generator: boolean;
}

/** Whatever else there is. */
export interface Other extends Base {
  readonly type: "Other";
}

/** An expression. */
export type ExpressionNode =
  | Identifier
  | Literal
  | Unary
  | BinaryNode
  | Logical
  | Conditional
  | Member
  | Call
  | ArrayNode
  | Assignment
  | Update
  | Sequence
  | FunctionNode
  | Other;

/** `const x = y, z = 1` */
export interface Declaration extends Base {
  readonly type: "VariableDeclaration";
  readonly kind: string;
  readonly declarations: readonly Declarator[];
}

/** `x = y` in a declaration. */
export interface Declarator extends Base {
  readonly type: "VariableDeclarator";
  readonly id: ExpressionNode;
  readonly init: ExpressionNode | null;
}

/** `{ ... }` */
export interface BlockNode extends Base {
  readonly type: "BlockStatement";
  readonly body: readonly StatementNode[];
}

/** `x;` */
export interface ExpressionStatement extends Base {
  readonly type: "ExpressionStatement";
  readonly expression: ExpressionNode;
}

/** `if (x) y; else z;` */
export interface IfNode extends Base {
  readonly type: "IfStatement";
  readonly test: ExpressionNode;
  readonly consequent: StatementNode;
  readonly alternate: StatementNode | null;
}

/** `for (x; y; z) ...` */
export interface ForNode extends Base {
  readonly type: "ForStatement";
  readonly init: Declaration | ExpressionNode | null;
  readonly test: ExpressionNode | null;
  readonly update: ExpressionNode | null;
  readonly body: StatementNode;
}

/** `while (x) ...` */
export interface WhileNode extends Base {
  readonly type: "WhileStatement";
  readonly test: ExpressionNode;
  readonly body: StatementNode;
}

/** `switch (x) {...}` */
export interface SwitchNode extends Base {
  readonly type: "SwitchStatement";
  readonly discriminant: ExpressionNode;
  readonly cases: readonly SwitchCase[];
}

/** `case x: ...`, `default: ...` */
export interface SwitchCase extends Base {
  readonly type: "SwitchCase";
  readonly test: ExpressionNode | null;
  readonly consequent: readonly StatementNode[];
}

/** `break;`, `continue;` */
export interface JumpNode extends Base {
  readonly type: "BreakStatement" | "ContinueStatement";
  readonly label: Identifier | null;
}

/** `return x;` */
export interface ReturnNode extends Base {
  readonly type: "ReturnStatement";
  readonly argument: ExpressionNode | null;
}

/** `;` */
export interface EmptyNode extends Base {
  readonly type: "EmptyStatement";
}

/** A statement. */
export type StatementNode =
  | Declaration
  | BlockNode
  | ExpressionStatement
  | IfNode
  | ForNode
  | WhileNode
  | SwitchNode
  | JumpNode
  | ReturnNode
  | EmptyNode
  | Other;

/** Any part of a hook's text. */
export type Node = ExpressionNode | StatementNode | Declarator | SwitchCase;
