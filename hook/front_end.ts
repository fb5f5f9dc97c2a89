/**
 * From the syntax tree of a hook to its intermediate form.
 *
 * @module
 */

import { Analysis, type HookTables } from "./analysis.ts";
import { StatementAnalyzer } from "./analyze_statement.ts";
import { input, StatementBuilder } from "./build_ir.ts";
import type { HookConstants } from "./constants.ts";
import { Headers } from "./headers.ts";
import type { HookProgram, Statement } from "./ir.ts";
import { ExpressionLowering } from "./lower_expression.ts";
import { StatementLowering } from "./lower_statement.ts";
import { Names } from "./names.ts";
import type { ParsedHook } from "./parse.ts";
import { placeHeaders } from "./place_headers.ts";
import { pruned } from "./prune.ts";
import { kindOf } from "./table.ts";
import { UINT32 } from "./range.ts";
import { unsupported } from "./unsupported.ts";
import { numberIn, Scope, type State, type Variable } from "./value.ts";
import { localsIn } from "./walk.ts";

/** What the caller gives besides the function. */
export interface FrontEndOptions {
  /** Name for messages and generated code. */
  readonly name: string;
  /** Numbers by name. */
  readonly constants: HookConstants;
  /** Tables by name. */
  readonly tables: HookTables;
}

/**
 * Checks a hook and turns it into the intermediate form.
 *
 * @throws {HookSyntaxError} if it is not in the subset
 */
export function lowerHook(
  hook: ParsedHook,
  { name, constants, tables }: FrontEndOptions,
): HookProgram {
  const analysis = new Analysis(hook, constants, tables);
  analyze(analysis, hook);
  const names = new Names();
  const position = analysis.position(hook.tree);
  const headers = new Headers(names, position);
  const expressions = new ExpressionLowering(analysis, names, headers);
  const statements = new StatementLowering(analysis, names, expressions);
  const { body } = hook.tree;
  const decided = body.type === "BlockStatement"
    ? statements.list(body.body)
    : [statements.returned(body)];
  const start = new StatementBuilder(position);
  const ring: Statement[] = analysis.isRingAssigned
    ? [start.set(expressions.local(analysis.ring), input("ring"))]
    : [];
  const complete = pruned(placeHeaders(headers, pruned([...ring, ...decided])));
  const locals = localsIn(complete);
  locals.forEach((local, id) => local.id = id);
  return {
    name: hook.tree.id?.name ?? name,
    source: hook.source,
    locals,
    tables: Object.entries(tables).map(([name, table]) => ({
      name,
      key: [...table.key],
      kind: kindOf(table),
    })),
    body: complete,
  };
}

function analyze(analysis: Analysis, { tree }: ParsedHook): void {
  checkHead(analysis, tree);
  const scope = new Scope();
  const [packet] = tree.params;
  if (packet?.type === "Identifier") scope.declare(packet.name, "packet");
  const analyzer = new StatementAnalyzer(analysis);
  const ring = numberIn(UINT32);
  analysis.assigned(analysis.ring, ring);
  const state: State = new Map<Variable, typeof ring>([
    [analysis.ring, ring],
    [analysis.written, numberIn({ lo: 0, hi: 0 })],
  ]);
  if (tree.body.type !== "BlockStatement") {
    return analyzer.returned(tree.body, new Scope(scope), state);
  }
  const end = analyzer.run(tree.body.body, new Scope(scope), state, undefined);
  if (end === undefined) return;
  analysis.fail(
    { start: tree.body.end - 1 },
    "this function",
    "there is a way through it that ends without a return",
    "Write return DROP at the end",
  );
}

function checkHead(analysis: Analysis, tree: ParsedHook["tree"]): void {
  const { async, generator, params } = tree;
  if (async || generator) {
    const kind = async ? "an async function" : "a generator";
    analysis.fail(tree, kind, "packets wait for the decision", "Decide at once");
  }
  if (params.length > 1) {
    const mend = "Take the packet only; other values are passed in `constants`";
    analysis.fail(params[1], "a second parameter", "a lookup is called with the packet", mend);
  }
  if (params.length === 1 && params[0].type !== "Identifier") unsupported(analysis, params[0]);
}
