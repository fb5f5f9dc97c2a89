/**
 * A small line of what a rate was.
 *
 * @module
 */

/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="esnext" />

import { formatRate } from "../../../packet/format.ts";
import { drawing } from "./element.ts";

/** Rates that are kept. */
const LENGTH = 60;

/** Its coordinates; how large it is shown says the style sheet. */
const WIDTH = 120, HEIGHT = 28, EDGE = 1.5;

/** What a rate was, and a drawing of it. */
export class Sparkline {
  /** The drawing. */
  readonly node: SVGSVGElement;
  readonly #line: SVGPolylineElement;
  readonly #area: SVGPolygonElement;
  readonly #what: string;
  readonly #rates: number[] = [];

  /** @param what it shows, for who cannot see it: "Sent" */
  constructor(what: string, className: string) {
    this.#what = what;
    this.node = drawing("svg", {
      class: `sparkline ${className}`,
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
    });
    this.#area = drawing("polygon", { class: "area" });
    this.#line = drawing("polyline", { class: "line" });
    this.node.append(this.#area, this.#line);
  }

  /** One more. */
  add(rate: number): void {
    this.#rates.push(rate);
    if (this.#rates.length > LENGTH) this.#rates.shift();
  }

  /** Shows what has been added. */
  draw(): void {
    const rates = this.#rates, most = Math.max(0, ...rates);
    const points = rates.map((rate, i) => {
      const x = WIDTH - (rates.length - 1 - i) * WIDTH / (LENGTH - 1);
      const y = HEIGHT - EDGE - (most > 0 ? rate / most : 0) * (HEIGHT - 2 * EDGE);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    });
    const left = points[0]?.split(",")[0] ?? "0";
    this.#line.setAttribute("points", points.join(" "));
    this.#area.setAttribute(
      "points",
      points.length === 0 ? "" : `${left},${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`,
    );
    this.node.setAttribute("aria-label", `${this.#what} lately: at most ${formatRate(most)}`);
  }
}
