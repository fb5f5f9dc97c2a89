/** The notebook: its cells are executed, in order, by Deno's own Jupyter kernel, and show what they promise. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Kernel, type Output } from "./jupyter.ts";

const DOCS = fileURLToPath(new URL("../../docs/", import.meta.url));

interface Cell {
  readonly cell_type: "markdown" | "code";
  readonly source: string | readonly string[];
  readonly outputs?: readonly unknown[];
  readonly execution_count?: number | null;
}

const { cells, metadata } = JSON.parse(Deno.readTextFileSync(`${DOCS}tutorial.ipynb`)) as {
  cells: Cell[];
  metadata: { kernelspec: { name: string } };
};

/** What was put out, as text without colours. */
function textOf(output: Output): string {
  const text = "data" in output ? output.data["text/plain"] ?? "" : output.text;
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[\d+m/g, "");
}

/** What its cells print, or have as their values. */
const PROMISED = [
  'Netmap (embedded "notebook", no ports)',
  "{ flooded: [ 1, 1 ], learned: [ 1, 0 ] }",
  "Packets of each round",
  "\n500\n",
  "VALET_LOOKUP_TABLES",
  "\n100\n",
  "a division -> Write Math.floor(packet.length / 2)",
  "machine code",
  "IPv4 to the next port, 60-byte packets\nNetmap (closed)",
];

Deno.test("the notebook is committed without outputs", () => {
  assert.equal(metadata.kernelspec.name, "deno");
  for (const { cell_type, outputs, execution_count } of cells) {
    if (cell_type === "code") assert.deepEqual([outputs, execution_count], [[], null]);
  }
});

Deno.test("all cells of the notebook run in Deno's kernel, and show packets and plots", async (t) => {
  await using kernel = await Kernel.start(DOCS, { NO_COLOR: "1" });
  const shown: Output[][] = [];
  for (const { cell_type, source } of cells) {
    if (cell_type !== "code") continue;
    const code = typeof source === "string" ? source : source.join("");
    await t.step(code.split("\n")[0], async () => {
      const outputs = await kernel.execute(code);
      const fault = outputs.find(({ type }) => type === "error");
      assert.equal(fault, undefined, fault && textOf(fault));
      shown.push(outputs);
    });
  }
  const all = (): string => shown.flat().map(textOf).join("\n");
  const missing = (): string[] => PROMISED.filter((promised) => !all().includes(promised));
  // Values may come late
  for (let i = 0; i < 100 && missing().length > 0; i++) await kernel.execute("undefined");
  assert.deepEqual(missing(), [], all());
  assert.ok(shown.every(({ length }) => length > 0), "a cell that shows nothing");
  assert.ok(!all().includes("do not agree"), all());
  const forms = shown.flat().flatMap((output) => "data" in output ? [output.data] : []);
  const packets = forms.filter((data) => data["text/html"]?.startsWith("<details>"));
  assert.equal(packets.length, 7);
  assert.match(packets[1]["text/html"], /UDP, length 5.*68 65 6c 6c/s);
  const plots = forms.filter((data) => "image/svg+xml" in data);
  assert.deepEqual(plots.map((data) => data["text/plain"]), [
    "Packets of each round",
    "IPv4 to the next port, 60-byte packets",
  ]);
  for (const data of plots) assert.match(data["image/svg+xml"], /^<svg [^]*<\/svg>$/);
});

Deno.test("an error in a cell is told", async () => {
  await using kernel = await Kernel.start(DOCS);
  const outputs = await kernel.execute('throw new Error("no idea")');
  for (let i = 0; i < 100 && outputs.length === 0; i++) await kernel.execute("undefined");
  const [output] = outputs;
  assert.equal(output.type, "error");
  assert.match(textOf(output), /no idea/);
});
