/**
 * The doctor on tools: what building valet, and looking at packets, needs.
 *
 * @module
 */

import { type Finding, type FindingOf, findings } from "./finding.ts";
import { command } from "./system.ts";

interface Tool {
  readonly name: string;
  readonly args: readonly string[];
  readonly what: string;
  readonly packages: string;
  /** Building needs it. */
  readonly isNeeded: boolean;
}

const TOOLS: readonly Tool[] = [
  {
    name: "cc",
    args: ["--version"],
    what: "C compiler",
    packages: "apt-get install gcc libc6-dev (Debian, Ubuntu), dnf install gcc (Fedora)",
    isNeeded: true,
  },
  {
    name: "make",
    args: ["--version"],
    what: "make",
    packages: "apt-get install make, dnf install make",
    isNeeded: true,
  },
  {
    name: "ethtool",
    args: ["--version"],
    what: "ethtool",
    packages: "apt-get install ethtool, dnf install ethtool",
    isNeeded: false,
  },
  {
    name: "tcpdump",
    args: ["--version"],
    what: "tcpdump",
    packages: "apt-get install tcpdump, dnf install tcpdump",
    isNeeded: false,
  },
];

/** What `valet doctor` says about tools. */
export async function examineTools(): Promise<Finding[]> {
  const { deno, v8, typescript } = Deno.version;
  return findings(
    "Tools",
    {
      name: "deno",
      state: "ok",
      text: `Deno ${deno} (V8 ${v8}, TypeScript ${typescript}) on ${Deno.build.target}`,
      facts: { version: deno, target: Deno.build.target },
    },
    ...await Promise.all(TOOLS.map(examineTool)),
  );
}

async function examineTool({ name, args, what, packages, isNeeded }: Tool): Promise<FindingOf> {
  const result = await command(name, ...args);
  const version = result?.text.split("\n")[0] ?? null;
  if (version !== null) {
    const text = version === "" ? `${what} is there` : `${what}: ${version}`;
    return { name, state: "ok", text, facts: { version } };
  }
  return {
    name,
    state: isNeeded ? "lacking" : "note",
    text: `There is no ${name}${isNeeded ? ", which building the C library needs" : ""}`,
    mend: packages,
    facts: { version },
  };
}
