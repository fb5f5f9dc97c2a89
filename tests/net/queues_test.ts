// Interfaces with several queues: each is a ring of the port, and keeps what belongs to it.
import assert from "node:assert/strict";
import { SlotFlag } from "../../mod.ts";
import { DEVICES, type Host, testNet, until } from "./scene.ts";

const QUEUES = 4;

/**
 * Prints what the kernel has noted for each frame of EtherType 0x88b5 at eth0, "queue first-byte": the number
 * of the queue, or one more, depending on the driver.
 */
const LISTEN = `
import ctypes, select, socket, struct, sys
def socket_for(noted):
    # linux/filter.h: load the ancillary word 24 (the queue), compare, take all or nothing
    code = [(0x20, 0, 0, 0xfffff000 + 24), (0x15, 0, 1, noted), (6, 0, 0, 0xffff), (6, 0, 0, 0)]
    text = b''.join(struct.pack('HBBI', *each) for each in code)
    buffer = ctypes.create_string_buffer(text)
    program = struct.pack('HL', len(code), ctypes.addressof(buffer))
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.setsockopt(socket.SOL_SOCKET, 26, program)
    s.bind(('eth0', 0x88b5))
    return s
sockets = [socket_for(noted) for noted in range(${QUEUES} + 1)]
print('ready', flush=True)
while True:
    for s in select.select(sockets, [], [])[0]:
        print(sockets.index(s), s.recv(2000)[14], flush=True)
`;

function listen(host: Host): { lines: ReadableStreamDefaultReader<string>; end(): Promise<void> } {
  const [program, ...args] = host.command("python3", "-c", LISTEN);
  const child = new Deno.Command(program, { args, stdout: "piped" }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  return {
    lines,
    async end(): Promise<void> {
      child.kill("SIGKILL");
      await child.status;
      await lines.cancel();
    },
  };
}

/** Sends UDP packets of several flows, so many of each, which the system shares out over the queues. */
function sendFlows(host: Host, to: string, flows: number, packets: number): void {
  const script = "import socket\n" +
    `for flow in range(${flows}):\n` +
    "  s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n" +
    `  for _ in range(${packets}): s.sendto(bytes(40), ('${to}', 2000 + flow))\n`;
  host.run("python3", "-c", script);
}

for (const device of DEVICES) {
  testNet(`${device}: what ring r is given leaves by queue r`, async (scene) => {
    const [red] = scene.joined(1, { device, queues: QUEUES });
    const { txRings, rxRings } = scene.netmap.portInfo("vale0:p0");
    assert.deepEqual([txRings, rxRings], [QUEUES, QUEUES]);
    assert.equal(scene.bridge.counters()["p0"].device, device);
    red.reaches("10.213.0.99");
    using port = scene.netmap.open("vale0:x", { txRings: QUEUES, rxRings: QUEUES });
    const listener = listen(red);
    let seen = "";
    const read = async (lines: number): Promise<void> => {
      while (seen.split("\n").length <= lines) {
        const { value = "", done } = await listener.lines.read();
        assert.ok(!done, seen);
        seen += value;
      }
    };
    try {
      await read(1);
      // Broadcasts go to ring 0, as in the kernel
      const entry = scene.bridge.table().find((entry) => entry.port === 0);
      assert.ok(entry, "red has not been heard");
      const mac = entry.mac.split(":").map((byte) => parseInt(byte, 16));
      port.txRings.forEach((ring, r) => {
        const frame = new Uint8Array(60);
        frame.set(mac);
        frame.set([2, 0, 0, 0, 0, 9, 0x88, 0xb5, r], 6);
        ring.bytes(ring.head).set(frame);
        ring.setLength(ring.head, frame.length);
        ring.advance(1);
      });
      port.txSync();
      await read(1 + QUEUES);
      const lines = seen.trim().split("\n").slice(1).map((line) => line.split(" ").map(Number));
      const [first] = lines.find(([, ring]) => ring === 0) ?? [];
      for (const [noted, ring] of lines) assert.equal(noted - ring, first, seen);
    } finally {
      await listener.end();
    }
  });

  testNet(
    `${device}: what comes in by a queue comes by its ring, each flow in one`,
    async (scene) => {
      const [red, blue] = scene.joined(2, { device, queues: QUEUES });
      assert.equal(red.ping(blue.ip4, { count: 1000, flood: true }), 1000);
      using monitor = scene.netmap.open("vale0:p0", { monitor: "tx" });
      assert.equal(monitor.rxRings.length, QUEUES);
      const flows = new Map<number, number[]>(); // port: packets by ring
      sendFlows(red, blue.ip4, 16, 5);
      await until("all have come", () => {
        monitor.rxSync();
        monitor.rxRings.forEach((ring, r) => {
          for (let slot = ring.head; slot !== ring.tail; slot = ring.next(slot)) {
            const frame = ring.bytes(slot);
            if (
              !(ring.slotFlags(slot) & SlotFlag.TXMON) || frame[12] !== 8 || frame[23] !== 17
            ) continue;
            const flow = frame[36] << 8 | frame[37];
            const counts = flows.get(flow) ?? Array<number>(QUEUES).fill(0);
            counts[r]++;
            flows.set(flow, counts);
          }
          ring.advance(ring.space);
        });
        return [...flows.values()].flat().reduce((a, b) => a + b, 0) === 16 * 5;
      });
      const rings = [...flows.values()].map((counts) => counts.indexOf(5));
      assert.ok(!rings.includes(-1), `a flow is in several rings: ${JSON.stringify([...flows])}`);
      assert.ok(new Set(rings).size > 1, `all are in ring ${rings[0]}`);
      for (const direction of [[], ["-R"]]) {
        const { rate } = await red.iperf(blue, "-P", "4", ...direction);
        assert.ok(rate > 1e6, `${rate}`);
      }
    },
  );

  testNet(`${device}: fewer rings than queues share these out`, async (scene) => {
    const [red, blue] = scene.joined(2, { device, queues: QUEUES, rxRings: 2, txRings: 2 });
    const { txRings, rxRings } = scene.netmap.portInfo("vale0:p0");
    assert.deepEqual([txRings, rxRings], [2, 2]);
    for (const size of [0, 1472, 4000]) assert.equal(red.ping(blue.ip4, { size }), 3);
    const received = scene.bridge.counters()["p0"].txPackets;
    sendFlows(red, blue.ip4, 16, 5);
    await until(
      "all have come",
      () => scene.bridge.counters()["p0"].txPackets - received >= 16 * 5,
    );
    assert.equal(red.ping(blue.ip6, { count: 1000, flood: true }), 1000);
  });
}
