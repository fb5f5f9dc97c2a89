/**
 * Checks that values fit the bits that there are for them.
 *
 * @module
 */

import type { Analysis } from "./analysis.ts";
import { within } from "./range.ts";
import type { ExpressionNode } from "./syntax.ts";
import type { Value } from "./value.ts";

/** Refuses a value that may not fit into unsigned bits; `use` says what for. */
export function checkBits(
  analysis: Analysis,
  node: ExpressionNode,
  value: Value,
  bits: number,
  use: string,
): void {
  if (within(value, { lo: 0, hi: 2 ** bits - 1 })) return;
  const text = analysis.text(node);
  analysis.fail(
    node,
    `"${text}" for ${use}`,
    `it may be ${value.lo < 0 ? value.lo : value.hi}, and there are ${bits} bits for it`,
    bits > 32
      ? `Write (${text}) % 0x${(2 ** bits).toString(16)}, and nothing negative`
      : bits === 32
      ? `Write (${text}) >>> 0`
      : `Write (${text}) & 0x${(2 ** bits - 1).toString(16)}`,
  );
}
