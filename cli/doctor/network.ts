/**
 * The doctor on what a switch can be connected to: TAP interfaces, AF_XDP, NICs.
 *
 * @module
 */

import { type Finding, type FindingOf, findings } from "./finding.ts";
import { command, exists, kernelConfig, linkName, list, readText, tryOpen } from "./system.ts";

/** netmap's buffers, unless its module was told otherwise. */
const BUFFER_BYTES = 2048;

/** Ethernet header, VLAN tag and checksum around the MTU. */
const OVERHEAD_BYTES = 14 + 4 + 4;

/**
 * Offloads that change packets on their way, or leave work to the card that netmap takes away from
 * it: what ethtool(8) calls them in its list, and the short name to switch them.
 */
const OFFLOADS = [
  ["rx-checksumming", "rx"],
  ["tx-checksumming", "tx"],
  ["tcp-segmentation-offload", "tso"],
  ["generic-segmentation-offload", "gso"],
  ["generic-receive-offload", "gro"],
  ["large-receive-offload", "lro"],
  ["rx-vlan-offload", "rxvlan"],
  ["tx-vlan-offload", "txvlan"],
] as const;

/** Drivers that netmap has patches for; others work through their generic adapter. */
const NATIVE =
  /^(e1000e?|forcedeth|i40e|iavf|ice|igb|igc|ixgbe|ixgbevf|r8169|veth|virtio_net|vmxnet3)$/;

/** What `valet doctor` says about the network. */
export async function examineNetwork(): Promise<Finding[]> {
  const names = list("/sys/class/net").filter(isCard);
  return findings(
    "Network",
    examineTap(),
    await examineXdp(),
    examineBpf(),
    ...await Promise.all(names.map(examineCard)),
  );
}

function examineTap(): FindingOf {
  const name = "tap", path = "/dev/net/tun";
  const why = exists(path) ? tryOpen(path) : "it does not exist";
  const facts = { exists: exists(path), openable: why === "" };
  if (why === "") {
    return { name, state: "ok", text: `TAP interfaces can be made (${path} opens)`, facts };
  }
  const mend = exists(path)
    ? `Run as root, or: chmod 666 ${path}`
    : `modprobe tun, or: mkdir -p /dev/net; mknod ${path} c 10 200`;
  return { name, state: "note", text: `No TAP interfaces: ${path}: ${why}`, mend, facts };
}

async function examineXdp(): Promise<FindingOf> {
  const name = "af_xdp";
  const config = await kernelConfig();
  const has = config === undefined
    ? readText("/proc/kallsyms")?.includes(" xsk_poll") ?? null
    : config.get("CONFIG_XDP_SOCKETS") === "y";
  const facts = { socket: has };
  if (has === null) {
    return {
      name,
      state: "note",
      text: "Whether the kernel has AF_XDP sockets cannot be told",
      facts,
    };
  }
  return has
    ? { name, state: "ok", text: "The kernel has AF_XDP sockets (CONFIG_XDP_SOCKETS)", facts }
    : {
      name,
      state: "note",
      text: "The kernel has no AF_XDP sockets",
      mend: "A kernel with CONFIG_XDP_SOCKETS=y; until then use TAP or packet sockets",
      facts,
    };
}

function examineBpf(): FindingOf {
  const name = "bpf";
  const disabled = readText("/proc/sys/kernel/unprivileged_bpf_disabled");
  const jit = readText("/proc/sys/net/core/bpf_jit_enable");
  const unprivileged = disabled === "0";
  // 1, or 2 with its output traced: the kernel's Documentation/admin-guide/sysctl/net.rst
  const isCompiled = jit === undefined ? null : jit !== "0";
  const facts = { unprivileged, jit: isCompiled };
  if (disabled === undefined) {
    return { name, state: "note", text: "The kernel has no eBPF system call", facts };
  }
  const who = unprivileged ? "everybody" : "root only (CAP_BPF)";
  return {
    name,
    state: isCompiled === false ? "note" : "ok",
    text: `eBPF programs are for ${who}, and are ` +
      (isCompiled === false ? "interpreted: slow" : isCompiled ? "compiled" : "perhaps compiled"),
    mend: isCompiled === false ? "sysctl net.core.bpf_jit_enable=1" : undefined,
    facts,
  };
}

/** An Ethernet interface that is in use, or a card's. */
function isCard(name: string): boolean {
  const folder = `/sys/class/net/${name}`;
  // 1 is ARPHRD_ETHER of linux/if_arp.h
  return readText(`${folder}/type`) === "1" &&
    (exists(`${folder}/device`) || readText(`${folder}/operstate`) === "up");
}

async function examineCard(nic: string): Promise<FindingOf> {
  const folder = `/sys/class/net/${nic}`;
  const driver = linkName(`${folder}/device/driver`) ?? null;
  const mtu = Number(readText(`${folder}/mtu`) ?? NaN);
  const bufferBytes = Number(readText("/sys/module/netmap/parameters/buf_size") ?? BUFFER_BYTES);
  const features = await command("ethtool", "-k", nic);
  const active = features === undefined ? null : activeOffloads(features.text);
  const isNative = driver !== null && NATIVE.test(driver);
  const isTooLong = mtu + OVERHEAD_BYTES > bufferBytes;
  const facts = {
    driver,
    isNative,
    mtu,
    bufferBytes,
    offloads: active?.map(([name]) => name) ?? null,
  };

  const notes: string[] = [], mends: string[] = [];
  if (active === null) {
    notes.push("its offloads are not known without ethtool");
    mends.push("Install ethtool (Debian, Ubuntu: apt-get install ethtool)");
  } else if (active.length > 0) {
    notes.push(
      `with netmap, packets would lack checksums or be merged: ${
        active.map(([name]) => name).join(", ")
      }`,
    );
    const changeable = active.filter(([, , isFixed]) => !isFixed);
    if (changeable.length > 0) {
      mends.push(`ethtool -K ${nic} ${changeable.map(([, short]) => `${short} off`).join(" ")}`);
    }
  }
  if (isTooLong) {
    notes.push(`its MTU of ${mtu} does not fit a buffer of ${bufferBytes} bytes`);
    mends.push(`ip link set ${nic} mtu 1500, or a larger buf_size of the netmap module`);
  }
  return {
    name: `nic ${nic}`,
    state: notes.length === 0 ? "ok" : "note",
    text: [
      `${nic} (${driver ?? "driver not known"}, ${
        isNative ? "a driver that netmap has patches for" : "generic adapter"
      })`,
      ...notes,
    ].join("; "),
    mend: mends.length === 0 ? undefined : mends.join("\n"),
    facts,
  };
}

/** Offloads that are on, with their short names, and whether they cannot be switched off. */
function activeOffloads(features: string): [name: string, short: string, isFixed: boolean][] {
  return OFFLOADS.flatMap(([name, short]) => {
    const match = new RegExp(`^${name}: on( \\[fixed\\])?`, "m").exec(features);
    return match === null ? [] : [[name, short, match[1] !== undefined]];
  });
}
