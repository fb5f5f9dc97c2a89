/** Which peers are compared with which of valet's rows: those that do the same work. */

import { type JoinKind, joinProblem } from "../net/join.ts";
import { temporaryFolder } from "../net/temporary.ts";
import type { Measurable } from "../round.ts";
import { Subject, type Surroundings } from "../subject.ts";
import { Flow, type FlowOptions, Polling } from "./contender.ts";
import { Hugepages } from "./hugepages.ts";
import { Ovs, ovsMissing } from "./ovs.ts";
import { OVS_PAGES } from "./ovs_join.ts";
import { PktGenPair, pktGenProblem } from "./pkt_gen.ts";
import { Testpmd, testpmdMissing } from "./testpmd.ts";
import { lastCpu } from "./thread.ts";

/** One of those that are compared. */
export interface Peer {
  /** Its name within the group. Valet's own begin with "valet". */
  name: string;
  /** What it is. */
  about: string;
  /** Why it cannot be measured here, in words. */
  problem: () => string | undefined;
  /** Starts it. */
  start: (surroundings: Surroundings) => Promise<Measurable>;
}

/** Peers that do the same work, measured in turn. */
export interface Group {
  /** Its name: what is moved, and how many bytes a frame has. */
  name: string;
  /** What all of them do, and how their rates are measured. */
  about: string;
  /** The least that the work can be, without a switch. */
  limit: Peer;
  /** It needs a daemon. */
  daemon?: boolean;
  /** All of them. */
  peers: readonly Peer[];
}

const BYTES = [60, 1500] as const;
const TESTPMD_PAGES = 128;

const always = (): undefined => undefined;

function needsRoot(problem: () => string | undefined): () => string | undefined {
  return () => Deno.uid() === 0 ? problem() : "only root can ask the kernel for hugepages";
}

/** A row of valet's own. */
function native(name: string, row: string, about: string): Peer {
  return {
    name,
    about,
    problem: always,
    start: (surroundings) => Promise.resolve(new Subject({ native: row }, surroundings)),
  };
}

/** Two processes of bench/c. */
function scene(name: string, args: readonly string[], about: string, scene: string): Peer {
  return {
    name,
    about,
    problem: always,
    start: (surroundings) => Promise.resolve(new Subject({ scene, args }, surroundings)),
  };
}

const nullDevice = (number: number, bytes: number): string =>
  `net_null${number},size=${bytes},copy=1`;

function testpmdOnNull(forward: "io" | "mac", bytes: number): Peer {
  const name = `testpmd.${forward}`;
  return {
    name,
    about: `DPDK's testpmd, --forward-mode=${forward}, between two net_null devices with copy=1`,
    problem: needsRoot(testpmdMissing),
    start: async () => {
      await using stack = new AsyncDisposableStack();
      const { folder } = stack.use(await Hugepages.take(TESTPMD_PAGES));
      const devices = [nullDevice(0, bytes), nullDevice(1, bytes)];
      const testpmd = stack.use(await Testpmd.start({ huge: folder, forward, devices }));
      await testpmd.forward();
      const count = (): Promise<number> => testpmd.sent();
      const { service } = testpmd;
      const thread = /^(lcore|rte)-worker/;
      return await Polling.watch({ name, service, thread, count, clock: "cpu" }, stack.move());
    },
  };
}

function ovsOnNull(bytes: number): Peer {
  const name = "ovs_dpdk.null";
  return {
    name,
    about: "Open vSwitch with DPDK, one rule, between two net_null devices with copy=1",
    problem: needsRoot(() => ovsMissing(true)),
    start: async () => {
      await using stack = new AsyncDisposableStack();
      const { folder } = stack.use(await Hugepages.take(OVS_PAGES));
      const ovs = stack.use(await Ovs.start({ dpdk: { huge: folder, cpu: lastCpu() } }));
      for (const number of [0, 1]) {
        const options = { "dpdk-devargs": nullDevice(number, bytes) };
        await ovs.add({ name: `n${number}`, type: "dpdk", options });
      }
      await ovs.connect("n0", "n1");
      const count = (): Promise<number> => ovs.received();
      const { service } = ovs;
      return await Polling.watch(
        { name, service, thread: /^pmd/, count, clock: "cpu" },
        stack.move(),
      );
    },
  };
}

/** Frames go round: testpmd passes what it gets on one port on to the other. */
function ovsOnVhost(bytes: number): Peer {
  const name = "ovs_dpdk.vhost";
  return {
    name,
    about:
      "Open vSwitch with DPDK, one rule, between two vhost-user ports of a testpmd that sends " +
      "back what it gets",
    problem: needsRoot(() => ovsMissing(true) ?? testpmdMissing()),
    start: async () => {
      await using stack = new AsyncDisposableStack();
      const { folder } = stack.use(await Hugepages.take(OVS_PAGES + TESTPMD_PAGES));
      const sockets = temporaryFolder("vhost", stack);
      const devices = [0, 1].map((i) =>
        `net_virtio_user${i},path=${sockets}/${i},server=1,queue_size=1024`
      );
      const ovs = stack.use(await Ovs.start({ dpdk: { huge: folder, cpu: lastCpu() } }));
      for (const i of [0, 1]) {
        const options = { "vhost-server-path": `${sockets}/${i}` };
        await ovs.add({ name: `v${i}`, type: "dpdkvhostuserclient", options });
      }
      await ovs.connect("v0", "v1");
      const testpmd = stack.use(
        await Testpmd.start({ huge: folder, forward: "io", devices, cpu: 0 }),
      );
      await testpmd.service.write(`set txpkts ${bytes}`);
      await testpmd.forward("tx_first 32");
      const { service } = ovs;
      const count = (): Promise<number> => ovs.received();
      return await Polling.watch(
        { name, service, beside: testpmd.service, thread: /^pmd/, count, clock: "wall" },
        stack.move(),
      );
    },
  };
}

function joined(name: JoinKind, options: FlowOptions, about: string): Peer {
  return {
    name,
    about,
    problem: () => joinProblem(name),
    start: (surroundings) => Flow.start(name, options, surroundings),
  };
}

function inMemory(bytes: 60 | 1500): Group {
  return {
    name: `memory.${bytes}`,
    about: "packets taken from one port and copied to another, one thread; its CPU time counts",
    limit: native("limit", `limit.${bytes}`, "the loop that only copies"),
    peers: [
      native("valet.learning", `engine.learning.${bytes}`, "valet's learning bridge, ports of it"),
      native("valet.static", `engine.static.${bytes}`, "the same with static routes"),
      testpmdOnNull("io", bytes),
      testpmdOnNull("mac", bytes),
      ovsOnNull(bytes),
    ],
  };
}

function betweenProcesses(bytes: 60 | 1500): Group {
  return {
    name: `processes.${bytes}`,
    about: "from one process to another; time that passes counts, on all CPUs",
    limit: native("limit", `limit.${bytes}`, "the loop that only copies"),
    daemon: true,
    peers: [
      scene("valet.daemon", [`${bytes}`, "512"], "valet's daemon, batches of 512", "daemon"),
      scene(
        "af_unix",
        [`${bytes}`],
        "a Unix socket, sendmmsg() and recvmmsg() of 64: no switch",
        "unix",
      ),
      ovsOnVhost(bytes),
    ],
  };
}

/** Valet's, and others that need a thread or none. */
function joins(options: FlowOptions): Peer[] {
  const peer = (name: JoinKind, about: string): Peer => joined(name, options, about);
  return [
    peer("linux_bridge", "Linux's bridge over veth"),
    peer("valet.af_xdp", "valet over veth with AF_XDP"),
    peer("valet.af_packet", "valet over veth with AF_PACKET"),
    peer("valet.tap", "valet over TAP"),
    peer("ovs", "Open vSwitch over veth, userspace datapath"),
    peer("ovs_dpdk", "the same with DPDK's net_af_packet, whose thread polls"),
    peer("vde_switch", "vde_switch over TAP"),
    peer("floor", "no switch: a loop that reads AF_PACKET's ring and sends through AF_XDP"),
  ];
}

const HOW = "from one network namespace to another, sent by sendmmsg() of 64 on a packet socket; " +
  "time that passes counts";

function betweenHosts(bytes: 60 | 1500): Group {
  const options = { bytes, cpus: { sender: Math.max(lastCpu() - 1, 0), switch: lastCpu() } };
  const peer = (name: JoinKind, about: string): Peer => joined(name, options, about);
  return {
    name: `hosts.${bytes}`,
    about: `${HOW}; the sender has a CPU, and the switch another`,
    limit: peer("cable", "no switch: both are ends of one veth"),
    peers: [
      ...joins(options),
      peer("valet.af_packet.poll", "valet over veth with AF_PACKET, polling"),
    ],
  };
}

function betweenHostsOnOneCpu(bytes: 60 | 1500): Group {
  const options = { bytes, cpus: { sender: lastCpu(), switch: lastCpu() } };
  return {
    name: `hosts1.${bytes}`,
    about: `${HOW}; sender and switch share one CPU`,
    limit: joined("cable", options, "no switch: both are ends of one veth"),
    peers: joins(options),
  };
}

/** The same pkt-gen with the kernel's netmap, and with valet's daemon through the preload library. */
function withPktGen(program: string, bytes: 60 | 1500): Group {
  const pair = (name: string, ports: [string, string], about: string): Peer => ({
    name,
    about,
    problem: () => pktGenProblem(program),
    start: ({ built, env = {} }) =>
      PktGenPair.start({
        name,
        program,
        ports,
        bytes,
        ...name.startsWith("valet") ? { env: { ...env, LD_PRELOAD: built.preload } } : {},
      }),
  });
  const vale: [string, string] = ["vale9:a", "vale9:b"];
  const pipe: [string, string] = ["netmap:vb{1", "netmap:vb}1"];
  return {
    name: `kernel.${bytes}`,
    about: "netmap's pkt-gen sends and receives, batches of 512; time that passes counts, on all " +
      "CPUs",
    limit: native("limit", `limit.${bytes}`, "the loop that only copies"),
    daemon: true,
    peers: [
      pair("valet.vale", vale, "two ports of a bridge of valet's daemon"),
      pair("kernel_vale", vale, "two ports of a bridge of the kernel's VALE"),
      pair("valet.pipe", pipe, "the two ends of a pipe of valet's daemon"),
      pair("kernel_pipe", pipe, "the two ends of a pipe of the kernel's netmap"),
    ],
  };
}

/** All groups; those with pkt-gen only when it is told where it is. */
export function groups(pktGen?: string): readonly Group[] {
  const all = [inMemory, betweenProcesses, betweenHosts, betweenHostsOnOneCpu];
  if (pktGen !== undefined) all.push((bytes) => withPktGen(pktGen, bytes));
  return all.flatMap((group) => BYTES.map(group));
}
