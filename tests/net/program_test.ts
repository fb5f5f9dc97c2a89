// netmap's programs on interfaces opened by name: bridge, lb, pkt-gen.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Program } from "./program.ts";
import { type Host, ip, look, type Scene, testNet, until } from "./scene.ts";

const HOST = "10.213.0.9";

/** UDP from 20 ports, 5 packets each. */
const SEND_FLOWS = `import socket
for port in range(3000, 3020):
  s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
  s.bind(("", port))
  for _ in range(5): s.sendto(b"valet", ("10.213.0.77", 9))
`;

/** Frames for everybody. */
const SEND_FRAMES = `import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for _ in range(200): s.send(b"\\xff" * 6 + bytes(54))
`;

function start(scene: Scene, args: string): Program {
  return new Program(scene.namespace, scene.netmap.backend, args);
}

testNet("bridge joins an interface and its host, without a copy", async (scene) => {
  const red = scene.host();
  ip("-n", scene.namespace, "addr", "add", `${HOST}/24`, "dev", "p0");
  assert.equal(red.ping(HOST), 3);
  const before = look(scene, "p0");
  await using bridge = start(scene, "bridge -w 0 -i netmap:p0 -i netmap:p0^");
  await bridge.says(/Ready to go, p0 0x0\/1 <-> p0 0x1\/1\.\n/);
  assert.match(bridge.err, /zerocopy supported/);
  for (const size of [0, 1000, 1472, 20_000]) {
    assert.equal(await red.pingLater(HOST, { size }), 3, `${size} bytes`);
  }
  assert.equal(red.ping(HOST, { count: 1000, flood: true }), 1000);
  for (const direction of [[], ["-R"]]) {
    const { rate } = await red.iperf(scene.systemHost(HOST), ...direction);
    assert.ok(rate > 1e6, `${rate}`);
  }
  assert.equal(await bridge.stop(), 0);
  assert.equal(look(scene, "p0"), before);
  assert.equal(red.ping(HOST), 3);
});

testNet("bridge with one interface joins it and its host", async (scene) => {
  const red = scene.host();
  ip("-n", scene.namespace, "addr", "add", `${HOST}/24`, "dev", "p0");
  await using bridge = start(scene, "bridge -w 0 -i netmap:p0");
  await bridge.says(/Ready to go/);
  assert.match(bridge.err, /endpoint 0 goes to host/);
  assert.equal(await red.pingLater(HOST), 3);
});

testNet("bridge joins two interfaces, whose frames share one memory", async (scene) => {
  const [red, blue] = [scene.host(), scene.host()];
  await using bridge = start(scene, "bridge -w 0 -i netmap:p0 -i netmap:p1");
  await bridge.says(/Ready to go/);
  assert.match(bridge.err, /zerocopy supported/);
  for (const size of [0, 1472, 20_000]) {
    assert.equal(await red.pingLater(blue.ip4, { size }), 3, `${size} bytes`);
  }
  assert.equal(red.ping(blue.ip6, { count: 1000, flood: true }), 1000);
  const { rate } = await red.iperf(blue);
  assert.ok(rate > 1e6, `${rate}`);
});

testNet("pkt-gen sends on an interface, and receives from it", async (scene) => {
  const red = scene.host();
  const received = () =>
    JSON.parse(ip("-n", red.namespace, "-s", "-j", "link", "show", "eth0"))[0].stats64.rx.packets;
  const before = received();
  await using tx = start(scene, "pkt-gen -w 0 -i netmap:p0 -f tx -n 2000 -l 300");
  assert.equal(await tx.ends(), 0);
  assert.match(tx.out, /Sent 2000 packets 600000 bytes/);
  await until("all have come", () => received() >= before + 2000);
  await using rx = start(scene, "pkt-gen -w 0 -i p0 -f rx -n 50");
  await rx.says(/waiting for initial packets|main_thread/);
  red.run("python3", "-c", SEND_FRAMES);
  assert.equal(await rx.ends(), 0);
  assert.match(rx.out, /Received 50 packets/);
});

testNet("lb spreads what an interface receives over pipes, each flow to one", async (scene) => {
  const red = scene.host();
  const neighbour = ["10.213.0.77", "lladdr", "02:00:00:00:00:77", "dev", "eth0"];
  ip("-n", red.namespace, "neigh", "add", ...neighbour);
  const script = fileURLToPath(new URL("lb_pipes.ts", import.meta.url));
  await using lb = new Program(scene.namespace, scene.netmap.backend, "p0 100", { script });
  await lb.says(/ready/);
  red.run("python3", "-c", SEND_FLOWS);
  const flows: Record<string, number[]> = JSON.parse(await lb.says(/^\{.*\}$/m));
  assert.equal(await lb.ends(), 0);
  assert.match(lb.out, /^\d+ packets forwarded\. {2}0 packets dropped\./m);
  assert.deepEqual(Object.keys(flows), ["0", "1"]);
  const sent = Array.from({ length: 20 }, (_, i) => Array(5).fill(3000 + i)).flat();
  assert.deepEqual(Object.values(flows).flat().sort((a, b) => a - b), sent);
  assert.ok(flows[0].length > 0 && flows[1].length > 0);
  assert.ok(flows[0].every((port) => !flows[1].includes(port)));
});

testNet(
  "each network namespace has bridges of its own, unless a switch is named",
  async (scene) => {
    const [red, blue] = [scene.host(), scene.host()];
    const ctl = async (host: Host, args: string, instance = "") => {
      await using program = new Program(host.namespace, "daemon", `vale-ctl ${args}`.trim(), {
        env: { VALET_INSTANCE: instance },
      });
      assert.equal(await program.ends(), 0, program.err);
      return program.out + program.err;
    };
    await ctl(red, "-a vale0:eth0");
    await ctl(blue, "-a vale0:eth0"); // another bridge, another interface
    assert.match(await ctl(red, "-l vale0:eth0"), /port_idx: {3}0/);
    assert.match(await ctl(blue, "-l vale0:eth0"), /port_idx: {3}0/);
    await ctl(blue, "-d vale0:eth0");
    assert.doesNotMatch(await ctl(blue, ""), /vale0/);
    assert.match(await ctl(red, ""), /vale0:eth0/);
    await ctl(red, "-d vale0:eth0");
    // One switch for both
    const shared = `${scene.namespace} both`;
    await ctl(red, "-a vale0:eth0", shared);
    assert.match(await ctl(blue, "", shared), /vale0:eth0 bridge_idx 0 port_idx 0/);
    await ctl(blue, "-d vale0:eth0", shared);
    assert.doesNotMatch(await ctl(red, "", shared), /vale0/);
  },
  (backend) => backend === "embedded" ? "an embedded engine is one process's" : undefined,
);

testNet(
  "hooks of a namespace that the daemon is not in are refused, those of a named switch loaded",
  async (scene) => {
    const red = scene.host(),
      file = fileURLToPath(new URL("../../scripts/hooks/acl.ts", import.meta.url));
    const hook = async (args: string, instance = "") => {
      await using program = new Program(red.namespace, "daemon", `hook ${args}`, {
        env: { VALET_INSTANCE: instance },
      });
      return [await program.ends(), program.out + program.err] as const;
    };
    for (const args of [`load vale0 ${file}`, "unload vale0", "stats vale0"]) {
      const [status, text] = await hook(args);
      assert.equal(status, 1);
      assert.match(text, /the daemon, process \d+, is in another one.*\n.*VALET_INSTANCE=NAME/);
    }
    const shared = `${scene.namespace} both`;
    assert.match((await hook(`load vale0 ${file}`, shared))[1], /waits for the bridge "vale0"/);
    assert.equal((await hook("unload vale0", shared))[0], 0);
  },
  (backend) => backend === "embedded" ? "hooks from files are the daemon's" : undefined,
);
