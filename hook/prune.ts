/**
 * Leaves out what has no effect.
 *
 * @module
 */

import { not } from "./build_ir.ts";
import type { Local, Statement } from "./ir.ts";
import { bodiesOf, hasCall, readsIn } from "./walk.ts";

/** The same statements without those that set what nobody reads, and without empty ones. */
export function pruned(statements: readonly Statement[]): readonly Statement[] {
  let before: readonly Statement[];
  let after = statements;
  do {
    before = after;
    const reads = readsIn(before);
    after = keep(before, reads);
  } while (count(after) < count(before));
  return after;
}

function keep(statements: readonly Statement[], reads: ReadonlySet<Local>): Statement[] {
  const kept: Statement[] = [];
  for (const statement of statements) {
    switch (statement.op) {
      case "set":
        if (reads.has(statement.local) || hasCall(statement.value)) kept.push(statement);
        break;
      case "if": {
        const yes = keep(statement.yes, reads), no = keep(statement.no, reads);
        if (yes.length === 0 && no.length > 0) {
          kept.push({ ...statement, test: not(statement.test), yes: no, no: yes, isUsual: false });
        } else if (yes.length > 0 || hasCall(statement.test)) {
          kept.push({ ...statement, yes, no });
        }
        break;
      }
      case "block": {
        const body = keep(statement.body, reads);
        // What leaves a block at its end need not
        while (body.length > 0 && isBreakTo(body[body.length - 1], statement.label)) body.pop();
        if (body.length > 0) kept.push({ ...statement, body });
        break;
      }
      case "loop":
        kept.push({ ...statement, body: keep(statement.body, reads) });
        break;
      default:
        kept.push(statement);
    }
  }
  return kept;
}

function isBreakTo(statement: Statement, label: number): boolean {
  return statement.op === "break" && statement.label === label;
}

/** Statements, those below them included. */
function count(statements: readonly Statement[]): number {
  let sum = statements.length;
  for (const statement of statements) {
    for (const body of bodiesOf(statement)) sum += count(body);
  }
  return sum;
}
