/**
 * Follows what a hook writes into its packet, and the copies that it asks for.
 *
 * @module
 */

import type { Analysis } from "./analysis.ts";
import { checkBits } from "./check_bits.ts";
import { checkHeaders, type ExpressionAnalyzer } from "./analyze_expression.ts";
import type { Assignment, Call } from "./syntax.ts";
import { numberIn, type Scope, type State, withValue } from "./value.ts";
import { FIELD_WRITERS, WRITERS } from "./writers.ts";

/** A call that writes into the packet: the state behind it; undefined if it is another call. */
export function analyzeWrite(
  analysis: Analysis,
  expressions: ExpressionAnalyzer,
  node: Call,
  scope: Scope,
  state: State,
): State {
  if (node.callee.type !== "MemberExpression") return undefined;
  const { meaning, name } = analysis.property(node.callee, scope);
  const isRaw = Object.hasOwn(WRITERS, name);
  if (meaning?.is !== "packet" || !isRaw && !Object.hasOwn(FIELD_WRITERS, name)) return undefined;
  const count = isRaw ? 2 : 1, given = node.arguments.length;
  if (given !== count) {
    const problem = `it takes ${count} argument${count === 1 ? "" : "s"}`;
    analysis.fail(node, `"${analysis.text(node)}"`, problem, `Give it ${count}, not ${given}`);
  }
  const values = node.arguments.map((argument) => expressions.number(argument, scope, state));
  if (isRaw) {
    const written = numberIn({ lo: 1, hi: 1 });
    analysis.assigned(analysis.written, written);
    return withValue(state, analysis.written, written);
  }
  checkHeaders(analysis, node, state);
  checkBits(analysis, node.arguments[0], values[0], FIELD_WRITERS[name].bits, `packet.${name}()`);
  return state;
}

/** `packet.copyTo = port`; false if it is another assignment. */
export function analyzeCopy(
  analysis: Analysis,
  expressions: ExpressionAnalyzer,
  { left, right, operator, ...node }: Assignment,
  scope: Scope,
  state: State,
): boolean {
  if (left.type !== "MemberExpression") return false;
  const { meaning, name } = analysis.property(left, scope);
  if (meaning?.is !== "packet" || name !== "copyTo") return false;
  if (operator !== "=") {
    const problem = "copyTo can only be assigned";
    analysis.fail(node, `\`${operator}\``, problem, "Write packet.copyTo = port");
  }
  checkBits(analysis, right, expressions.number(right, scope, state), 32, "packet.copyTo");
  return true;
}
