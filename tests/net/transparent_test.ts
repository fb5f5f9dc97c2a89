// Transparent mode (NR_FORWARD): what a program marks goes on between an interface and its host's stack.
import assert from "node:assert/strict";
import { type Port, type PortOptions, RingFlag, type RxRing, SlotFlag } from "../../mod.ts";
import { type Host, ip, type Scene, testNet, until } from "./scene.ts";

const HOST = "10.213.0.9";

function hostWithAddress(scene: Scene): Host {
  const red = scene.host();
  ip("-n", scene.namespace, "addr", "add", `${HOST}/24`, "dev", "p0");
  return red;
}

/** All rings of the interface, or those of `suffix`, with NR_FORWARD set. */
function open(scene: Scene, suffix = "*", options: PortOptions = {}): Port {
  const port = scene.netmap.open(`netmap:p0${suffix}`, { namespace: scene.namespace, ...options });
  for (const ring of port.rxRings) ring.flags |= RingFlag.FORWARD;
  return port;
}

/** Releases what a ring has; marks the packets that `passes` is true of. Returns how many there were. */
function release(ring: RxRing, passes: (packet: Uint8Array) => boolean): number {
  const count = ring.space;
  for (let i = 0, slot = ring.head; i < count; i++, slot = ring.next(slot)) {
    const packet = ring.bytes(slot).subarray(0, ring.length(slot));
    if (passes(packet)) ring.setSlotFlags(slot, ring.slotFlags(slot) | SlotFlag.FORWARD);
  }
  ring.advance(count);
  return count;
}

/** Passes packets on while `body` runs. Returns what that does, and how many packets there were. */
async function passing<T>(
  ports: readonly Port[],
  passes: (packet: Uint8Array) => boolean,
  body: () => Promise<T>,
): Promise<[result: T, packets: number]> {
  const stop = new AbortController();
  let packets = 0;
  const moving = (async () => {
    while (!stop.signal.aborted) {
      let found = 0;
      for (const port of ports) {
        port.rxSync();
        for (const ring of port.rxRings) found += release(ring, passes);
      }
      packets += found;
      await new Promise((resolve) => setTimeout(resolve, found === 0 ? 1 : 0));
    }
  })();
  try {
    return [await body(), packets];
  } finally {
    stop.abort();
    await moving;
  }
}

const all = (): boolean => true;

testNet("what is marked goes on to the host's stack, and from there to the wire", async (scene) => {
  const red = hostWithAddress(scene);
  using port = open(scene);
  const ping = (size: number) => red.pingLater(HOST, { size });
  for (const size of [0, 1, 1000, 1472, 1473, 20_000]) {
    const [answered, packets] = await passing([port], all, () => ping(size));
    assert.equal(answered, 3, `${size} bytes`);
    assert.ok(packets >= 6, `${packets}`);
  }
  for (const direction of [[], ["-R"]]) {
    const [{ rate }] = await passing(
      [port],
      all,
      () => red.iperf(scene.systemHost(HOST), ...direction),
    );
    assert.ok(rate > 1e6, `${rate}`);
  }
  const { drops } = port.counters();
  assert.deepEqual([drops.tooShort, drops.badBuffer, drops.offload], [0, 0, 0]);
  // Without the mark, or without the ring's flag, it ends with the program
  const once = () => red.pingLater(HOST, { count: 1, seconds: 1 });
  assert.equal((await passing([port], () => false, once))[0], 0);
  for (const ring of port.rxRings) ring.flags = 0;
  assert.equal((await passing([port], all, once))[0], 0);
});

testNet(
  "two programs have a direction each; frames of several slots go on whole",
  async (scene) => {
    const red = hostWithAddress(scene);
    using port = open(scene, ""), host = open(scene, "^");
    assert.equal((await passing([port, host], all, () => red.pingLater(HOST)))[0], 3);
    for (const [namespace, name] of [[red.namespace, "eth0"], [scene.namespace, "p0"]]) {
      ip("-n", namespace, "link", "set", name, "mtu", "9000");
    }
    await passing([port, host], all, async () => {
      // With its MTU an interface may lose what its neighbours are asked for just then
      while (await red.pingLater(HOST, { count: 1 }) === 0);
      assert.equal(await red.pingLater(HOST, { size: 8000 }), 3);
    });
    assert.equal(port.counters().drops.tooShort, 0);
  },
);

testNet("a marked slot that is no frame is dropped and counted", async (scene) => {
  const red = hostWithAddress(scene);
  using port = open(scene);
  const [ring] = port.rxRings;
  const arrive = () => {
    red.run(
      "python3",
      "-c",
      `import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind(("eth0", 0))
s.send(b"\\xff" * 6 + b"\\2" * 6 + b"\\x88\\xb5" + b"\\0" * 46)`,
    );
    return until("it is there", () => {
      port.rxSync();
      return ring.space > 0;
    });
  };
  // Nothing else comes by this interface: its addresses are those of the test
  const spoil = async (change: (slot: number) => void) => {
    await arrive();
    for (let i = 0, slot = ring.head, n = ring.space; i < n; i++, slot = ring.next(slot)) {
      ring.setSlotFlags(slot, SlotFlag.FORWARD);
      change(slot);
    }
    const count = ring.space;
    ring.advance(count);
    port.rxSync();
    return count;
  };
  const word = (slot: number) => (ring.offset + 256) / 4 + 4 * slot;
  let sum = await spoil((slot) => ring.setLength(slot, 13));
  await until("too short", () => port.counters().drops.tooShort === sum);
  sum = await spoil((slot) => ring.region.u16[word(slot) * 2 + 2] = ring.bufferSize + 1);
  await until("too long", () => port.counters().drops.tooLong === sum);
  const buffers: number[] = [];
  sum = await spoil((slot) => {
    buffers.push(slot, ring.bufferIndex(slot));
    ring.region.u32[word(slot)] = 1;
  });
  await until("no buffer", () => port.counters().drops.badBuffer === sum);
  for (let i = 0; i < buffers.length; i += 2) ring.setBufferIndex(buffers[i], buffers[i + 1]);
});

testNet("a program that waits filters: some packets go on, others do not", async (scene) => {
  const red = hostWithAddress(scene);
  using port = open(scene);
  const refused = (packet: Uint8Array) => packet[12] === 0x88 && packet[13] === 0xb5;
  await using system = await scene.systemHost(HOST).sniffer(0x88b6, "p0");
  const stop = new AbortController();
  let kept = 0;
  const filtering = (async () => {
    while (!stop.signal.aborted) {
      await port.wait({ timeoutMs: 100 });
      for (const ring of port.rxRings) {
        release(ring, (packet) => {
          kept += Number(refused(packet));
          return !refused(packet);
        });
      }
      // Marked packets go with the sync that releases them
      port.rxSync();
    }
  })();
  try {
    red.run(
      "python3",
      "-c",
      `import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind(("eth0", 0))
for i in range(40): s.send(b"\\xff" * 6 + b"\\2" * 6 + (b"\\x88\\xb6" if i % 2 else b"\\x88\\xb5") + bytes([i]) * 46)`,
    );
    const seen = (await system.frames(20)).map((bytes) => bytes[20]);
    assert.deepEqual(seen, Array.from({ length: 20 }, (_, i) => 2 * i + 1));
    await until("the others were seen", () => kept === 20);
    assert.equal(await red.pingLater(HOST), 3);
  } finally {
    stop.abort();
    await filtering;
  }
});
