/**
 * The doctor on netmap's kernel module.
 *
 * @module
 */

import { type Finding, type FindingOf, findings } from "./finding.ts";
import { command, exists, kernelConfig, readText, tryOpen } from "./system.ts";

const BUILD =
  "Build it against this kernel: https://github.com/luigirizzo/netmap (LINUX/README.md); " +
  "without it, valet's own engine does the same";

/** What `valet doctor` says about netmap in the kernel. */
export async function examineKernel(): Promise<Finding[]> {
  return findings("Netmap in the kernel", await examineModule(), examineDevice(), examineHeaders());
}

async function examineModule(): Promise<FindingOf> {
  const name = "module";
  const release = Deno.osRelease();
  const isLoaded = exists("/sys/module/netmap");
  const config = await kernelConfig();
  const canLoad = exists("/proc/modules") && config?.get("CONFIG_MODULES") !== undefined ||
    config === undefined && exists("/proc/modules");
  const info = await command("modinfo", "-n", "netmap");
  const file = info?.success ? info.text : null;
  const isLocked = readText("/proc/sys/kernel/modules_disabled") === "1";
  const facts = { loaded: isLoaded, file, loadable: canLoad && !isLocked, release };
  if (isLoaded) return { name, state: "ok", text: "The module netmap is loaded", facts };
  if (!canLoad) {
    const text = `The kernel ${release} loads no modules (CONFIG_MODULES is not set)`;
    return {
      name,
      state: "lacking",
      text,
      mend: "Use valet's own engine, or another kernel",
      facts,
    };
  }
  if (isLocked) {
    const text = "The module netmap is not loaded, and can no longer be (kernel.modules_disabled)";
    return {
      name,
      state: "lacking",
      text,
      mend: "Load it before that is set, after a reboot",
      facts,
    };
  }
  if (file === null) {
    const text = `There is no module netmap for the kernel ${release}`;
    return { name, state: "lacking", text, mend: BUILD, facts };
  }
  const text = `The module netmap is there (${file}), but not loaded`;
  return { name, state: "lacking", text, mend: "modprobe netmap", facts };
}

function examineDevice(): FindingOf {
  const name = "/dev/netmap";
  const path = "/dev/netmap";
  if (!exists(path)) {
    const mend = exists("/sys/module/netmap")
      ? "mknod /dev/netmap c 10 $(sed -n 's/ netmap//p' /proc/misc)"
      : undefined;
    const text = "There is no /dev/netmap";
    return { name, state: "lacking", text, mend, facts: { exists: false } };
  }
  const mode = ((Deno.statSync(path).mode ?? 0) & 0o777).toString(8);
  const why = tryOpen(path);
  const facts = { exists: true, mode, openable: why === "" };
  if (why === "") return { name, state: "ok", text: `/dev/netmap opens (mode ${mode})`, facts };
  const text = `/dev/netmap (mode ${mode}) cannot be opened: ${why}`;
  return { name, state: "lacking", text, mend: "Run as root, or: chmod 666 /dev/netmap", facts };
}

function examineHeaders(): FindingOf {
  const release = Deno.osRelease();
  const path = `/lib/modules/${release}/build`;
  const isThere = exists(`${path}/Makefile`);
  return {
    name: "headers",
    state: isThere ? "ok" : "note",
    text: isThere
      ? `Headers of the kernel ${release} are in ${path}`
      : `There are no headers of the kernel ${release}, which building kernel modules needs`,
    mend: isThere ? undefined : `Debian, Ubuntu: apt-get install linux-headers-${release}`,
    facts: { release, path: isThere ? path : null },
  };
}
