/**
 * `valet doctor`: what this machine has and lacks for netmap, in words, and the mend.
 *
 * @module
 */

import { examineBackends } from "./doctor/backends.ts";
import { countStates, type Finding, formatFindings } from "./doctor/finding.ts";
import { examineKernel } from "./doctor/kernel.ts";
import { examineMemory } from "./doctor/memory.ts";
import { examineNetwork } from "./doctor/network.ts";
import { examineRights } from "./doctor/rights.ts";
import { examineTools } from "./doctor/tools.ts";
import { plural } from "./columns.ts";
import { writeLines } from "./ports.ts";
import type { CommandSpec } from "./table.ts";

/** Lines of text that are longer are hard to read. */
const WIDTH = 100;

/** `valet doctor` */
export const doctorCommand: CommandSpec = {
  name: "doctor",
  description: "Tell what this machine has and lacks for netmap, and the mend\n\n" +
    "Looks only, and changes nothing. Exit status: 0 netmap works here, by one backend or " +
    "another; 1 it does not.",
  options: [{ flags: "--json", description: "Print JSON" }],
  examples: [["What is wrong", "valet doctor"]],
  action: async (options, _args, { stdout, backend }) => {
    const all = await examine(backend);
    const works = all.some(({ name, state }) => name === "backend" && state === "ok");
    const counts = countStates(all);
    if (options.json) {
      stdout.write(`${JSON.stringify({ works, counts, findings: all })}\n`);
    } else {
      const width = Math.min(WIDTH, stdout.isTerminal ? stdout.columns : WIDTH);
      const { ok, note, lacking } = counts;
      writeLines(stdout, [
        ...formatFindings(all, { width, color: stdout.color }),
        "",
        `${ok} ok, ${plural(note, "note")}, ${lacking} lacking. ` +
        (works ? "Netmap works here." : "Netmap does not work here: see what lacks above."),
      ]);
    }
    return works ? 0 : 1;
  },
};

/** Looks at everything. */
async function examine(backend: string): Promise<Finding[]> {
  const parts = await Promise.all([
    examineBackends(backend),
    examineKernel(),
    examineRights(),
    examineMemory(),
    examineNetwork(),
    examineTools(),
  ]);
  return parts.flat();
}
