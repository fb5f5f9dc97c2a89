/** Open vSwitch between two network namespaces, with and without DPDK. */

import type { Service } from "../net/service.ts";
import { Hugepages } from "./hugepages.ts";
import { Ovs, ovsMissing } from "./ovs.ts";
import { lastCpu } from "./thread.ts";

/** Pages of 2 MB that it gets. */
export const OVS_PAGES = 256;

/** Why hosts cannot be joined so, in words. */
export function ovsProblem(kind: "ovs" | "ovs_dpdk"): string | undefined {
  return ovsMissing(kind === "ovs_dpdk");
}

/** Joins p0 and p1 of a namespace. What is taken for it goes onto the stack. */
export async function joinByOvs(
  kind: "ovs" | "ovs_dpdk",
  namespace: string,
  stack: AsyncDisposableStack,
): Promise<Service> {
  const dpdk = kind === "ovs_dpdk"
    ? { huge: stack.use(await Hugepages.take(OVS_PAGES)).folder, cpu: lastCpu() }
    : undefined;
  const ovs = stack.use(await Ovs.start({ namespace, dpdk }));
  for (const port of ["p0", "p1"]) {
    await ovs.add(
      kind === "ovs" ? { name: port, type: "system" } : {
        name: `d${port}`,
        type: "dpdk",
        options: { "dpdk-devargs": `net_af_packet_${port},iface=${port}` },
      },
    );
  }
  return ovs.service;
}
