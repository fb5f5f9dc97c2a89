/** Writes charts as SVG. Loaded with `--plot` only, as the plotting library is. */

import { join } from "node:path";
import { renderSvg } from "../scripts/experiments/kit/plot.ts";
import { chartsOf } from "./charts.ts";
import type { Result } from "./results.ts";

/**
 * Writes a file for each sweep of which rows were measured.
 *
 * @returns their paths
 * @throws {Error} if there is nothing to draw
 */
export async function writeCharts(folder: string, results: readonly Result[]): Promise<string[]> {
  const plots = chartsOf(results);
  if (plots.length === 0) {
    throw new Error(
      "Cannot draw: no sweep has two rows that were measured\nHint: Try --all, or --only engine.macs",
    );
  }
  Deno.mkdirSync(folder, { recursive: true });
  return await Promise.all(plots.map(async (plot) => {
    const path = join(folder, `${plot.name}.svg`);
    await Deno.writeTextFile(path, await renderSvg(plot));
    return path;
  }));
}
