/**
 * A picture on a terminal that is drawn again and again, on a screen of its own.
 *
 * @module
 */

import type { TextWriter } from "./context.ts";

/** Room for a picture, in characters. */
export interface ScreenSize {
  /** In a line. */
  readonly columns: number;
  /** Lines. */
  readonly rows: number;
}

/** Escape sequences: how what follows looks. */
export const BOLD = "\x1b[1m", RED = "\x1b[31m", DIM = "\x1b[2m", PLAIN = "\x1b[0m";

/** A screen of its own, until it is closed. */
export class Screen implements Disposable {
  readonly #writer: TextWriter;
  readonly #render: (size: ScreenSize) => string[];
  readonly #resized = (): void => this.draw();

  /**
   * Draws the first picture.
   *
   * @param render makes the lines, none wider than there is room
   */
  constructor(writer: TextWriter, render: (size: ScreenSize) => string[]) {
    this.#writer = writer;
    this.#render = render;
    writer.write("\x1b[?1049h\x1b[?25l"); // its own screen, without a cursor
    Deno.addSignalListener("SIGWINCH", this.#resized);
    this.draw();
  }

  /** Draws the picture as it is now. */
  draw(): void {
    const lines = this.#render(consoleSize());
    // Each line is cleared behind its text, so that nothing flickers
    this.#writer.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
  }

  /** Gives the terminal back as it was. */
  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGWINCH", this.#resized);
    this.#writer.write("\x1b[?25h\x1b[?1049l");
  }
}

/**
 * The terminal's room; one that does not know its own says 0, and is taken for one of the usual
 * size.
 */
function consoleSize(): ScreenSize {
  const { columns, rows } = Deno.consoleSize();
  return { columns: columns || 80, rows: rows || 24 };
}
