/**
 * The doctor on rights: user, capabilities, limits, namespaces.
 *
 * @module
 */

import { type Finding, type FindingOf, findings } from "./finding.ts";
import { command, readText } from "./system.ts";

/** Capabilities that something in this field needs, with their bits: capabilities(7). */
const CAPABILITIES = [
  ["CAP_NET_ADMIN", 12, "attaching NICs, TAP interfaces, XDP"],
  ["CAP_NET_RAW", 13, "packet sockets, AF_XDP"],
  ["CAP_SYS_ADMIN", 21, "namespaces, old kernels' BPF"],
  ["CAP_BPF", 39, "loading eBPF programs"],
] as const;

/** Port regions are shared memory with a few descriptors each. */
const FEW_FILES = 1024;

/** Less locked memory than this has stopped AF_XDP on kernels before 5.11. */
const FEW_LOCKED_BYTES = 64 * 2 ** 20;

/** What `valet doctor` says about rights. */
export async function examineRights(): Promise<Finding[]> {
  return findings(
    "Rights",
    examineCapabilities(),
    examineFiles(),
    examineLockedMemory(),
    await examineNamespaces(),
  );
}

function examineCapabilities(): FindingOf {
  const uid = Deno.uid() ?? -1;
  const status = readText("/proc/self/status") ?? "";
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  const has = (bit: number): boolean => (mask >> BigInt(bit) & 1n) === 1n;
  const effective = Object.fromEntries(CAPABILITIES.map(([name, bit]) => [name, has(bit)]));
  const missing = CAPABILITIES.filter(([, bit]) => !has(bit));
  const who = uid === 0 ? "root" : `user ${uid}`;
  return {
    name: "capabilities",
    state: missing.length === 0 ? "ok" : "note",
    text: missing.length === 0
      ? `This is ${who}, with ${CAPABILITIES.map(([name]) => name).join(", ")}`
      : `This is ${who}, without ` +
        missing.map(([name, , what]) => `${name} (${what})`).join(", ") +
        "; valet's own engine needs none of them",
    mend: missing.length === 0
      ? undefined
      : uid === 0
      ? "This is a container: start it with --cap-add for each that is needed"
      : "For NICs and the kernel's netmap: run as root",
    facts: { uid, effective, mask: mask.toString(16) },
  };
}

/** A limit of /proc/self/limits, Infinity for "unlimited". */
function limit(name: string): { soft: number; hard: number } {
  const text = readText("/proc/self/limits") ?? "";
  const match = new RegExp(`^${name}\\s+(\\S+)\\s+(\\S+)`, "m").exec(text);
  const number = (value = "unlimited"): number => value === "unlimited" ? Infinity : Number(value);
  return { soft: number(match?.[1]), hard: number(match?.[2]) };
}

/** JSON has no Infinity. */
function jsonLimit({ soft, hard }: { soft: number; hard: number }): Record<string, unknown> {
  const text = (value: number): number | string => value === Infinity ? "unlimited" : value;
  return { soft: text(soft), hard: text(hard) };
}

function examineFiles(): FindingOf {
  const files = limit("Max open files");
  const isFew = files.soft <= FEW_FILES;
  return {
    name: "nofile",
    state: isFew ? "note" : "ok",
    text: `A process may have ${files.soft} open files` +
      (isFew ? "; each port of the daemon takes several in both processes" : ""),
    mend: isFew ? `ulimit -n ${Math.min(files.hard, 65_536)}` : undefined,
    facts: jsonLimit(files),
  };
}

function examineLockedMemory(): FindingOf {
  const locked = limit("Max locked memory");
  const isLittle = locked.soft < FEW_LOCKED_BYTES && Deno.uid() !== 0;
  const mebibytes = locked.soft === Infinity
    ? "any amount of memory"
    : `${locked.soft / 2 ** 20} MiB`;
  return {
    name: "memlock",
    state: isLittle ? "note" : "ok",
    text: `A process may lock ${mebibytes}` +
      (isLittle ? "; AF_XDP and huge pages may want more" : ""),
    mend: isLittle ? "ulimit -l unlimited, or memlock in /etc/security/limits.conf" : undefined,
    facts: jsonLimit(locked),
  };
}

async function examineNamespaces(): Promise<FindingOf> {
  const name = "namespaces";
  const most = Number(readText("/proc/sys/user/max_user_namespaces") ?? NaN);
  const cloned = readText("/proc/sys/kernel/unprivileged_userns_clone");
  const tried = await command("unshare", "--user", "--map-root-user", "--net", "true");
  const isUsable = tried?.success ?? (most > 0 && cloned !== "0");
  const facts = { usable: isUsable, tried: tried !== undefined, maxUserNamespaces: most };
  const what = "User and network namespaces";
  if (isUsable) {
    return {
      name,
      state: "ok",
      text: `${what} can be made: networks of one's own, without root`,
      facts,
    };
  }
  return {
    name,
    state: "note",
    text: `${what} cannot be made`,
    mend: most === 0
      ? "sysctl user.max_user_namespaces=10000"
      : cloned === "0"
      ? "sysctl kernel.unprivileged_userns_clone=1"
      : "In a container: allow unshare(2), with --cap-add SYS_ADMIN or another seccomp profile; " +
        "on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    facts,
  };
}
