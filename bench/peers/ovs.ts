/** Open vSwitch with its userspace datapath: a database and a switch of our own, not the system's service. */

import { hasProgram, run, until } from "../net/command.ts";
import { Service } from "../net/service.ts";
import { temporaryFolder } from "../net/temporary.ts";

const SWITCH = {
  plain: "ovs-vswitchd",
  dpdk: "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk",
};
const SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";

/** How it is to run. */
export interface OvsOptions {
  /** With DPDK: its memory, where it is, and the CPU of the thread that forwards. */
  dpdk?: { huge: string; cpu: number } | undefined;
  /** The namespace that it runs in. Default: this process's. */
  namespace?: string | undefined;
}

/** A port of it. */
export interface OvsPort {
  name: string;
  /** "system", "dpdk", "dpdkvhostuserclient". */
  type: string;
  options?: Record<string, string>;
}

/** Why it cannot run, in words. */
export function ovsMissing(hasDpdk: boolean): string | undefined {
  if (!hasProgram("ovsdb-server")) return "there is no Open vSwitch (Debian: openvswitch-switch)";
  if (!hasProgram(hasDpdk ? SWITCH.dpdk : SWITCH.plain)) {
    return "there is no Open vSwitch with DPDK (Debian: openvswitch-switch-dpdk)";
  }
  return undefined;
}

/** A running one, with a bridge br0. */
export class Ovs implements AsyncDisposable {
  /** The switch. */
  readonly service: Service;
  readonly #folder: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(folder: string, service: Service, stack: AsyncDisposableStack) {
    this.#folder = folder;
    this.service = service;
    this.#stack = stack;
  }

  /** Starts it. Its processes and files are gone when it is disposed of. */
  static async start({ dpdk, namespace }: OvsOptions): Promise<Ovs> {
    await using stack = new AsyncDisposableStack();
    const folder = temporaryFolder("ovs", stack);
    const env = { OVS_RUNDIR: folder, OVS_LOGDIR: folder };
    await run("ovsdb-tool", "create", `${folder}/conf.db`, SCHEMA);
    stack.use(
      new Service(["ovsdb-server", `${folder}/conf.db`, `--remote=punix:${folder}/db.sock`], env),
    );
    await until("ovsdb-server", () => exists(`${folder}/db.sock`));
    const set = (...text: string[]): Promise<string> =>
      run("ovs-vsctl", `--db=unix:${folder}/db.sock`, "--no-wait", ...text);
    await set("init");
    if (dpdk !== undefined) {
      await set("set", "Open_vSwitch", ".", ...dpdkConfig(dpdk.huge, dpdk.cpu));
    }
    const program = dpdk === undefined ? SWITCH.plain : SWITCH.dpdk;
    const command = [program, `unix:${folder}/db.sock`, `--unixctl=${folder}/switch.ctl`];
    const prefix = namespace === undefined ? [] : ["ip", "netns", "exec", namespace];
    const service = stack.use(new Service([...prefix, ...command], env));
    await until("ovs-vswitchd", () => exists(`${folder}/switch.ctl`));
    const ovs = new Ovs(folder, service, stack.move());
    await ovs.#set("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev");
    return ovs;
  }

  /** Adds a port to br0. */
  async add({ name, type, options = {} }: OvsPort): Promise<void> {
    const values = Object.entries(options).map(([key, value]) => `options:${key}=${value}`);
    const settings = ["set", "Interface", name, `type=${type}`, ...values];
    await this.#set("add-port", "br0", name, "--", ...settings);
    const error = (await this.#set("get", "Interface", name, "error")).trim();
    if (error !== "[]") throw new Error(`Open vSwitch cannot add ${name}: ${error}`);
  }

  /** What one port sends goes to the other, whatever it is, and back: the only rules. */
  async connect(a: string, b: string): Promise<void> {
    const bridge = `${this.#folder}/br0.mgmt`;
    await run("ovs-ofctl", "del-flows", bridge);
    for (const [from, to] of [[a, b], [b, a]]) {
      await run("ovs-ofctl", "add-flow", bridge, `in_port=${from},actions=output:${to}`);
    }
  }

  /** Packets that its threads have taken from ports: `ovs-appctl dpif-netdev/pmd-stats-show`. */
  async received(): Promise<number> {
    return packetsReceived(await this.#ask("dpif-netdev/pmd-stats-show"));
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.service.resume();
    await this.#ask("exit", "--cleanup").catch(() => {});
    await this.#stack.disposeAsync();
  }

  #ask(...question: string[]): Promise<string> {
    return run("ovs-appctl", "-t", `${this.#folder}/switch.ctl`, ...question);
  }

  #set(...text: string[]): Promise<string> {
    return run("ovs-vsctl", `--db=unix:${this.#folder}/db.sock`, "--timeout=20", ...text);
  }
}

/** As its documentation says (intro/install/dpdk): one thread that forwards, on a CPU of its own. */
function dpdkConfig(huge: string, cpu: number): string[] {
  const settings = {
    "dpdk-init": "true",
    "dpdk-extra": `--no-pci --huge-dir=${huge} --file-prefix=valet-bench-ovs`,
    "dpdk-socket-mem": "256",
    "dpdk-lcore-mask": "0x1",
    "pmd-cpu-mask": `0x${(2 ** cpu).toString(16)}`,
  };
  return Object.entries(settings).map(([key, value]) => `other_config:${key}="${value}"`);
}

/** Packets received by all threads that forward, as pmd-stats-show says. */
export function packetsReceived(text: string): number {
  const counts = [...text.matchAll(/^\s*packets received: (\d+)/gm)].map(([, n]) => Number(n));
  if (counts.length === 0) throw new Error(`No packets are told of in "${text}"`);
  return counts.reduce((sum, count) => sum + count);
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
