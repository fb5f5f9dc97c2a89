/**
 * What hooks cannot have, and what to write instead.
 *
 * @module
 */

import type { Analysis } from "./analysis.ts";
import type { Node } from "./syntax.ts";

type Advice = readonly [construct: string, problem: string, mend: string];

const NO_OBJECTS = "hooks have numbers and booleans only";

/** By the type of the node in the syntax tree. */
const BY_TYPE: Readonly<Record<string, Advice>> = {
  ArrayExpression: [
    "an array",
    NO_OBJECTS,
    "Use one variable for each element, or a table; a key of several parts is get([a, b])",
  ],
  ArrayPattern: ["a pattern", NO_OBJECTS, "Declare each variable on its own"],
  ArrowFunctionExpression: [
    "a function in a hook",
    "hooks call no functions of their own",
    "Write its body where it is called",
  ],
  AssignmentExpression: [
    "an assignment within an expression",
    "what it gives would depend on when it is done",
    "Make it a statement of its own",
  ],
  AssignmentPattern: [
    "a default value",
    "a lookup is called with the packet",
    "Name the parameter only",
  ],
  AwaitExpression: ["`await`", "packets wait for the decision", "Decide at once"],
  BlockStatement: ["a block here", "it is no statement", "Remove it"],
  ChainExpression: ["`?.`", "there always is an object", 'Write "." instead of "?."'],
  ClassDeclaration: ["a class", NO_OBJECTS, "Use variables"],
  ClassExpression: ["a class", NO_OBJECTS, "Use variables"],
  DebuggerStatement: ["`debugger`", "a compiled hook cannot stop", "Debug the function in V8"],
  DoWhileStatement: [
    "`do ... while`",
    "hooks have `for` and `while`",
    "Write for (let i = 0; i < 8; i++) { ... if (done) break; }",
  ],
  EmptyStatement: ["an empty statement here", "it does nothing", "Remove it"],
  ForInStatement: [
    "`for ... in`",
    NO_OBJECTS,
    "Write for (let i = 0; i < 8; i++) with a constant bound",
  ],
  ForOfStatement: [
    "`for ... of`",
    NO_OBJECTS,
    "Write for (let i = 0; i < 8; i++) with a constant bound",
  ],
  FunctionDeclaration: [
    "a function in a hook",
    "hooks call no functions of their own",
    "Write its body where it is called",
  ],
  FunctionExpression: [
    "a function in a hook",
    "hooks call no functions of their own",
    "Write its body where it is called",
  ],
  ImportExpression: ["`import()`", "hooks load nothing", "Pass values with `constants`"],
  LabeledStatement: [
    "a label",
    "only the innermost loop can be left",
    "Set a variable and test it in the outer loop",
  ],
  MetaProperty: ["`import.meta`", NO_OBJECTS, "Pass values with `constants`"],
  NewExpression: [
    "`new`",
    NO_OBJECTS,
    "Make it outside of the hook; tables are passed in `tables`",
  ],
  ObjectExpression: ["an object", NO_OBJECTS, "Use one variable for each property"],
  ObjectPattern: [
    "a pattern",
    NO_OBJECTS,
    "Declare each variable on its own, as const port = packet.port",
  ],
  RestElement: ["`...`", NO_OBJECTS, "Name each parameter"],
  SequenceExpression: [
    "the comma operator",
    "only the last value would count",
    "Write the parts as statements",
  ],
  SpreadElement: ["`...`", NO_OBJECTS, "Write each argument"],
  Super: ["`super`", NO_OBJECTS, "Pass values with `constants`"],
  TaggedTemplateExpression: ["a template", NO_OBJECTS, "Compare numbers"],
  TemplateLiteral: ["a text", NO_OBJECTS, "Compare numbers: parseMac() and parseIpv4() make them"],
  ThisExpression: ["`this`", "a hook is called without one", "Pass values with `constants`"],
  ThrowStatement: ["`throw`", "a compiled hook cannot fail", "Write return DROP"],
  TryStatement: ["`try`", "nothing in a hook fails", "Write what is in it without `try`"],
  UpdateExpression: [
    "`++` or `--` within an expression",
    "what it gives would depend on when it is done",
    "Make it a statement of its own",
  ],
  WithStatement: ["`with`", NO_OBJECTS, "Write the names in full"],
  YieldExpression: ["`yield`", "a hook decides once", "Write return"],
};

const BY_OPERATOR: Readonly<Record<string, Advice>> = {
  "**": ["`**`", "hooks have no powers", "Write 1 << n for a power of two, or x * x"],
  "/": ["`/=`", "the result may be no whole number", "Write x = Math.floor(x / y)"],
  in: ["`in`", NO_OBJECTS, "Ask a table: table.get(key) !== undefined"],
  instanceof: ["`instanceof`", NO_OBJECTS, "Compare numbers"],
  typeof: ["`typeof`", NO_OBJECTS, "Compare with undefined: x === undefined"],
  void: ["`void`", NO_OBJECTS, "Write undefined"],
  delete: ["`delete`", NO_OBJECTS, "Set another value"],
};

/**
 * Refuses a part of a hook.
 *
 * @param operator if it is an operator that is not supported
 */
export function unsupported(analysis: Analysis, node: Node, operator?: string): never {
  const advice = operator !== undefined && Object.hasOwn(BY_OPERATOR, operator)
    ? BY_OPERATOR[operator]
    : Object.hasOwn(BY_TYPE, node.type)
    ? BY_TYPE[node.type]
    : special(analysis, node);
  return analysis.fail(node, ...advice);
}

function special(analysis: Analysis, node: Node): Advice {
  if (node.type === "Literal") {
    if (node.bigint !== undefined) {
      return [`the number ${node.raw}`, "hooks have no BigInt", `Write ${node.bigint}`];
    }
    if (node.value === null) {
      return ["`null`", "what is not there is undefined", "Compare with undefined"];
    }
    return node.regex !== undefined
      ? ["a regular expression", NO_OBJECTS, "Compare numbers"]
      : ["a text", NO_OBJECTS, "Compare numbers: parseMac() and parseIpv4() make them"];
  }
  const text = analysis.text(node);
  if (/^console\b/.test(text)) {
    return [
      "`console`",
      "a compiled hook cannot print",
      "Count in a table, or use the function in V8",
    ];
  }
  if (node.type !== "CallExpression") {
    return [
      `"${text}"`,
      "it is not in the subset that hooks have",
      "Write it with simple operators",
    ];
  }
  return [
    `the call "${text}"`,
    "hooks call functions of the packet, of tables, and of Math only",
    "Write the function's body here, or call it before and pass the number in `constants`",
  ];
}
