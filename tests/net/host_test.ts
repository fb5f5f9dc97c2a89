// The host's side of an interface, and TAP interfaces: stacks that are no further hosts on a wire.
import assert from "node:assert/strict";
import { throwsCode } from "../contract/backends.ts";
import { DEVICES, Host, ip, testNet, until } from "./scene.ts";

/** Sends on one connection until its stdin ends, and not as fast as it can: then queues would be full. */
const SEND = (to: string): string =>
  `import select, socket, sys
s = socket.create_connection(("${to}", 7))
n = 0
while not select.select([sys.stdin], [], [], 0.01)[0]:
  s.sendall(bytes(50000))
  n += 50000
s.close()
print(n)`;

const COUNT = (at: string): string =>
  `import socket
c, _ = socket.create_server(("${at}", 7)).accept()
n = 0
while d := c.recv(65536): n += len(d)
print(n)`;

for (const device of DEVICES) {
  testNet(
    `${device}: the host keeps its connection while its interface is attached and detached`,
    async (scene) => {
      const red = scene.host(), blue = scene.host();
      const look = () =>
        (red.run("ip", "addr", "show", "eth0") + red.run("ip", "route")).replace(" tentative", "");
      const before = look();
      // red and blue are wired to each other by the switch's other ends; red's own eth0 is attached as well
      scene.attach(red, { device });
      scene.attach(blue, { device });
      assert.equal(red.ping(blue.ip4), 3);
      const start = (host: Host, program: string) =>
        new Deno.Command("ip", {
          args: host.command("python3", "-c", program).slice(1),
          stdin: "piped",
          stdout: "piped",
        }).spawn();
      const server = start(blue, COUNT(blue.ip4));
      await until("it listens", () => blue.run("ss", "-Hltn").includes(":7 "));
      const client = start(red, SEND(blue.ip4));
      await until("it is connected", () => red.run("ss", "-Htn").includes(`${blue.ip4}:7`));
      const other = scene.netmap.bridge("vale1"), { namespace } = red;
      for (let i = 0; i < 2; i++) {
        assert.equal(other.attach("eth0", { namespace, device, hostRings: true }), 0);
        assert.deepEqual(other.ports().map((port) => port.interface), ["eth0", "eth0^"]);
        const sent = other.counters()["eth0^"].txPackets;
        await until(
          "the host's packets cross the bridge",
          () => other.counters()["eth0^"].txPackets > sent + 100,
        );
        assert.equal(red.ping(blue.ip4), 3);
        assert.equal(red.ping(blue.ip6), 3);
        throwsCode("EINVAL", () => other.detach("eth0^"));
        other.detach("eth0");
        assert.deepEqual(other.ports(), []);
      }
      await client.stdin.close();
      const [sent, received] = await Promise.all(
        [client, server].map(async (child) =>
          Number(new TextDecoder().decode((await child.output()).stdout))
        ),
      );
      assert.ok(sent > 1e6);
      assert.equal(received, sent);
      assert.equal(look(), before);
      assert.doesNotMatch(red.run("ip", "link"), /vhost/);
    },
  );
}

testNet("the host's packets go as long as its stack leaves them", async (scene) => {
  const [red, blue] = scene.joined(2, { mtu: 9000 }), { namespace } = red;
  const other = scene.netmap.bridge("vale1");
  other.attach("eth0", { namespace, hostRings: true });
  assert.equal(red.ping(blue.ip4, { size: 8972 }), 3);
  const mean = async (...args: string[]) => {
    const before = other.counters()["eth0^"];
    const tcp = await red.iperf(blue, ...args);
    assert.ok(tcp.rate > 1e6);
    const { txBytes, txPackets, rxBytes, rxPackets } = other.counters()["eth0^"];
    return [
      (txBytes - before.txBytes) / (txPackets - before.txPackets),
      (rxBytes - before.rxBytes) / (rxPackets - before.rxPackets),
    ];
  };
  const [sent] = await mean(), [, received] = await mean("-R");
  assert.ok(sent > 9014 && received > 9014, `${sent}, ${received} bytes a packet`);
  const { drops } = other.counters()["eth0^"];
  assert.deepEqual([drops.offload, drops.tooLong], [0, 0]);
});

for (const device of DEVICES) {
  testNet(`${device}: without its host's side an interface is cut off from the host`, (scene) => {
    const [red, blue] = scene.joined(2);
    const other = scene.netmap.bridge("vale1"), { namespace } = red;
    assert.equal(red.ping(blue.ip4), 3);
    other.attach("eth0", { namespace, device });
    assert.ok(!red.reaches(blue.ip4));
    other.detach("eth0");
    assert.ok(red.reaches(blue.ip4));
  });
}

testNet("TAP interfaces that were there before join namespaces, and stay", async (scene) => {
  const [red, blue] = Array.from({ length: 2 }, () => scene.tapHost({ stays: true }));
  for (const size of [0, 1, 1000, 1472, 1473, 20_000]) {
    assert.equal(red.ping(blue.ip4, { size }), 3, `IPv4, ${size} bytes`);
    assert.equal(blue.ping(red.ip6, { size }), 3, `IPv6, ${size} bytes`);
  }
  assert.equal(red.ping(blue.ip4, { count: 10_000, flood: true }), 10_000);
  for (const direction of [[], ["-R"]]) {
    const { rate } = await red.iperf(blue, ...direction);
    assert.ok(rate > 1e6, `${rate}`);
  }
  scene.bridge.detach(red.device);
  ip("-n", red.namespace, "link", "show", red.device); // still there
  ip("-n", blue.namespace, "link", "del", blue.device);
  await until("its port has left", () => scene.bridge.ports().length === 0);
  const green = scene.tapHost();
  scene.bridge.detach(green.device);
  assert.throws(() => ip("-n", green.namespace, "link", "show", green.device)); // it was made
});

testNet(
  "between TAP interfaces that were made, packets go as long as the stacks leave them",
  async (scene) => {
    const [red, blue] = scene.joined(2, { device: "tap", mtu: 9000 });
    assert.match(red.run("ethtool", "-k", red.device), /^tcp-segmentation-offload: on$/m);
    for (const size of [0, 1472, 8972, 20_000]) assert.equal(red.ping(blue.ip4, { size }), 3);
    const before = scene.bridge.counters()[red.device];
    assert.ok((await red.iperf(blue)).rate > 1e6);
    const after = scene.bridge.counters()[red.device];
    const mean = (after.txBytes - before.txBytes) / (after.txPackets - before.txPackets);
    assert.ok(mean > 9014, `${mean} bytes a packet`);
    // With a veth pair, which has such headers as well, and with a TAP interface that was there, which has none
    const [green] = scene.joined(1, { mtu: 9000 });
    const grey = scene.tapHost({ stays: true, mtu: 9000 });
    assert.match(grey.run("ethtool", "-k", grey.device), /^tcp-segmentation-offload: off$/m);
    for (const other of [green, grey]) {
      for (const size of [0, 1472, 8972]) {
        assert.equal(red.ping(other.ip4, { size }), 3, `${other.ip4}, ${size} bytes`);
      }
      for (const direction of [[], ["-R"]]) {
        assert.ok((await red.iperf(other, ...direction)).rate > 1e6);
      }
    }
  },
);

testNet("TAP and veth meet, whatever work they leave to each other", async (scene) => {
  const [red] = scene.joined(1), blue = scene.tapHost();
  for (const size of [0, 1472, 5000]) assert.equal(red.ping(blue.ip4, { size }), 3);
  for (const direction of [[], ["-R"]]) {
    const { rate } = await red.iperf(blue, ...direction);
    assert.ok(rate > 1e6, `${rate}`);
  }
});

testNet("what the queue of a TAP interface had no room for is counted", async (scene) => {
  const host = new Host(`${scene.namespace}q`, 1);
  scene.hosts.push(host);
  const { namespace } = host;
  ip("netns", "add", namespace);
  ip("-n", namespace, "tuntap", "add", "tap0", "mode", "tap");
  ip("-n", namespace, "link", "set", "tap0", "txqueuelen", "16", "up");
  scene.bridge.attach("tap0", { namespace, device: "tap" });
  const send = "import socket\n" +
    "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n" +
    "s.bind(('tap0', 0))\nframe = bytes(60)\n" +
    "for _ in range(30000):\n" +
    "  try: s.send(frame)\n" +
    "  except OSError: pass";
  let tx = { packets: 0, dropped: 0 };
  await until("some are dropped", () => {
    host.run("python3", "-c", send);
    tx = JSON.parse(ip("-n", namespace, "-s", "-j", "link", "show", "tap0"))[0].stats64.tx;
    return tx.dropped > 0;
  });
  const seen = () => scene.bridge.counters()["tap0"];
  await until("all are accounted for", () => {
    const { txPackets, drops } = seen();
    return txPackets + drops.interface >= tx.packets + tx.dropped;
  });
  assert.equal(seen().drops.interface, tx.dropped);
});
