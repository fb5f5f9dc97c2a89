// What is particular to AF_XDP: what it lacks says so, and what a network stack leaves to "the card" is done.
import assert from "node:assert/strict";
import { perform } from "../../cli/perform.ts";
import { valeCtlCommand } from "../../cli/vale_ctl.ts";
import { MemoryContext } from "../cli/memory_context.ts";
import { throwsCode } from "../contract/backends.ts";
import { foreignProgram } from "./foreign_program.ts";
import { type Host, ip, run, type Scene, testNet, until } from "./scene.ts";

const attach = (scene: Scene, name: string, options = {}) => (): number =>
  scene.bridge.attach(name, { namespace: scene.namespace, device: "af_xdp", ...options });

/** What ethtool(8) says of a host's end. */
function features(host: Host): string {
  return host.run("ethtool", "-k", "eth0");
}

testNet("af_xdp: the other end of a veth pair gets back what it cannot do meanwhile", (scene) => {
  const red = scene.host(), before = features(red);
  assert.match(before, /tcp-segmentation-offload: on/);
  attach(scene, "p0")();
  const { device, xdpMode } = scene.bridge.counters()["p0"];
  assert.deepEqual([device, xdpMode], ["af_xdp", "native"]);
  assert.match(features(red), /tcp-segmentation-offload: off/);
  scene.bridge.detach("p0");
  assert.equal(features(red), before);
});

testNet(
  "vale-ctl -v says what an interface is reached through, and what helps where it cannot",
  async (scene) => {
    if (scene.netmap.backend !== "embedded") return; // a process of its own would do the same
    scene.host();
    const run = async (...args: string[]): Promise<string> => {
      const { instance, namespace } = scene;
      const context = new MemoryContext({ program: "vale-ctl", instance });
      await perform(valeCtlCommand, {}, [...args, "-N", namespace], context);
      return context.stdout.text + context.stderr.text;
    };
    const attached = await run("-v", "-a", "vale0:p0", "-t", "af_xdp");
    assert.equal(attached, "port_index: 0\ndevice:     af_xdp (native)\n");
    scene.bridge.detach("p0");
    assert.equal(await run("-v", "-a", "vale0:p0"), "port_index: 0\ndevice:     af_packet\n");
    scene.bridge.detach("p0");
    await using _program = await foreignProgram(scene.namespace, "p0", "xdp");
    assert.match(
      await run("-a", "vale0:p0", "-t", "af_xdp"),
      /File exists\nHint: .*ip link set p0 xdp off/,
    );
  },
);

testNet("by itself a virtual interface is reached by packet sockets", (scene) => {
  scene.joined(1);
  const { device, xdpMode } = scene.bridge.counters()["p0"];
  assert.deepEqual([device, xdpMode], ["af_packet", undefined]);
});

testNet(
  "af_xdp: another's XDP program stays, and the error says whose turn it is",
  async (scene) => {
    const [red] = [scene.host(), scene.host()];
    {
      await using _program = await foreignProgram(scene.namespace, "p0", "xdp");
      const error = throwsCode("EEXIST", attach(scene, "p0"));
      assert.match(error.message, /another XDP program.*ip link set p0 xdp off/s);
      assert.match(ip("-n", scene.namespace, "link", "show", "p0"), /xdp/);
      scene.attach(red, { device: "auto" }); // without
      assert.equal(scene.bridge.counters()["p0"].device, "af_packet");
      scene.bridge.detach("p0");
    }
    attach(scene, "p0")();
    assert.match(ip("-n", scene.namespace, "link", "show", "p0"), /xdp/);
    scene.bridge.detach("p0");
    assert.doesNotMatch(ip("-n", scene.namespace, "link", "show", "p0"), /xdp/);
  },
);

testNet("af_xdp: too few queues for what the peer sends by: ethtool's line is given", (scene) => {
  const { namespace } = scene;
  ip("-n", namespace, "link", "add", "dev", "p0", "type", "veth", "peer", "name", "q0");
  ip("-n", namespace, "link", "del", "p0");
  const shape = ["numrxqueues", "1", "numtxqueues", "1", "type", "veth"];
  const peer = ["peer", "name", "q0", "numrxqueues", "2", "numtxqueues", "2"];
  ip("-n", namespace, "link", "add", "dev", "p0", ...shape, ...peer);
  const error = throwsCode("ENOSPC", attach(scene, "p0"));
  assert.match(error.message, /ethtool -L p0 rx/);
  attach(scene, "p0", { device: "auto" })();
  assert.equal(scene.bridge.counters()["p0"].device, "af_packet");
});

testNet(
  "af_xdp: a driver without XDP: the system does it, when nothing would be lost",
  async (scene) => {
    const { namespace } = scene, red = scene.host();
    ip("-n", namespace, "link", "add", "br0", "type", "bridge");
    ip("-n", namespace, "link", "set", "p0", "master", "br0");
    ip("-n", namespace, "link", "set", "br0", "up");
    const error = throwsCode("ENOPROTOOPT", attach(scene, "br0"));
    assert.match(error.message, /ethtool -K br0 gro off rxvlan off/);
    run(["ip", "netns", "exec", namespace, "ethtool", "-K", "br0", "gro", "off"]);
    attach(scene, "br0")();
    assert.equal(scene.bridge.counters()["br0"].xdpMode, "generic");
    const blue = scene.host();
    attach(scene, "p1")();
    await until("the bridge forwards", () => red.reaches(blue.ip4));
    for (const size of [0, 1472, 4000]) assert.equal(red.ping(blue.ip4, { size }), 3);
    scene.bridge.detach("br0");
    attach(scene, "br0", { device: "auto" })();
    assert.equal(scene.bridge.counters()["br0"].device, "af_packet");
    scene.bridge.detach("br0");
    const refused = throwsCode("EOPNOTSUPP", attach(scene, "br0", { hostRings: true }));
    assert.match(refused.message, /host's side with af_xdp a driver that has XDP/);
    assert.deepEqual(scene.bridge.ports().map((port) => port.interface), ["p1"]);
    assert.doesNotMatch(ip("-n", namespace, "link"), /vhost/);
  },
);

testNet(
  "af_xdp: behind the driver, packets that the other end leaves to be cut are lost and counted",
  async (scene) => {
    const { namespace } = scene, red = scene.host();
    ip("-n", namespace, "link", "add", "br0", "type", "bridge");
    ip("-n", namespace, "link", "set", "p0", "master", "br0");
    ip("-n", namespace, "link", "set", "br0", "up");
    run(["ip", "netns", "exec", namespace, "ethtool", "-K", "br0", "gro", "off"]);
    attach(scene, "br0")();
    assert.equal(scene.bridge.counters()["br0"].xdpMode, "generic");
    const blue = scene.host();
    attach(scene, "p1")();
    await until("the bridge forwards", () => red.reaches(blue.ip4));
    const lost = () => scene.bridge.counters()["br0"].drops.interface;
    await red.iperf(blue);
    assert.ok(lost() > 0);
    assert.equal(scene.bridge.counters()["p1"].drops.offload, 0);
    red.run("ethtool", "-K", "eth0", "tso", "off", "gso", "off");
    const before = lost();
    assert.ok((await red.iperf(blue)).rate > 1e6);
    assert.equal(lost(), before);
  },
);

testNet("af_xdp: a VLAN tag that lies beside the packet is put back", async (scene) => {
  const red = scene.host();
  attach(scene, "p0")();
  await using _tagger = await foreignProgram(red.namespace, "eth0", "vlan 5");
  using port = scene.netmap.open("vale0:x");
  red.reaches("10.213.0.99"); // asks for a neighbour
  const frames: string[] = [];
  await until("a frame has come", () => {
    port.rxSync();
    const [ring] = port.rxRings;
    for (let slot = ring.head; slot !== ring.tail; slot = ring.next(slot)) {
      frames.push(ring.bytes(slot).subarray(0, ring.length(slot)).toHex());
    }
    ring.advance(ring.space);
    return frames.some((frame) => frame.includes("08060001"));
  });
  const arp = frames.find((frame) => frame.includes("08060001"))!;
  assert.equal(arp.slice(24, 36), "810000050806");
});

testNet("af_xdp: checksums that stacks leave undone are right, also in tunnels", async (scene) => {
  const [red, blue] = scene.joined(2, { device: "af_xdp" });
  const hosts = [red, blue];
  hosts.forEach((host, i) => {
    const other = hosts[1 - i];
    const tunnel = ["type", "vxlan", "id", "7", "dstport", "4789"];
    host.run("ip", "link", "add", "dev", "t0", ...tunnel, "remote", other.ip4, "local", host.ip4);
    host.run("ip", "addr", "add", `10.214.0.${i + 1}/24`, "dev", "t0");
    host.run("ip", "link", "set", "dev", "t0", "up");
  });
  const inner = [1, 2].map((n) => `10.214.0.${n}`);
  assert.equal(red.ping(inner[1]), 3);
  const serve = "import socket\ns = socket.create_server(('10.214.0.2', 7))\n" +
    "print('ready', flush=True)\nc, _ = s.accept()\nn = 0\n" +
    "while d := c.recv(65536): n += len(d)\nprint(n)";
  const server = new Deno.Command("ip", {
    args: blue.command("python3", "-c", serve).slice(1),
    stdout: "piped",
  }).spawn();
  await until("it listens", () => blue.run("ss", "-Hltn").includes(":7 "));
  red.run(
    "python3",
    "-c",
    "import socket\ns = socket.create_connection(('10.214.0.2', 7))\ns.sendall(bytes(3000000))",
  );
  const text = new TextDecoder().decode((await server.output()).stdout);
  assert.equal(text, "ready\n3000000\n");
});
