/**
 * Gets the syntax tree of a hook, with acorn.
 *
 * @module
 */

import { HookBuildError, HookSyntaxError, positionAt } from "./errors.ts";
import type { ExpressionNode, FunctionNode } from "./syntax.ts";

/*
 * The parser is loaded when a hook is compiled, not when this module is: whoever imports valet without
 * compiling needs neither npm nor a network. The name stands in a variable because Deno follows every
 * literal import() when it builds the module graph, and would fetch it at start. The exact version is part
 * of the name because import maps do not travel with a module that others import.
 */
const PARSER = "npm:acorn@8.16.0";

interface Parser {
  parseExpressionAt(
    text: string,
    position: number,
    options: { ecmaVersion: "latest"; sourceType: "module" },
  ): ExpressionNode;
}

let loading: Promise<Parser> | undefined;

/** The parser, loaded now if it is not yet. */
async function loadParser(): Promise<Parser> {
  loading ??= import(PARSER) as Promise<Parser>;
  try {
    return await loading;
  } catch (cause) {
    loading = undefined; // the network may come back
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HookBuildError(`Cannot compile a hook: its parser could not be loaded: ${reason}`, {
      cause,
      hint: `Fetch it once while there is a network, with "deno cache ${PARSER}"; run without ` +
        "--no-npm. Uncompiled, the function works as a lookup as it is",
    });
  }
}

/** What is in front of a method's text to make it an expression. */
const METHOD_PREFIX = "({";

/** A hook as text and tree. */
export interface ParsedHook {
  /** The text that positions count in. */
  readonly source: string;
  /** Where the tree's text begins, to be taken off its positions. */
  readonly shift: number;
  /** The function. */
  readonly tree: FunctionNode;
}

/**
 * Parses a function.
 *
 * @throws {HookSyntaxError} if the text is no function
 * @throws {HookBuildError} if the parser cannot be loaded
 */
export async function parseHook(hook: unknown): Promise<ParsedHook> {
  const source = textOf(hook);
  const parser = await loadParser();
  const options = { ecmaVersion: "latest", sourceType: "module" } as const;
  const parsed = attempt(() => parser.parseExpressionAt(source, 0, options));
  if (parsed.tree !== undefined && isFunction(parsed.tree)) {
    checkEnd(source, parsed.tree.end);
    return { source, shift: 0, tree: parsed.tree };
  }
  // A method, "lookup(packet) { ... }", also looks like a call and something behind it
  const method = attempt(() => {
    const text = `${METHOD_PREFIX}${source}})`;
    return parser.parseExpressionAt(text, 0, options);
  }).tree;
  const tree = methodOf(method);
  if (tree !== undefined) return { source, shift: METHOD_PREFIX.length, tree };
  if (parsed.tree === undefined) throw unparsable(source, parsed.error);
  throw notFunction(source, parsed.tree.start);
}

function textOf(hook: unknown): string {
  if (typeof hook === "string") return hook;
  if (typeof hook !== "function") {
    throw new TypeError(
      `Cannot compile a ${hook === null ? "null" : typeof hook}: expected a function or its text`,
    );
  }
  const source = Function.prototype.toString.call(hook);
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) {
    throw new TypeError(
      `Cannot compile "${hook.name}": it is bound or built in, so its text cannot be read\n` +
        "Hint: Pass the function itself, and bound values as `constants`",
    );
  }
  return source;
}

interface Attempt {
  tree?: ExpressionNode;
  error?: unknown;
}

function attempt(parse: () => ExpressionNode): Attempt {
  try {
    return { tree: parse() };
  } catch (error) {
    return { error };
  }
}

function isFunction(tree: ExpressionNode): tree is FunctionNode {
  return tree.type === "ArrowFunctionExpression" || tree.type === "FunctionExpression";
}

/** The method of an object literal that has but this. */
function methodOf(tree: ExpressionNode | undefined): FunctionNode | undefined {
  const { properties } = (tree ?? {}) as { properties?: { value?: ExpressionNode }[] };
  const value = properties?.length === 1 ? properties[0].value : undefined;
  return value !== undefined && isFunction(value) ? value : undefined;
}

function checkEnd(source: string, end: number): void {
  const rest = source.slice(end).replace(/^(?:\s|\/\/.*|\/\*[^]*?\*\/|;)*/, "");
  if (rest === "") return;
  throw notFunction(source, source.length - rest.length);
}

function notFunction(source: string, offset: number): HookSyntaxError {
  return new HookSyntaxError(
    source,
    positionAt(source, offset),
    "this text",
    "it is not one function",
    'Give the text of one function, as "(packet) => packet.port + 1"',
  );
}

function unparsable(source: string, error: unknown): HookSyntaxError {
  const { pos = 0, message = "" } = error as { pos?: number; message?: string };
  return new HookSyntaxError(
    source,
    positionAt(source, pos),
    "this text",
    message.replace(/ \(\d+:\d+\)$/, "") || "it cannot be parsed",
    "A text has to be JavaScript, without types; of what is TypeScript pass the function itself",
  );
}
