// Namespaces that only a bridge joins: what real network stacks send arrives, whole and right.
import assert from "node:assert/strict";
import { DEVICES, type Host, type Scene, SECONDS, testNet } from "./scene.ts";

function report(what: string, rate: number): void {
  if (SECONDS > 1) {
    Deno.stdout.writeSync(new TextEncoder().encode(`${what}: ${(rate / 1e6).toFixed(0)} Mbit/s\n`));
  }
}

/** What the bridge has dropped, for messages. */
function lossesOf(scene: Scene): string {
  return JSON.stringify(scene.bridge.counters(), (_, value) => value === 0 ? undefined : value);
}

function noneLost(scene: Scene): void {
  for (const [port, { drops }] of Object.entries(scene.bridge.counters())) {
    // A flood and iperf3 may be faster than this machine, and the first to be attached calls for
    // neighbours when there are none; nothing else may happen
    const { ringFull, interface: lost, alone: _, ...others } = drops;
    assert.deepEqual(
      Object.entries(others).filter(([, n]) => n > 0),
      [],
      `${port} ${ringFull} ${lost}`,
    );
  }
}

for (const device of DEVICES) {
  testNet(`${device}: ARP, IPv4 and IPv6 in all sizes`, (scene) => {
    const [red, blue] = scene.joined(2, { device });
    for (const size of [0, 1, 17, 18, 19, 100, 1000, 1471, 1472, 1473, 4000, 20_000]) {
      assert.equal(red.ping(blue.ip4, { size }), 3, `IPv4, ${size} bytes: ${lossesOf(scene)}`);
      assert.equal(blue.ping(red.ip6, { size }), 3, `IPv6, ${size} bytes: ${lossesOf(scene)}`);
    }
    assert.match(red.run("ip", "neigh", "show", blue.ip4), /lladdr/);
    assert.equal(scene.bridge.table().length, 2);
    noneLost(scene);
  });

  testNet(`${device}: of 10,000 pings none is lost`, (scene) => {
    const [red, blue] = scene.joined(2, { device });
    assert.equal(red.ping(blue.ip4, { count: 10_000, flood: true }), 10_000);
    noneLost(scene);
  });

  testNet(`${device}: TCP and UDP in both directions`, async (scene) => {
    const [red, blue] = scene.joined(2, { device });
    for (const direction of [[], ["-R"]]) {
      const tcp = await red.iperf(blue, ...direction);
      report(`${scene.netmap.backend} ${device} TCP ${direction}`, tcp.rate);
      assert.ok(tcp.rate > 1e6, `TCP ${direction}: ${tcp.rate} bit/s`);
      const udp = await red.iperf(blue, "-u", "-b", "10M", ...direction);
      assert.ok(udp.lost < 1, `UDP ${direction}: ${udp.lost} % lost`);
    }
    noneLost(scene);
  });

  testNet(`${device}: jumbo frames`, async (scene) => {
    const [red, blue] = scene.joined(2, { device, mtu: 9000 });
    for (const size of [1472, 1473, 2048, 8971, 8972]) {
      assert.equal(pingWhole(red, blue.ip4, size), 3, `${size} bytes`);
    }
    const { rate } = await red.iperf(blue);
    report(`${scene.netmap.backend} ${device} TCP, MTU 9000`, rate);
    assert.ok(rate > 1e6);
    noneLost(scene);
  });
}

/** In one frame: fragmenting is forbidden. */
function pingWhole(from: Host, to: string, size: number): number {
  const text = from.run(
    "ping",
    "-n",
    "-q",
    "-M",
    "do",
    "-c",
    "3",
    "-i",
    "0.05",
    "-s",
    `${size}`,
    to,
  );
  return Number(/, (\d+) received/.exec(text)?.[1]);
}

testNet(
  "three hosts: addresses are learned, and what is for one is not seen by others",
  (scene) => {
    const [red, blue, green] = scene.joined(3);
    assert.equal(red.ping(blue.ip4), 3);
    assert.equal(green.ping(blue.ip4), 3);
    const macs = [red, blue, green].map(({ namespace }) =>
      /link\/ether (\S+)/.exec(red.run("ip", "-n", namespace, "link", "show", "eth0"))?.[1]
    );
    const learned = scene.bridge.table();
    macs.forEach((mac, port) => assert.equal(learned.find((e) => e.mac === mac)?.port, port));
    const before = scene.bridge.counters()["p2"].rxPackets;
    assert.equal(red.ping(blue.ip4, { count: 1000, flood: true }), 1000);
    const seen = scene.bridge.counters()["p2"].rxPackets - before;
    assert.ok(seen < 20, `the third has seen ${seen} packets`); // neighbours asked for, and the like
  },
);

testNet("a VLAN tag that the card takes off is put back", async (scene) => {
  const [red] = scene.joined(1);
  using port = scene.netmap.open("vale0:x");
  const mac = "02:00:00:00:00:05";
  const frame = `ffffffffffff${mac.replaceAll(":", "")}8100600508004500${"5a".repeat(60)}`;
  red.run(
    "python3",
    "-c",
    "import socket\n" +
      "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n" +
      `s.bind(("eth0", 0))\ns.send(bytes.fromhex("${frame}"))`,
  );
  for await (const batch of port.batches({ signal: AbortSignal.timeout(30_000) })) {
    for (const packet of batch) {
      const hex = [...packet.bytes()].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      if (!hex.includes("600508004500")) continue;
      assert.equal(hex, frame);
      return;
    }
  }
});
