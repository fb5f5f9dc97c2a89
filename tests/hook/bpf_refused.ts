/** What bpf_test.ts runs without capabilities: says what is said then. */

import { BpfMap, bpfProblem, BpfProgram } from "../../hook/bpf.ts";

const lines = [bpfProblem()];
for (
  const attempt of [
    () => new BpfMap({ keyBytes: 4, valueBytes: 8, entries: 1 }),
    () => BpfProgram.load(new Uint8Array([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0])),
  ]
) {
  try {
    attempt().close();
    lines.push("allowed");
  } catch (error) {
    lines.push((error as Error).message);
  }
}
await Deno.stdout.write(new TextEncoder().encode(lines.join("\n")));
