/**
 * A bar that shows how far something has come, where somebody looks at it.
 *
 * @module
 */

const WIDTH = 30;

/** The bar, as text. */
export function bar(done: number, total: number, what: string): string {
  const filled = total === 0 ? WIDTH : Math.round(WIDTH * done / total);
  return `[${"#".repeat(filled)}${".".repeat(WIDTH - filled)}] ${done}/${total} ${what}`;
}

/** Draws on stderr, if that is a terminal; nothing else is ever written. */
export class Progress {
  readonly #isSeen = Deno.stderr.isTerminal();

  /** Shows it. */
  show(done: number, total: number, what: string): void {
    this.#write(`\r\x1b[K${bar(done, total, what)}`);
  }

  /** Takes it away. */
  clear(): void {
    this.#write("\r\x1b[K");
  }

  #write(text: string): void {
    if (this.#isSeen) Deno.stderr.writeSync(new TextEncoder().encode(text));
  }
}
