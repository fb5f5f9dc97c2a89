// What becomes of interfaces that are attached: when they are detached, deleted, renamed, down, changed.
import assert from "node:assert/strict";
import { codeOf, throwsCode } from "../contract/backends.ts";
import { type DeviceKind, type PortOptions, SlotFlag } from "../../mod.ts";
import { DEVICES, ip, look, run, type Scene, testNet, until } from "./scene.ts";

/** Lists the ports that are there. */
function portNames(scene: Scene): string[] {
  return scene.bridge.ports().map((port) => port.interface);
}

for (const device of DEVICES) {
  testNet(`${device}: a detached interface is as it was, and the system's own again`, (scene) => {
    const red = scene.host(), blue = scene.host();
    ip("-n", scene.namespace, "addr", "add", "10.213.0.9/24", "dev", "p0");
    assert.equal(red.ping("10.213.0.9"), 3);
    const before = look(scene, "p0");
    assert.deepEqual([scene.attach(red, { device }), scene.attach(blue, { device })], [0, 1]);
    assert.equal(red.ping(blue.ip4), 3);
    assert.ok(!red.reaches("10.213.0.9")); // the system does not hear it
    assert.deepEqual([scene.bridge.detach("p0"), scene.bridge.detach("p1")], [0, 1]);
    assert.equal(look(scene, "p0"), before);
    assert.equal(red.ping("10.213.0.9"), 3);
    throwsCode("ENXIO", () => scene.bridge.detach("p0"));
    assert.equal(scene.attach(red, { device }), 0); // and again
  });

  testNet(
    `${device}: an interface that is deleted leaves the bridge, and nothing else does`,
    async (scene) => {
      const [red, blue, green] = scene.joined(3, { device });
      assert.equal(red.ping(green.ip4), 3);
      ip("-n", scene.namespace, "link", "del", "p1");
      await until("it has left", () => portNames(scene).length === 2);
      assert.deepEqual(portNames(scene), ["p0", "p2"]);
      throwsCode("ENXIO", () => scene.bridge.detach("p1"));
      assert.equal(red.ping(green.ip4), 3);
      assert.ok(!red.reaches(blue.ip4));
      throwsCode("EINVAL", () => scene.attach(blue, { device }));
    },
  );

  testNet(`${device}: a host's namespace that is deleted takes its port along`, async (scene) => {
    const [red, blue, green] = scene.joined(3, { device });
    ip("netns", "del", blue.namespace);
    await until("its port has left", () => portNames(scene).length === 2);
    assert.equal(red.ping(green.ip4), 3);
  });

  testNet(
    `${device}: an interface that is down carries nothing, and goes on when it is up again`,
    async (scene) => {
      const [red, blue, green] = scene.joined(3, { device });
      assert.equal(red.ping(blue.ip4), 3);
      ip("-n", scene.namespace, "link", "set", "p1", "down");
      assert.ok(!red.reaches(blue.ip4));
      assert.equal(red.ping(green.ip4), 3);
      assert.ok(scene.bridge.counters()["p1"].drops.interface > 0);
      ip("-n", scene.namespace, "link", "set", "p1", "up");
      await until("it goes on", () => red.reaches(blue.ip4));
      assert.equal(red.ping(blue.ip4), 3);
    },
  );

  testNet(`${device}: an interface can be attached while it is down`, async (scene) => {
    const [red] = scene.joined(1, { device });
    const blue = scene.host();
    ip("-n", scene.namespace, "link", "set", "p1", "down");
    scene.attach(blue, { device });
    ip("-n", scene.namespace, "link", "set", "p1", "up");
    await until("it goes on", () => red.reaches(blue.ip4));
  });

  testNet(
    `${device}: a renamed interface keeps its port, by the name that it was attached by`,
    (scene) => {
      const [red, blue] = scene.joined(2, { device });
      ip("-n", scene.namespace, "link", "set", "p1", "name", "other");
      assert.equal(red.ping(blue.ip4), 3);
      assert.deepEqual(portNames(scene), ["p0", "p1"]);
      throwsCode(
        "EBUSY",
        () => scene.bridge.attach("other", { namespace: scene.namespace, device }),
      );
      scene.bridge.detach("p1");
      assert.equal(scene.bridge.attach("other", { namespace: scene.namespace, device }), 1);
      assert.equal(red.ping(blue.ip4), 3);
    },
  );

  testNet(`${device}: an MTU that changes: frames that are too long are counted`, (scene) => {
    const [red, blue] = scene.joined(2, { device });
    assert.equal(red.ping(blue.ip4, { size: 1400 }), 3);
    ip("-n", scene.namespace, "link", "set", "p1", "mtu", "1000");
    red.run("sh", "-c", `ping -q -c 1 -W 1 -s 1400 ${blue.ip4} || true`);
    assert.ok(scene.bridge.counters()["p1"].drops.interface > 0);
    assert.equal(red.ping(blue.ip4, { size: 900 }), 3);
  });
}

testNet("what cannot be attached says why", (scene) => {
  scene.joined(1);
  scene.host();
  const { namespace } = scene;
  const attach = (name: string, options = {}) => () =>
    scene.bridge.attach(name, { namespace, ...options });
  assert.match(throwsCode("EINVAL", attach("nosuch")).message, /no such interface/i);
  throwsCode("EBUSY", attach("p0"));
  throwsCode("EBUSY", () => scene.netmap.bridge("vale1").attach("p0", { namespace }));
  assert.match(throwsCode("EOPNOTSUPP", attach("lo")).message, /no Ethernet/);
  assert.match(throwsCode("ENOENT", attach("p1", { namespace: "none" })).message, /namespace/);
  throwsCode("EBUSY", () => scene.netmap.open("vale0:p0"));
  assert.throws(attach("p1", { device: "nosuch" as DeviceKind }), {
    name: "TypeError",
    message: /Cannot use "nosuch" as device: expected one of auto,/,
  });
  assert.deepEqual(portNames(scene), ["p0"]);
});

testNet("without the capabilities the error names them", (scene) => {
  scene.host();
  const before = look(scene, "p0");
  const mod = new URL("../../mod.ts", import.meta.url).href;
  for (
    const attempt of [
      'bridge("vale0").attach("p0")',
      `bridge("vale0").attach("p0", { namespace: "${scene.namespace}" })`,
      'bridge("vale0").attach("tap0", { device: "tap" })',
      'open("netmap:p0")',
      `open("netmap:p0^", { namespace: "${scene.namespace}" })`,
    ]
  ) {
    const script = `import { Netmap } from "${mod}";
      try {
        Netmap.open({ backend: "embedded" }).${attempt};
      } catch (error) {
        console.log(error.message);
      }`;
    const drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
    const there = ["ip", "netns", "exec", scene.namespace, ...drop];
    const text = run([...there, Deno.execPath(), "eval", "--no-check", script]);
    assert.match(text, /Operation not permitted \(EPERM\)/, attempt);
    assert.match(text, /CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF.*run as root/, attempt);
  }
  assert.equal(look(scene, "p0"), before);
});

testNet("a namespace is known by its name, its path and its processes", async (scene) => {
  const [red, blue] = [scene.host(), scene.host()];
  scene.bridge.attach("p0", { namespace: `/run/netns/${scene.namespace}` });
  const inside = new Deno.Command("ip", {
    args: ["netns", "exec", scene.namespace, "sleep", "60"],
  }).spawn();
  try {
    const own = Deno.readLinkSync("/proc/self/ns/net");
    await until("it is there", () => Deno.readLinkSync(`/proc/${inside.pid}/ns/net`) !== own);
    scene.bridge.attach("p1", { namespace: inside.pid });
  } finally {
    inside.kill();
    await inside.status;
  }
  assert.equal(red.ping(blue.ip4), 3);
});

testNet("counters tell that a port is an interface, and count both ways", (scene) => {
  const [red, blue] = scene.joined(2);
  assert.equal(red.ping(blue.ip4, { count: 100, flood: true }), 100);
  const { kind, device, rxPackets, txPackets } = scene.bridge.counters()["p0"];
  assert.deepEqual([kind, device], ["nic", "af_packet"]);
  assert.ok(rxPackets >= 100 && txPackets >= 100);
  assert.equal(codeOf(() => scene.bridge.startPolling("p0", { firstCpu: 0 })), "");
  assert.equal(red.ping(blue.ip4), 3);
  throwsCode("EFAULT", () => scene.bridge.startPolling("p0", { firstCpu: 0 }));
  scene.bridge.stopPolling("p0");
  throwsCode("EFAULT", () => scene.bridge.stopPolling("p0"));
  throwsCode("EINVAL", () => scene.bridge.startPolling("p0", { firstCpu: 9999 }));
  assert.equal(red.ping(blue.ip4), 3);
});

for (const device of DEVICES) {
  testNet(
    `${device}: a process that is killed leaves its interfaces as it found them`,
    async (scene) => {
      const red = scene.host(), blue = scene.host(), { namespace } = scene;
      ip("-n", namespace, "addr", "add", "10.213.0.9/24", "dev", "p0");
      assert.equal(red.ping("10.213.0.9"), 3);
      const before = look(scene, "p0");
      const mod = new URL("../../mod.ts", import.meta.url).href;
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          "eval",
          `import { Netmap } from "${mod}";
         const bridge = Netmap.open({ backend: "embedded" }).bridge("vale0");
         bridge.attach("p0", { namespace: "${namespace}", device: "${device}", hostRings: true });
         bridge.attach("p1", { namespace: "${namespace}", device: "${device}" });
         console.log("attached");
         setInterval(() => {}, 1000);`,
        ],
        stdout: "piped",
      }).spawn();
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      try {
        assert.match((await reader.read()).value ?? "", /attached/);
        assert.equal(red.ping(blue.ip4), 3);
        throwsCode("EBUSY", () => scene.attach(red)); // another process has it
      } finally {
        child.kill("SIGKILL");
        await child.status;
        await reader.cancel();
      }
      await until("the system hears it again", () => red.reaches("10.213.0.9"));
      await until("it looks as before", () => look(scene, "p0") === before);
      assert.doesNotMatch(ip("-n", namespace, "link"), /vhost/);
      assert.equal(scene.attach(red), 0);
    },
  );
}

testNet("a monitor of an interface sees what comes from it and what goes to it", (scene) => {
  const [red, blue] = scene.joined(2, { device: "af_packet" });
  assert.equal(red.ping(blue.ip4), 3); // the neighbours know each other
  const watch = (options: PortOptions, skip: number) => {
    using monitor = scene.netmap.open("vale0:p0", options);
    const seen: string[] = [];
    assert.equal(red.ping(blue.ip4, { size: 500 }), 3);
    monitor.rxSync();
    const [ring] = monitor.rxRings;
    for (let slot = ring.head; slot !== ring.tail; slot = ring.next(slot)) {
      const frame = ring.bytes(slot).subarray(skip, ring.length(slot));
      // ICMP in IPv4 on Ethernet
      if (frame.length < 42 || frame[12] !== 8 || frame[13] !== 0 || frame[23] !== 1) continue;
      seen.push(`${frame[34]} ${(ring.slotFlags(slot) & SlotFlag.TXMON) !== 0} ${frame.length}`);
    }
    return seen.sort();
  };
  const requests = Array(3).fill("8 true 542"), replies = Array(3).fill("0 false 542");
  assert.deepEqual(watch({ monitor: "all" }, 0), [...replies, ...requests]);
  assert.deepEqual(watch({ monitor: "tx" }, 0), requests);
  assert.deepEqual(watch({ monitor: "rx" }, 0), replies);
  // With the virtio-net header that lies in front of the frame
  assert.deepEqual(watch({ monitor: "all", acceptHeader: true }, 10), [...replies, ...requests]);
  throwsCode("EIO", () => scene.netmap.open("vale0:p0", { zeroCopy: true }));
  const zeroCopy = { monitor: "all", zeroCopy: true, acceptHeader: true } as const;
  assert.deepEqual(watch(zeroCopy, 10), [...replies, ...requests]);
  using left = scene.netmap.open("vale0:p0", { monitor: "all" });
  scene.bridge.detach("p0");
  throwsCode("EIO", () => left.rxSync());
  throwsCode("EINVAL", () => scene.netmap.open("vale0:p0", { monitor: "all" }));
});

/** A bonding device takes large receive offload whatever is below it. */
function whyNoLro(): string | undefined {
  const namespace = `vtl${crypto.randomUUID().slice(0, 4)}`;
  try {
    ip("netns", "add", namespace);
    ip("-n", namespace, "link", "add", "b0", "type", "bond");
    ip("netns", "exec", namespace, "ethtool", "-K", "b0", "lro", "on");
    return undefined;
  } catch {
    return "no interface here has large receive offload: there are no bonding devices";
  } finally {
    run(["ip", "netns", "del", namespace], false);
  }
}

testNet("large receive offload is refused, with the line that turns it off", (scene) => {
  const { namespace } = scene;
  ip("-n", namespace, "link", "add", "b0", "type", "bond");
  ip("netns", "exec", namespace, "ethtool", "-K", "b0", "lro", "on");
  const before = look(scene, "b0");
  const attach = () => scene.bridge.attach("b0", { namespace });
  assert.match(throwsCode("EMSGSIZE", attach).message, /"ethtool -K b0 lro off"/);
  const open = () => scene.netmap.open("netmap:b0", { namespace });
  assert.match(throwsCode("EMSGSIZE", open).message, /"ethtool -K b0 lro off"/);
  assert.equal(look(scene, "b0"), before);
  ip("netns", "exec", namespace, "ethtool", "-K", "b0", "lro", "off");
  // Before Linux 6.6 it goes no further
  assert.match(codeOf(attach), /^(EOPNOTSUPP)?$/);
}, whyNoLro);

testNet(
  "a namespace that is deleted lives on while an interface of it is attached",
  async (scene) => {
    const [red] = scene.joined(1);
    const blue = scene.host(), { namespace } = blue;
    const peers = () => ip("-n", scene.namespace, "link").includes("p1@");
    scene.bridge.attach("eth0", { namespace });
    ip("netns", "del", namespace);
    assert.deepEqual(portNames(scene), ["p0", "eth0"]);
    throwsCode("ENOENT", () => scene.netmap.bridge("vale1").attach("eth0", { namespace }));
    assert.ok(peers());
    scene.bridge.detach("eth0");
    await until("it has gone, with its end of the link", () => !peers());
    const green = scene.host();
    scene.attach(green);
    assert.equal(red.ping(green.ip4), 3);
  },
);
