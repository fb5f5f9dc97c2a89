/** What two hosts can be joined by: valet's switch in several ways, and others. */

import { fileURLToPath } from "node:url";
import type { Built } from "../build.ts";
import { joinByOvs, ovsProblem } from "../peers/ovs_join.ts";
import { hasProgram, run, until } from "./command.ts";
import { Hosts } from "./hosts.ts";
import { Service } from "./service.ts";
import { temporaryFolder } from "./temporary.ts";

/** What joins them. */
export type JoinKind =
  | "cable" // nothing: both ends of one veth
  | "linux_bridge"
  | "valet.af_packet"
  | "valet.af_packet.poll" // its threads look all the time, on the last CPU
  | "valet.af_xdp"
  | "valet.tap"
  | "vde_switch"
  | "ovs"
  | "ovs_dpdk"
  | "floor"; // no switch: a loop that carries frames from one to the other

/** Two hosts that are joined. */
export interface Join extends AsyncDisposable {
  /** The two. */
  hosts: Hosts;
  /** The program that joins them, if there is one. */
  switch?: Service;
}

/** Why hosts cannot be joined so on this machine, in words; undefined: they can. */
export function joinProblem(kind: JoinKind): string | undefined {
  if (Deno.uid() !== 0) return "only root can make network namespaces";
  for (
    const [tool, name] of [["ip", "iproute2"], ["ping", "iputils-ping"], ["taskset", "util-linux"]]
  ) {
    if (!hasProgram(tool)) return `there is no ${tool} (Debian: ${name})`;
  }
  if (kind === "vde_switch" && !hasProgram("vde_switch")) {
    return "there is no vde_switch (Debian: vde2)";
  }
  return kind === "ovs" || kind === "ovs_dpdk" ? ovsProblem(kind) : undefined;
}

/**
 * Makes two hosts and joins them.
 *
 * @throws {Error} if one does not reach the other
 */
export async function join(kind: JoinKind, built: Built): Promise<Join> {
  await using stack = new AsyncDisposableStack();
  const hosts = stack.use(await Hosts.make());
  const service = await joinHosts(kind, hosts, built, stack);
  await hosts.bringUp();
  const kept = stack.move();
  return {
    hosts,
    ...service === undefined ? {} : { switch: service },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function joinHosts(
  kind: JoinKind,
  hosts: Hosts,
  built: Built,
  stack: AsyncDisposableStack,
): Promise<Service | undefined> {
  if (kind === "cable") {
    await hosts.linkDirectly();
    return undefined;
  }
  if (kind === "linux_bridge") {
    await hosts.linkByVeth();
    await joinByBridge(hosts.middle);
    return undefined;
  }
  if (kind === "vde_switch") return await joinByVde(hosts, stack);
  if (kind !== "valet.tap") await hosts.linkByVeth();
  if (kind === "ovs" || kind === "ovs_dpdk") return await joinByOvs(kind, hosts.middle, stack);
  if (kind === "floor") return await joinByLoop(hosts, built, stack);
  return await joinByValet(kind.slice("valet.".length), hosts, built, stack);
}

async function joinByBridge(namespace: string): Promise<void> {
  await run("ip", "-n", namespace, "link", "add", "br0", "type", "bridge");
  for (const port of ["p0", "p1"]) {
    await run("ip", "-n", namespace, "link", "set", port, "master", "br0");
  }
  await run("ip", "-n", namespace, "link", "set", "br0", "up");
}

/** A process of its own, so that nothing of the benchmark runs in it. */
async function joinByValet(
  device: string,
  { middle, red, blue }: Hosts,
  built: Built,
  stack: AsyncDisposableStack,
): Promise<Service> {
  const file = fileURLToPath(new URL("../rows/net_switch.ts", import.meta.url));
  // A TAP interface's one end is the host's own
  const ports = device === "tap"
    ? [[red.namespace, red.device], [blue.namespace, blue.device]]
    : [[middle, "p0"], [middle, "p1"]];
  const service = stack.use(
    new Service([Deno.execPath(), "run", "-A", "--quiet", file, device, ...ports.flat()], {
      VALET_LIB: built.library,
    }),
  );
  return await attached(service);
}

async function joinByLoop(
  hosts: Hosts,
  built: Built,
  stack: AsyncDisposableStack,
): Promise<Service> {
  const command = hosts.inside(hosts.middle, built.program, "cross", "p0", "p1");
  return await attached(stack.use(new Service(command)));
}

async function attached(service: Service): Promise<Service> {
  const [line] = await service.prints(/^.+$/m);
  if (line !== "attached") throw new Error(line);
  return service;
}

async function joinByVde(
  { middle, red, blue }: Hosts,
  stack: AsyncDisposableStack,
): Promise<Service> {
  const folder = temporaryFolder("vde", stack);
  const [a, b] = [red, blue].map(({ device }) => `${device}v`);
  const command = ["vde_switch", "--nostdin", "-s", `${folder}/ctl`, "-tap", a, "-tap", b];
  const service = stack.use(new Service(["ip", "netns", "exec", middle, ...command]));
  for (const [tap, { namespace, device }] of [[a, red], [b, blue]] as const) {
    const there = async (): Promise<boolean> =>
      (await run("ip", "-n", middle, "-br", "link", "show")).includes(tap);
    await until(`${tap} of vde_switch`, there);
    await run("ip", "-n", middle, "link", "set", tap, "name", device, "netns", namespace);
  }
  return service;
}
