/** Installs the peers: Debian's packages, without starting any service. */

/** What they are in, DPDK's drivers included. */
export const PACKAGES = [
  "openvswitch-switch-dpdk",
  "dpdk-dev",
  "librte-net-null23",
  "librte-net-af-packet23",
  "librte-net-vhost23",
  "librte-net-virtio23",
  "librte-mempool-ring23",
  "vde2",
  "iproute2",
  "iperf3",
  "iputils-ping",
] as const;

/** Debian's way to keep a package's service from being started: this program says no. */
const POLICY = "/usr/sbin/policy-rc.d";

/**
 * Installs all of them, some 200 MB.
 *
 * @throws {Error} if apt-get fails
 */
export async function installPeers(): Promise<void> {
  const isOurs = await Deno.writeTextFile(POLICY, "#!/bin/sh\nexit 101\n", {
    createNew: true,
    mode: 0o755,
  }).then(() => true, () => false);
  try {
    for (
      const args of [["update", "-q"], ["install", "-qy", "--no-install-recommends", ...PACKAGES]]
    ) {
      const { success } = await new Deno.Command("apt-get", {
        args,
        env: { DEBIAN_FRONTEND: "noninteractive" },
        stdout: "null",
      }).output();
      if (!success) throw new Error(`Cannot install the peers: "apt-get ${args[0]}" failed`);
    }
  } finally {
    if (isOurs) await Deno.remove(POLICY);
  }
}
