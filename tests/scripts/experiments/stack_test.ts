/** The user-level stacks of the experiments: TCP among themselves, with loss, and handed from one to another. */

import assert from "node:assert/strict";
import { DROP, PacketTemplate, PacketView, parseIpv4, verifyChecksums } from "../../../mod.ts";
import { Cluster } from "../../../scripts/experiments/proxy/cluster.ts";
import { get, responder } from "../../../scripts/experiments/stack/http.ts";
import { pollUntil, Stack } from "../../../scripts/experiments/stack/stack.ts";
import proxySteer, { tables } from "../../../scripts/hooks/proxy_steer.ts";
import { forEachBackend, type Scene } from "../../contract/backends.ts";

const NO_HOOKS = { skip: { kernel: "netmap's module calls no TypeScript" } };

function pair(scene: Scene): [Stack, Stack] {
  const [a, b] = [1, 2].map((i) =>
    new Stack(scene.port(`p${i}`, { slots: 256 }), {
      mac: 0x0200_0000_0000 + i,
      ip: parseIpv4(`10.0.0.${i}`),
    })
  );
  a.addNeighbour(b.ip, b.mac);
  b.listen(80, responder);
  return [a, b];
}

forEachBackend((backend) => {
  backend.test("responses of any length arrive, and no connection is left", (scene) => {
    const [a, b] = pair(scene);
    const lengths = [0, 1, 1459, 1460, 1461, 65_535, 200_000];
    const responses = lengths.map((length) => get(a, b.ip, 80, length));
    pollUntil([a, b], () => a.connections === 0 && b.connections === 0);
    assert.deepEqual(responses.map(({ fault }) => fault), lengths.map(() => undefined));
    assert.deepEqual(responses.map(({ length }) => length), lengths);
  });

  backend.test("a port where nobody listens resets, and a request for nonsense is answered so", (scene) => {
    const [a, b] = pair(scene);
    const refused = get(a, b.ip, 81, 1), nonsense = get(a, b.ip, 80, -5);
    pollUntil([a, b], () => a.connections === 0 && b.connections === 0);
    assert.equal(refused.fault, "the connection was reset");
    assert.match(nonsense.fault!, /404 Not Found/);
  });

  backend.test("what is lost on the way is sent again, whatever it is", NO_HOOKS, (scene) => {
    const [a, b] = pair(scene);
    let state = 7, lost = 0;
    scene.bridge.lookup = (packet) => {
      state = Math.imul(state, 1103515245) + 12345 >>> 0;
      if (state >>> 16 & 31) return 1 - packet.port;
      lost++;
      return DROP;
    };
    const responses = Array.from({ length: 12 }, () => get(a, b.ip, 80, 50_000));
    pollUntil([a, b], () => responses.every(({ isComplete }) => isComplete));
    assert.deepEqual(responses.map(({ fault }) => fault), responses.map(() => undefined));
    assert.ok(lost > 0);
  });

  backend.test(
    "connections that are handed on are answered by back ends past the proxy",
    NO_HOOKS,
    (scene) => {
      const cluster = new Cluster(scene.netmap, scene.bridgeName, 3);
      const { bridge, proxy, backends } = cluster;
      bridge.lookup = proxySteer;
      cluster.use("steered");
      cluster.fetch(100_000, 6);
      for (const { counts } of backends) {
        assert.ok(counts.sentBytes > 200_000, `${counts.sentBytes}`);
      }
      // Handshakes and requests
      assert.ok(proxy.counts.sentBytes + proxy.counts.receivedBytes < 6 * 2000);
      assert.equal(tables.flows.size, 0);
      bridge.lookup = null;
      cluster.use("relayed");
      const before = proxy.counts.sentBytes;
      cluster.fetch(100_000, 6);
      assert.ok(proxy.counts.sentBytes - before > 600_000);
    },
  );

  backend.test("pings and ARP are answered, with checksums that are right", (scene) => {
    const [a, b] = pair(scene);
    const ends = { src: "10.0.0.1", dst: "10.0.0.2" };
    a.port.send(PacketTemplate.arp(ends));
    a.port.send(PacketTemplate.icmpEcho({ ...ends, payload: "valet", sequence: 9 }));
    const frames: Uint8Array<ArrayBuffer>[] = [];
    pollUntil([b], () => frames.push(...a.port.receiveFrames()) > 0 && frames.length === 2);
    const [reply, echo] = frames.map((frame) =>
      `${new PacketView().attach(new DataView(frame.buffer), 0, frame.length)}`
    );
    assert.match(reply, /^ARP, Reply 10\.0\.0\.2 is-at 02:00:00:00:00:02/);
    assert.match(echo, /^IP 10\.0\.0\.2 > 10\.0\.0\.1: ICMP echo reply, id 1, seq 9/);
    assert.deepEqual(verifyChecksums(frames[1]), { ipv4: true, transport: true });
  });
});
