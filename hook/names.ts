/**
 * Numbers variables and labels.
 *
 * @module
 */

import type { Local } from "./ir.ts";

/** The variables and labels of one hook. */
export class Names {
  /** All variables so far, by id. */
  readonly locals: Local[] = [];
  #labels = 0;

  /** A new variable, with the least and greatest value that it has. */
  local(name: string, lo: number, hi: number): Local {
    const local = { id: this.locals.length, name, lo, hi };
    this.locals.push(local);
    return local;
  }

  /** A new label. */
  label(): number {
    return this.#labels++;
  }
}
