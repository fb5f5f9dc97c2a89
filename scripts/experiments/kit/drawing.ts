/**
 * Plots that show themselves in a Jupyter notebook.
 *
 * @module
 */

import { type Plot, renderSvg } from "./plot.ts";

/** A plot that was drawn. */
export class Drawing {
  readonly title: string;
  /** The text of an SVG file. */
  readonly svg: string;

  constructor(title: string, svg: string) {
    this.title = title;
    this.svg = svg;
  }

  /** What `console.log(drawing)` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return `Drawing { ${this.title}, ${this.svg.length} bytes of SVG }`;
  }

  /** What a Jupyter notebook shows, by MIME type. */
  [Symbol.for("Jupyter.display")](): Record<string, string> {
    return { "text/plain": this.title, "image/svg+xml": this.svg };
  }
}

/** Draws a plot. A cell of a notebook that ends with `await draw(plot)` shows it. */
export async function draw(plot: Plot): Promise<Drawing> {
  return new Drawing(plot.title, await renderSvg(plot));
}
