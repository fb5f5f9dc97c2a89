// Reading what other programs print, and the comparison with other switches where they can run.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { hasProgram } from "../../bench/net/command.ts";
import { freePages } from "../../bench/peers/hugepages.ts";
import { packetsReceived } from "../../bench/peers/ovs.ts";
import { receivedMpps } from "../../bench/peers/pkt_gen.ts";
import { chosenGroups, peerLine } from "../../bench/peers/run.ts";
import { packetsSent } from "../../bench/peers/testpmd.ts";
import { gigabits } from "../../bench/run_net.ts";

const MAIN = fileURLToPath(new URL("../../bench/main.ts", import.meta.url));

function bench(...args: string[]): { success: boolean; output: string; errors: string } {
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", MAIN, ...args],
  }).outputSync();
  const text = new TextDecoder();
  return { success, output: text.decode(stdout), errors: text.decode(stderr) };
}

/** Processes, namespaces, mounts and files that a comparison could leave behind. */
function leftovers(): string[] {
  const read = (path: string): string => Deno.readTextFileSync(path);
  const names = (folder: string): string[] => {
    try {
      return [...Deno.readDirSync(folder)].map(({ name }) => name);
    } catch {
      return [];
    }
  };
  const mounts = read("/proc/mounts").split("\n").filter((line) => line.includes("valet-bench-"));
  return [
    ...names("/run/netns").filter((name) => /^vb[0-9a-f-]{5}[mrb]$/.test(name)),
    ...mounts,
    `pages ${read("/proc/sys/vm/nr_hugepages").trim()}`,
  ];
}

Deno.test("packetsSent() adds up what testpmd's ports have sent", () => {
  const text = `show port stats all

  ######################## NIC statistics for port 0  ########################
  RX-packets: 87409664   RX-missed: 0          RX-bytes:  0
  RX-errors: 0
  RX-nombuf:  0
  TX-packets: 87204224   TX-errors: 0          TX-bytes:  0

  Throughput (since last show)
  Rx-pps:      6513183          Rx-bps:            0
  ############################################################################

  ######################## NIC statistics for port 1  ########################
  RX-packets: 87409728   RX-missed: 0          RX-bytes:  0
  TX-packets: 6          TX-errors: 0          TX-bytes:  0
`;
  assert.equal(packetsSent(text), 87204230);
  assert.throws(() => packetsSent("testpmd> "), /No packets are told of/);
});

Deno.test("packetsReceived() adds up what Open vSwitch's threads have received", () => {
  const text = `pmd thread numa_id 0 core_id 1:
  packets received: 61647136
  packet recirculations: 0
  simple match hits: 61642720
pmd thread numa_id 0 core_id 2:
  packets received: 4
main thread:
  packets received: 0
`;
  assert.equal(packetsReceived(text), 61647140);
  assert.throws(() => packetsReceived(""), /No packets are told of/);
});

Deno.test("receivedMpps() is what pkt-gen's reports come to, after the first ones", () => {
  const text = `
447.345 main_thread [2781] 9.0 Mpps (9.000 Mpkts 4.320 Gbps in 1000000 usec) 512.00 avg_batch 0 min_space
447.445 main_thread [2781] 2.434 Mpps (243.500 Kpkts 116.880 Mbps in 100000 usec) 512.00 avg_batch
447.545 main_thread [2781] 1.5 Mpps (1.500 Mpkts 1.169 Gbps in 1000000 usec) 512.00 avg_batch
`;
  assert.equal(receivedMpps(text, 1), 1.7435 / 1.1);
  assert.throws(() => receivedMpps(text, 3), /pkt-gen tells of no packets/);
});

Deno.test("gigabits() is what arrived, of TCP and of UDP", () => {
  const tcp = { sum_sent: { bits_per_second: 3e9 }, sum_received: { bits_per_second: 2.5e9 } };
  assert.equal(gigabits(JSON.stringify({ end: tcp })), 2.5);
  const udp = { sum: { bits_per_second: 4e9, lost_percent: 25 } };
  assert.equal(gigabits(JSON.stringify({ end: udp })), 3);
  const failed = { end: {}, error: "unable to connect to server" };
  assert.throws(() => gigabits(JSON.stringify(failed)), /iperf3 says: unable to connect/);
});

Deno.test("freePages() reads /proc/meminfo", () => {
  assert.equal(freePages("HugePages_Total:     512\nHugePages_Free:      384\n"), 384);
  assert.equal(freePages("MemTotal: 1 kB\n"), 0);
});

Deno.test("groups of peers are chosen by how their names begin", () => {
  assert.deepEqual(chosenGroups(["hosts."]).map(({ name }) => name), ["hosts.60", "hosts.1500"]);
  assert.equal(chosenGroups(["hosts"]).length, 4); // hosts1 too
  assert.deepEqual(chosenGroups(["peers.memory.60"]).map(({ name }) => name), ["memory.60"]);
  assert.ok(chosenGroups([]).length >= 8);
  assert.deepEqual(chosenGroups(["kernel.60"], "/x/pkt-gen").map(({ name }) => name), [
    "kernel.60",
  ]);
  assert.throws(() => chosenGroups(["kernel"]), /no such group/);
  assert.throws(() => chosenGroups(["warp"]), /no such group of peers\nHint: They are memory\.60/);
});

Deno.test("a peer's line has its figures, or says why there are none", () => {
  const result = { name: "peers.memory.60.testpmd.io", mpps: 34.4, limit_mpps: 127, ratio: 0.268 };
  const line = peerLine({ ...result, spread: 0.1, repetitions: 5, valet_to_this: 1.4 });
  assert.match(line, /^memory\.60\.testpmd\.io +34\.4 +127\.0 +0\.268 +0\.100 +1\.40 x$/);
  assert.match(peerLine({ name: "peers.x.60.y", skipped: "no y" }), /^x\.60\.y +skipped: no y$/);
});

Deno.test("bench --peers skips the kernel's netmap in words where there is none", () => {
  if ([...Deno.readDirSync("/dev")].some(({ name }) => name === "netmap")) return;
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/pkt-gen`, "");
    const args = ["--peers", "--quick", "--netmap", folder, "--only", "kernel.60"];
    const { success, output, errors } = bench(...args);
    assert.ok(success, errors);
    assert.match(output, /kernel\.60\.kernel_vale +skipped: this kernel has no netmap/);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("bench --peers compares in memory, says what it skips, and leaves nothing behind", () => {
  const before = leftovers();
  const { success, output, errors } = bench("--peers", "--quick", "--json", "--only", "memory.60");
  assert.ok(success, errors);
  const results: Record<string, unknown>[] = JSON.parse(output);
  assert.deepEqual(results.map(({ name }) => name), [
    "peers.memory.60.valet.learning",
    "peers.memory.60.valet.static",
    "peers.memory.60.testpmd.io",
    "peers.memory.60.testpmd.mac",
    "peers.memory.60.ovs_dpdk.null",
  ]);
  for (const result of results) {
    if ("skipped" in result) {
      assert.doesNotMatch(`${result.name}`, /valet\.(learning|static)$/);
      assert.match(`${result.skipped}`, /\w/);
    } else assert.ok(Number(result.ratio) > 0 && Number(result.mpps) > 0, JSON.stringify(result));
  }
  assert.deepEqual(leftovers(), before);
});

const canJoin = Deno.uid() === 0 && ["ip", "ping", "iperf3"].every(hasProgram);

Deno.test({
  name:
    "bench measures iperf3 through the switch, or says why it cannot, and leaves nothing behind",
  fn(): void {
    const before = leftovers();
    const { success, output, errors } = bench("--quick", "--json", "--only", "net.tcp.tap");
    assert.ok(success, errors);
    const [result]: Record<string, unknown>[] = JSON.parse(output);
    if (!canJoin) assert.match(`${result.skipped}`, /root|there is no/);
    else {
      assert.ok(Number(result.gbps) > 0 && Number(result.limit_gbps) > 0, output);
      assert.ok(Number(result.ratio) > 0 && !("error" in result), output);
      assert.equal("vde_gbps" in result, hasProgram("vde_switch"), output);
    }
    assert.deepEqual(leftovers(), before);
  },
});

Deno.test({
  name: "bench takes away what it has made when a signal ends it",
  ignore: !canJoin,
  async fn(): Promise<void> {
    const before = leftovers();
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", MAIN, "--only", "net.tcp.tap"],
      stdout: "null",
      stderr: "null",
    }).spawn();
    for (const end = performance.now() + 60_000; leftovers().length < before.length + 3;) {
      assert.ok(performance.now() < end, "No namespaces were made");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    child.kill("SIGTERM");
    assert.equal((await child.status).code, 128 + 15);
    assert.deepEqual(leftovers(), before);
  },
});
