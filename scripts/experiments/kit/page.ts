/**
 * One HTML page with everything that the experiments have found. It needs nothing else: the plots are in it.
 *
 * @module
 */

import { join } from "node:path";
import { formatCell, type Report } from "./report.ts";

/** An experiment that could not be run. */
export interface Failure {
  readonly name: string;
  readonly error: string;
}

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 3rem; border-top: 1px solid #ccc; padding-top: 1rem; }
figure { margin: 1rem 0; overflow-x: auto; } figure svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 0.85rem; } td, th { padding: 0.15rem 0.6rem; text-align: right; }
th { border-bottom: 1px solid #888; } td.text, th.text { text-align: left; }
.paper { color: #555; } .error { color: #a00; white-space: pre-wrap; }
details { margin: 1rem 0; overflow-x: auto; } nav ul { columns: 2; }
`;

function escape(text: string): string {
  const names: Record<string, string> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot" };
  return text.replaceAll(/[&<>"]/g, (character) => `&${names[character]};`);
}

function list(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return `<h3>${title}</h3><ul>${lines.map((l) => `<li>${escape(l)}</li>`).join("")}</ul>\n`;
}

function table({ columns, runs }: Report): string {
  const keys = Object.keys(columns);
  const rows = runs.flatMap(({ rows }) => rows);
  const tag = (name: string, key: string, text: string): string => {
    const isText = rows.some((row) => typeof row[key] === "string");
    return `<${name}${isText ? ' class="text"' : ""}>${escape(text)}</${name}>`;
  };
  const head = keys.map((key) => tag("th", key, columns[key])).join("");
  const body = runs.map(({ backend, rows }) =>
    rows.map((row) =>
      `<tr><td class="text">${backend}</td>` +
      keys.map((key) => tag("td", key, formatCell(row[key]))).join("") + "</tr>"
    ).join("\n")
  ).join("\n");
  return `<details><summary>All points</summary><table>
<tr><th class="text">backend</th>${head}</tr>
${body}
</table></details>\n`;
}

function section(report: Report, svgs: readonly string[]): string {
  return `<section id="${report.name}"><h2>${escape(report.title)}</h2>
<p class="paper">Follows ${escape(report.figure)} of ${escape(report.paper)}</p>
<p>${escape(report.about)}</p>
${svgs.map((svg) => `<figure>${svg}</figure>`).join("\n")}
${list("Found", report.found)}${list("Compared with the paper", report.compared)}
${list("Not measured", report.missing)}${table(report)}
<p class="paper">deno run -A scripts/experiments/${report.name}.ts${report.quick ? "" : " --full"},
${report.seconds} s</p></section>`;
}

/** The page. The plots are read from the folder. */
export function renderPage(
  folder: string,
  reports: readonly Report[],
  failures: readonly Failure[],
): string {
  const sections = reports.map((report) =>
    section(
      report,
      report.plots.map(({ file }) => Deno.readTextFileSync(join(folder, file))),
    )
  );
  const failed = failures.map(({ name, error }) =>
    `<section id="${name}"><h2>${name}</h2><p class="error">${escape(error)}</p></section>`
  );
  const links = [
    ...reports.map(({ name, title }) => ({ name, title })),
    ...failures.map(({ name }) => ({ name, title: `${name} (failed)` })),
  ].map(({ name, title }) => `<li><a href="#${name}">${escape(title)}</a></li>`).join("\n");
  const machine = reports.at(0)?.machine;
  const where = machine === undefined
    ? ""
    : `${machine.cpu}, ${machine.cpus} CPUs, Linux ${machine.kernel}, Deno ${machine.deno}, `;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>valet: the papers as experiments</title><style>${STYLE}</style></head><body>
<h1>The papers as experiments</h1>
<p>netmap's and VALE's papers, measured with valet on this machine: ${escape(where)}
${
    new Date().toISOString().slice(0, 10)
  }. Compare shapes with the papers', not figures: theirs are of
other machines, and of kernels and virtual machines.</p>
<nav><ul>${links}</ul></nav>
${[...sections, ...failed].join("\n")}
</body></html>
`;
}
