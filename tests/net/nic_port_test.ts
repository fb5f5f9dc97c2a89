// Interfaces opened by name: netmap:eth1, its host rings, and what becomes of them.
import assert from "node:assert/strict";
import { Mover } from "../../cli/bridge/move.ts";
import { type Port, type PortOptions, RegisterMode } from "../../mod.ts";
import { throwsCode } from "../contract/backends.ts";
import { type Host, ip, look, run, type Scene, testNet, until } from "./scene.ts";

const HOST = "10.213.0.9";

/** Opens rings of the end of a host's link: "", "^" host rings, "*" both. */
function open(scene: Scene, suffix = "", options: PortOptions = {}): Port {
  return scene.netmap.open(`netmap:p0${suffix}`, { namespace: scene.namespace, ...options });
}

/** Moves packets between ports, without a copy, while `body` runs. */
async function joined<T>(a: Port, b: Port, body: () => Promise<T> | T): Promise<T> {
  const movers = [new Mover(a, b, 1024, true), new Mover(b, a, 1024, true)];
  const stop = new AbortController();
  const moving = (async () => {
    while (!stop.signal.aborted) {
      for (const port of [a, b]) port.rxSync();
      const moved = movers.reduce((sum, mover) => sum + mover.move(), 0);
      for (const port of [a, b]) port.txSync();
      await new Promise((resolve) => setTimeout(resolve, moved === 0 ? 1 : 0));
    }
  })();
  try {
    return await body();
  } finally {
    stop.abort();
    await moving;
  }
}

/** A host of the scene, whose link ends in an interface that the system has an address on. */
function hostWithAddress(scene: Scene): Host {
  const red = scene.host();
  ip("-n", scene.namespace, "addr", "add", `${HOST}/24`, "dev", "p0");
  return red;
}

testNet("an interface has the rings that the kernel's emulated mode gives it", (scene) => {
  scene.host();
  const shape = (port: Port) => {
    const { ringCounts, memoryId, txRings, rxRings } = port;
    const rings = [...txRings, ...rxRings].map(({ host, index, slots, bufferSize, head, tail }) => {
      return [host, index, slots, bufferSize, head, tail];
    });
    port.close();
    return [Object.values(ringCounts), memoryId, ...rings];
  };
  const counts = [[1, 1, 1, 1], 1];
  const tx = [false, 0, 1024, 2112, 0, 1023], rx = [false, 0, 1024, 2112, 0, 0];
  const hostTx = [true, 1, 1024, 2112, 0, 1023], hostRx = [true, 1, 1024, 2112, 0, 0];
  assert.deepEqual(shape(open(scene)), [...counts, tx, rx]);
  assert.deepEqual(shape(open(scene, "^")), [...counts, hostTx, hostRx]);
  assert.deepEqual(shape(open(scene, "*")), [...counts, tx, hostTx, rx, hostRx]);
  assert.deepEqual(shape(open(scene, "-0")), [...counts, tx, rx]);
  assert.deepEqual(shape(open(scene, "^0")), [...counts, hostTx, hostRx]);
  assert.deepEqual(shape(open(scene, "*/R")), [...counts, rx, hostRx]);
  assert.deepEqual(shape(open(scene, "/T")), [...counts, tx]);
  throwsCode("EINVAL", () => open(scene, "-1"));
  throwsCode("EINVAL", () => open(scene, "^1"));
  throwsCode("EINVAL", () => open(scene, "", { mode: RegisterMode.DEFAULT }));
  const own = open(scene, "@conf:slots=64,rings=4,host-rings=2");
  assert.deepEqual(shape(own), [...counts, tx, rx]);
});

testNet(
  "who opens an interface gets its traffic instead of the system, until it closes it",
  async (scene) => {
    const red = hostWithAddress(scene);
    assert.equal(red.ping(HOST), 3);
    const before = look(scene, "p0");
    {
      using port = open(scene), host = open(scene, "^");
      assert.ok(!red.reaches(HOST));
      port.rxSync();
      assert.ok(port.waiting > 0);
      assert.equal(await joined(port, host, () => red.pingLater(HOST)), 3);
      assert.equal(host.memoryId, port.memoryId);
    }
    assert.equal(look(scene, "p0"), before);
    assert.doesNotMatch(ip("-n", scene.namespace, "link"), /vhost/);
    assert.equal(red.ping(HOST), 3);
  },
);

testNet(
  "frames of all lengths and offloads cross between the interface and the host's stack",
  async (scene) => {
    const red = hostWithAddress(scene);
    using both = open(scene, "*");
    const nic = (port: Port) => [port.rxRings[0], port.txRings[0]] as const;
    assert.equal(nic(both)[0].host, false);
    using port = open(scene), host = open(scene, "^");
    await joined(port, host, async () => {
      for (const size of [0, 1, 1000, 1472, 1473, 20_000]) {
        assert.equal(await red.pingLater(HOST, { size }), 3, `${size} bytes`);
      }
      // The stacks leave checksums and segments to a card that is not there
      for (const direction of [[], ["-R"]]) {
        const { rate } = await red.iperf(scene.systemHost(HOST), ...direction);
        assert.ok(rate > 1e6, `${rate}`);
      }
    });
    assert.equal(port.counters().drops.offload, 0);
  },
);

testNet(
  "a frame that is sent leaves by the wire, and one to the host rings enters its stack",
  async (scene) => {
    const red = hostWithAddress(scene);
    using port = open(scene);
    const frame = new Uint8Array(60).fill(255, 0, 6);
    frame.set([2, 0, 0, 0, 0, 9, 0x88, 0xb5, 1, 2, 3], 6);
    await using sniffer = await red.sniffer(0x88b5);
    for (let i = 0; i < 3; i++) {
      frame[59] = i;
      port.send(frame);
    }
    assert.deepEqual((await sniffer.frames(3)).map((bytes) => bytes[59]), [0, 1, 2]);
    assert.equal(port.counters().txPackets, 3);
    await using system = await scene.systemHost(HOST).sniffer(0x88b5, "p0");
    using host = open(scene, "^");
    for (let i = 3; i < 6; i++) {
      frame[59] = i;
      host.send(frame);
    }
    assert.deepEqual((await system.frames(3)).map((bytes) => bytes[59]), [3, 4, 5]);
    // Too short for Ethernet, and too long for the interface: counted
    port.send(frame.subarray(0, 13));
    port.send(new Uint8Array(2000));
    const { drops } = port.counters();
    assert.deepEqual([drops.tooShort, drops.interface], [1, 1]);
  },
);

testNet("one direction alone leaves the other to the system", (scene) => {
  const red = hostWithAddress(scene);
  const arp = () => red.run("ip", "neigh", "flush", "all");
  {
    // What the system sends goes out by the wire: it answers what it has heard before
    using _port = open(scene, "/R");
    assert.ok(!red.reaches(HOST));
    assert.match(
      run(["ip", "netns", "exec", scene.namespace, "ping", "-c", "1", "-W", "1", red.ip4], false),
      /0 received/,
    );
  }
  arp();
  assert.equal(red.ping(HOST), 3);
  {
    // Host rings alone take nothing, as in the kernel
    using _port = open(scene, "^");
    assert.equal(red.ping(HOST), 3);
  }
});

testNet(
  "several ports of one interface share its rings; one that is exclusive does not",
  (scene) => {
    scene.host();
    using first = open(scene), second = open(scene);
    assert.equal(first.rxRings[0].offset, second.rxRings[0].offset);
    throwsCode("EBUSY", () => open(scene, "/x"));
    first.close();
    second.close();
    using _only = open(scene, "/x");
    throwsCode("EBUSY", () => open(scene));
    using _host = open(scene, "^");
  },
);

testNet("an interface is opened by name, or attached to a bridge: not both", (scene) => {
  const red = scene.host();
  {
    using _port = open(scene);
    assert.match(throwsCode("EBUSY", () => scene.attach(red)).message, /open/);
  }
  scene.attach(red);
  assert.match(throwsCode("EBUSY", () => open(scene)).message, /bridge/);
  scene.detachAll();
  using _port = open(scene);
});

testNet("what cannot be opened says why", (scene) => {
  scene.host();
  const { namespace } = scene;
  assert.match(
    throwsCode("ENXIO", () => scene.netmap.open("netmap:nosuch", { namespace })).message,
    /ip link/,
  );
  assert.match(
    throwsCode("EINVAL", () => scene.netmap.open("netmap:lo", { namespace })).message,
    /Ethernet/,
  );
  assert.match(
    throwsCode("ENOENT", () => open(scene, "", { namespace: "none" })).message,
    /namespace/,
  );
  ip("-n", namespace, "link", "set", "p0", "mtu", "3000");
  assert.match(throwsCode("EINVAL", () => open(scene)).message, /ip link set p0 mtu 2048/);
  open(scene, "/T").close();
  scene.netmap.setMemoryParameters({ bufSize: 4096 });
  using port = open(scene);
  assert.equal(port.rxRings[0].bufferSize, 4096);
});

/** For everybody, of an EtherType that nobody else has. */
const FRAME = new Uint8Array(60).fill(255, 0, 6).fill(0x88, 12, 13).fill(0xb5, 13, 14);

/** What poll says when something is wrong with the port. */
const ERROR = 8;

testNet("an interface that is deleted fails its ports, and nothing else", async (scene) => {
  const [red, blue, green] = [scene.host(), scene.host(), scene.host()];
  for (const host of [blue, green]) scene.attach(host);
  using port = open(scene), host = open(scene, "^");
  ip("-n", scene.namespace, "link", "del", "p0");
  await until("it fails", () => (port.poll(5) & ERROR) !== 0 && (host.poll(5) & ERROR) !== 0);
  for (const it of [port, host]) {
    assert.match(throwsCode("EIO", () => it.rxSync()).message, /interface/);
    assert.match(throwsCode("EIO", () => it.txSync()).message, /interface/);
  }
  throwsCode("ENXIO", () => open(scene));
  assert.equal(blue.ping(green.ip4), 3);
  // Another of that name is another one, also while the first is still open
  const { namespace } = scene;
  ip("netns", "exec", red.namespace, "true");
  ip(
    "-n",
    namespace,
    "link",
    "add",
    "p0",
    "type",
    "veth",
    "peer",
    "name",
    "eth9",
    "netns",
    red.namespace,
  );
  ip("-n", namespace, "link", "set", "p0", "up");
  ip("-n", red.namespace, "link", "set", "eth9", "up");
  using again = open(scene);
  await using sniffer = await red.sniffer(0x88b5, "eth9");
  again.send(FRAME);
  assert.equal((await sniffer.frames(1)).length, 1);
});

testNet(
  "a namespace that is deleted lives on while a port has an interface of it",
  async (scene) => {
    const red = scene.host(), { namespace } = red;
    const peers = () => ip("-n", scene.namespace, "link").includes("p0@");
    {
      using port = scene.netmap.open("netmap:eth0", { namespace });
      ip("netns", "del", namespace);
      throwsCode("ENOENT", () => scene.netmap.open("netmap:eth0", { namespace }));
      await using sniffer = await scene.systemHost(HOST).sniffer(0x88b5, "p0");
      port.send(FRAME);
      assert.equal((await sniffer.frames(1)).length, 1);
      assert.ok(peers());
    }
    await until("it has gone, with its end of the link", () => !peers());
  },
);

testNet("a renamed interface is the same one, and goes by its new name", (scene) => {
  const red = hostWithAddress(scene);
  using port = open(scene);
  ip("-n", scene.namespace, "link", "set", "p0", "name", "other");
  assert.ok(!red.reaches(HOST));
  port.rxSync();
  assert.ok(port.waiting > 0);
  throwsCode("ENXIO", () => open(scene));
  using other = scene.netmap.open("netmap:other", { namespace: scene.namespace });
  assert.equal(other.rxRings[0].offset, port.rxRings[0].offset);
  ip("-n", scene.namespace, "link", "set", "other", "name", "p0");
});

testNet(
  "an interface that goes down carries nothing, and goes on when it is up again",
  async (scene) => {
    const red = hostWithAddress(scene);
    using port = open(scene), host = open(scene, "^");
    await joined(port, host, async () => {
      assert.equal(await red.pingLater(HOST), 3);
      ip("-n", scene.namespace, "link", "set", "p0", "down");
      port.send(new Uint8Array(60).fill(255, 0, 12));
      ip("-n", scene.namespace, "link", "set", "p0", "up");
      while (await red.pingLater(HOST, { count: 1 }) === 0);
    });
    assert.ok(port.counters().drops.interface > 0);
    assert.equal(port.poll(5) & ERROR, 0);
  },
);

testNet(
  "an MTU that changes while an interface is open: longer frames take several slots",
  async (scene) => {
    const red = hostWithAddress(scene);
    using port = open(scene), host = open(scene, "^");
    ip("-n", red.namespace, "link", "set", "eth0", "mtu", "9000");
    ip("-n", scene.namespace, "link", "set", "p0", "mtu", "9000");
    await joined(port, host, async () => {
      // With its MTU an interface may lose what its neighbours are asked for just then
      while (await red.pingLater(HOST, { count: 1 }) === 0);
      assert.equal(await red.pingLater(HOST, { size: 1400 }), 3);
      assert.equal(await red.pingLater(HOST, { size: 8000 }), 3);
    });
  },
);

testNet(
  "a process that is killed leaves the interface that it had open as it was",
  async (scene) => {
    const red = hostWithAddress(scene);
    assert.equal(red.ping(HOST), 3);
    const before = look(scene, "p0");
    const mod = new URL("../../mod.ts", import.meta.url).href;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--no-check",
        `import { Netmap } from "${mod}";
       const port = Netmap.open({ backend: "${scene.netmap.backend}" })
         .open("netmap:p0*", { namespace: "${scene.namespace}" });
       console.log("open");
       setInterval(() => port.rxSync(), 1000);`,
      ],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    try {
      assert.match((await reader.read()).value ?? "", /open/);
      assert.ok(!red.reaches(HOST));
    } finally {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    }
    await until("the system hears it again", () => red.reaches(HOST));
    await until("it looks as before", () => look(scene, "p0") === before);
    assert.doesNotMatch(ip("-n", scene.namespace, "link"), /vhost/);
    using _port = open(scene);
  },
);
