/**
 * `switch`: which case is taken, in the analysis.
 *
 * @module
 */

import type { Analysis } from "./analysis.ts";
import type { Exits, StatementAnalyzer } from "./analyze_statement.ts";
import type { SwitchCase, SwitchNode } from "./syntax.ts";
import { joinStates, Scope, type State } from "./value.ts";

/** Cases that share one body. */
export interface CaseGroup {
  /** The labels, without `default`. */
  readonly cases: readonly SwitchCase[];
  /** True if `default` is one of them. */
  readonly isDefault: boolean;
  /** The one that has the body. */
  readonly body: SwitchCase;
}

/** The cases of a switch, those without a body together with the next one. */
export function caseGroups(node: SwitchNode): CaseGroup[] {
  const groups: CaseGroup[] = [];
  let labels: SwitchCase[] = [];
  node.cases.forEach((one, i) => {
    labels.push(one);
    if (one.consequent.length === 0 && i < node.cases.length - 1) return;
    groups.push({
      cases: labels.filter((label) => label.test !== null),
      isDefault: labels.some((label) => label.test === null),
      body: one,
    });
    labels = [];
  });
  return groups;
}

/** Follows a switch. */
export function analyzeSwitch(
  analysis: Analysis,
  analyzer: StatementAnalyzer,
  node: SwitchNode,
  outer: Scope,
  state: State,
  around: Exits | undefined,
): State {
  const { expressions } = analyzer;
  const chosen = expressions.number(node.discriminant, outer, state);
  const scope = new Scope(outer);
  const exits: Exits = { broken: undefined, continued: undefined, loop: around?.loop ?? around };
  const groups = caseGroups(node);
  const seen = new Set<number>();
  for (const { test } of groups.flatMap((group) => group.cases)) {
    const { lo, hi } = expressions.number(test!, outer, state);
    if (lo !== hi) {
      const mend = "Use if ... else if";
      analysis.fail(test!, "this case", "it is not a constant", mend);
    }
    if (seen.has(lo)) {
      analysis.fail(test!, "this case", `there is one for ${lo} already`, "Leave one out");
    }
    seen.add(lo);
  }
  const last = groups[groups.length - 1];
  for (const group of groups) {
    const isPossible = group.isDefault || group.cases.some(({ test }) => {
      const value = analysis.values.get(test!)!;
      return value.lo >= chosen.lo && value.lo <= chosen.hi;
    });
    if (!isPossible) continue;
    analysis.reached.add(group.body);
    const end = analyzer.run(group.body.consequent, scope, state, exits);
    if (end !== undefined && group !== last) {
      analysis.fail(
        group.body,
        "a case that runs into the next one",
        "each case ends on its own",
        "End it with break, continue or return",
      );
    }
    exits.broken = joinStates(exits.broken, end);
  }
  const isComplete = groups.some((group) => group.isDefault);
  return isComplete ? exits.broken : joinStates(exits.broken, state);
}
