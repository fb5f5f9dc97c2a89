/**
 * Puts the sections that find headers into a hook: each once, where it is first needed.
 *
 * @module
 */

import type { Headers, Section } from "./headers.ts";
import type { Local, Statement } from "./ir.ts";
import { bodiesOf, expressionsOf, readsIn, readsOf } from "./walk.ts";

/** Later ones read what earlier ones fill. */
const SECTIONS: readonly Section[] = ["transport", "network", "ethernet"];

/** The same statements, and before they read what a section fills the section. */
export function placeHeaders(
  headers: Headers,
  statements: readonly Statement[],
): readonly Statement[] {
  for (const section of SECTIONS) {
    const reads = readsIn(statements);
    statements = place(statements, (reads) => {
      for (const local of reads) if (headers.sectionOf(local) === section) return true;
      return false;
    }, () => headers.statements(section, reads));
  }
  return statements;
}

function place(
  statements: readonly Statement[],
  isNeeded: (reads: ReadonlySet<Local>) => boolean,
  section: () => Statement[],
): readonly Statement[] {
  const users = statements.filter((statement) => isNeeded(readsIn([statement])));
  if (users.length === 0) return statements;
  const at = statements.indexOf(users[0]);
  const before = statements.slice(0, at), after = statements.slice(at + 1);
  const inner = users.length === 1 ? within(users[0], isNeeded, section) : undefined;
  if (inner !== undefined) return [...before, inner, ...after];
  return [...before, ...section(), users[0], ...after];
}

/** The statement with the section in it, if only one of its bodies needs it. */
function within(
  statement: Statement,
  isNeeded: (reads: ReadonlySet<Local>) => boolean,
  section: () => Statement[],
): Statement | undefined {
  if (statement.op !== "if" && statement.op !== "block") return undefined;
  const reads = new Set<Local>();
  for (const expression of expressionsOf(statement)) readsOf(expression, reads);
  if (isNeeded(reads)) return undefined;
  const needing = bodiesOf(statement).filter((body) => isNeeded(readsIn(body)));
  if (needing.length !== 1) return undefined;
  const placed = place(needing[0], isNeeded, section);
  if (statement.op === "block") return { ...statement, body: placed };
  return needing[0] === statement.yes
    ? { ...statement, yes: placed }
    : { ...statement, no: placed };
}
