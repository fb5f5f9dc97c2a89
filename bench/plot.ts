/** Writes charts as SVG. Loaded with `--plot` only, as the plotting library is. */

import { join } from "node:path";
import { type Plot, renderSvg } from "../scripts/experiments/kit/plot.ts";

/** Writes a file for each plot. Returns their paths. */
export async function writePlots(folder: string, plots: readonly Plot[]): Promise<string[]> {
  Deno.mkdirSync(folder, { recursive: true });
  return await Promise.all(plots.map(async (plot) => {
    const path = join(folder, `${plot.name}.svg`);
    await Deno.writeTextFile(path, await renderSvg(plot));
    return path;
  }));
}
