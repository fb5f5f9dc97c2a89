// Namespaces that only a bridge joins: what real network stacks send arrives, whole and right.
import assert from "node:assert/strict";
import { type Host, JOINS, type Scene, SECONDS, testNet } from "./scene.ts";

/** Of a long run. */
function report(what: string, figures: string): void {
  if (SECONDS > 1) Deno.stdout.writeSync(new TextEncoder().encode(`${what}: ${figures}\n`));
}

function megabits({ rate }: { rate: number }): string {
  return `${(rate / 1e6).toFixed(0)} Mbit/s`;
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

for (const device of JOINS) {
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
      report(`${scene.netmap.backend} ${device} TCP ${direction}`, megabits(tcp));
      assert.ok(tcp.rate > 1e6, `TCP ${direction}: ${tcp.rate} bit/s`);
      const udp = await red.iperf(blue, "-u", "-b", "10M", ...direction);
      report(
        `${scene.netmap.backend} ${device} UDP ${direction}`,
        `${megabits(udp)}, ${udp.lost.toFixed(3)} % lost`,
      );
      assert.ok(udp.lost < 1, `UDP ${direction}: ${udp.lost} % lost`);
    }
    noneLost(scene);
  });

  testNet(`${device}: jumbo frames`, async (scene) => {
    const [red, blue] = scene.joined(2, { device, mtu: 9000 });
    for (const size of [1472, 1473, 2048, 8971, 8972]) {
      assert.equal(pingWhole(red, blue.ip4, size), 3, `${size} bytes`);
    }
    const tcp = await red.iperf(blue);
    report(`${scene.netmap.backend} ${device} TCP, MTU 9000`, megabits(tcp));
    assert.ok(tcp.rate > 1e6);
    noneLost(scene);
  });

  testNet(
    `${device}: three hosts: addresses are learned, and what is for one is not seen by others`,
    (scene) => {
      const hosts = scene.joined(3, { device }), [red, blue, green] = hosts;
      assert.equal(red.ping(blue.ip4), 3);
      assert.equal(green.ping(blue.ip4), 3);
      const learned = scene.bridge.table();
      hosts.forEach(({ namespace, device }, port) => {
        const link = red.run("ip", "-n", namespace, "link", "show", device);
        const mac = /link\/ether (\S+)/.exec(link)?.[1];
        assert.equal(learned.find((entry) => entry.mac === mac)?.port, port);
      });
      const seenByGreen = () => scene.bridge.counters()[scene.portOf(green)].rxPackets;
      const before = seenByGreen();
      assert.equal(red.ping(blue.ip4, { count: 1000, flood: true }), 1000);
      const seen = seenByGreen() - before;
      assert.ok(seen < 20, `the third has seen ${seen} packets`); // neighbours asked for, and the like
    },
  );
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

for (const device of JOINS) {
  testNet(`${device}: a tag counts in no MTU`, async (scene) => {
    const [red] = scene.joined(1, { device });
    using port = scene.netmap.open("vale0:x");
    // All; the system has taken the tag off
    await using sniffer = await red.sniffer(3, red.device);
    const frame = new Uint8Array(1518).fill(0x5a);
    frame.set(Uint8Array.fromHex("ffffffffffff0200000000058100000588b5"));
    port.send(frame);
    port.send(frame.fill(0xa5, 18));
    const isOurs = (bytes: Uint8Array) => bytes.length >= 1514 && bytes.at(-1) === 0xa5;
    for (let count = 1; !(await sniffer.frames(count)).some(isOurs); count++);
    assert.equal(scene.bridge.counters()[scene.portOf(red)].drops.interface, 0);
  });
}
