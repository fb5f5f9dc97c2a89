// Packets that stacks leave to "the card" to cut, and where nobody will do it but the switch.
import assert from "node:assert/strict";
import { type Host, run, type Scene, testNet, until } from "./scene.ts";

/** What a port was sent has this many bytes a packet, while something runs. */
async function bytesPerPacket(
  scene: Scene,
  host: Host,
  body: () => Promise<unknown>,
): Promise<number> {
  const seen = () => scene.bridge.counters()[scene.portOf(host)];
  const before = seen();
  await body();
  const after = seen();
  return (after.rxBytes - before.rxBytes) / (after.rxPackets - before.rxPackets);
}

/** Hosts whose ports take no virtio-net headers, and so nothing that is to be cut. */
function plainHosts(scene: Scene, mtu: number): Host[] {
  return [...scene.joined(1, { device: "af_xdp", mtu }), scene.tapHost({ stays: true, mtu })];
}

testNet(
  "a long packet is cut as its sender wants it, not to what every Ethernet takes",
  async (scene) => {
    const [veth] = scene.joined(1, { mtu: 9000 }), tap = scene.tapHost({ mtu: 9000 });
    for (const to of plainHosts(scene, 9000)) {
      for (const from of [veth, tap]) {
        assert.equal(from.ping(to.ip4, { size: 8972 }), 3);
        const mean = await bytesPerPacket(scene, to, async () => {
          assert.ok((await from.iperf(to)).rate > 1e6);
        });
        assert.ok(mean > 5000, `${mean} bytes a packet`);
      }
    }
    for (const { drops } of Object.values(scene.bridge.counters())) assert.equal(drops.offload, 0);
  },
);

/** Sends `DATAGRAMS` at once, the last of which is shorter; see UDP_SEGMENT in udp(7). */
const SEND = (to: string, bytes: number): string =>
  `import socket
s = socket.socket(socket.${to.includes(":") ? "AF_INET6" : "AF_INET"}, socket.SOCK_DGRAM)
s.setsockopt(17, 103, ${bytes})
s.sendto(b"".join(bytes([n]) * ${bytes} for n in range(10)) + b"end", ("${to}", 9))`;

const RECEIVE = (sets: number): string =>
  `import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 9))
print("ready", flush=True)
for n in range(11 * ${sets}):
  d = s.recv(65536)
  print(len(d), d[0], d == d[:1] * len(d), flush=True)`;

/** IPv4's longest, and IPv6's of a length that is odd. */
const LENGTHS = [1472, 999];

testNet(
  "datagrams that are sent as one packet arrive as they were, whatever is on the way",
  async (scene) => {
    const [veth] = scene.joined(1), tap = scene.tapHost(), senders = [veth, tap];
    for (const to of [...plainHosts(scene, 1500), veth, tap]) {
      const others = senders.filter((host) => host !== to);
      const child = new Deno.Command("ip", {
        args: to.command("timeout", "60", "python3", "-c", RECEIVE(2 * others.length)).slice(1),
        stdout: "piped",
      }).spawn();
      await until("it listens", () => to.run("ss", "-Hlun").includes(":9 "));
      for (const from of others) {
        const sent = () => scene.bridge.counters()[scene.portOf(from)].txPackets;
        const addresses = [to.ip4, to.ip6], before = sent();
        for (const address of addresses) from.ping(address, { count: 1 }); // it is known then
        addresses.forEach((address, i) => from.run("python3", "-c", SEND(address, LENGTHS[i])));
        assert.ok(sent() - before < 22, "nobody before us has cut them");
      }
      const lines = new TextDecoder().decode((await child.output()).stdout).trim().split("\n");
      const expected = LENGTHS.flatMap((length) => [
        ...Array.from({ length: 10 }, (_, n) => `${length} ${n} True`),
        "3 101 False",
      ]);
      assert.deepEqual(lines.slice(1).sort(), others.flatMap(() => expected).sort());
    }
    for (const { drops } of Object.values(scene.bridge.counters())) assert.equal(drops.offload, 0);
  },
);

/** What else a stack may put around its packets, with the bytes that it takes. */
const TUNNELS: readonly [name: string, bytes: number, ...args: string[]][] = [
  ["vxlan", 50, "vxlan", "id", "7", "dstport", "4789"],
  ["vxlan with checksums outside", 50, "vxlan", "id", "7", "dstport", "8472", "udpcsum"],
  ["vxlan over IPv6", 70, "vxlan", "id", "7", "dstport", "4789"],
  ["gretap with a key and checksums", 46, "gretap", "key", "5", "csum"],
  ["gre", 24, "gre"],
  ["ipip", 20, "ipip"],
];

/** What this kernel has not. */
function lacks(type: string): boolean {
  try {
    run(["unshare", "-n", "ip", "link", "add", "x", "type", ...type.split(" ")]);
    return false;
  } catch {
    return true;
  }
}

/** Puts a tunnel between hosts, with addresses of its own: the second's. */
function tunnel(
  hosts: readonly Host[],
  name: string,
  args: readonly string[],
  mtu: number,
): string {
  const version = name.includes("IPv6") ? "ip6" : "ip4";
  hosts.forEach((host, i) => {
    const ends = ["local", host[version], "remote", hosts[1 - i][version]];
    host.run("ip", "link", "add", "dev", "tun", "mtu", `${mtu}`, "type", ...args, ...ends);
    host.run("ip", "addr", "add", `10.214.0.${i + 1}/24`, "dev", "tun");
    host.run("ip", "link", "set", "dev", "tun", "up");
  });
  return "10.214.0.2";
}

for (const [name, bytes, ...args] of TUNNELS) {
  testNet(
    `long packets in a tunnel arrive whole: ${name}`,
    async (scene) => {
      const [red] = scene.joined(1);
      for (const blue of [...scene.joined(1, { device: "af_xdp" }), ...scene.joined(1)]) {
        const address = tunnel([red, blue], name, args, 1500 - bytes);
        assert.equal(red.ping(address), 3);
        const program = HASHES(address);
        const child = new Deno.Command("ip", {
          args: blue.command("timeout", "60", "python3", "-c", program.receive).slice(1),
          stdout: "piped",
        }).spawn();
        await until("it listens", () => blue.run("ss", "-Hltun").split(":7 ").length > 2);
        const sent = red.run("timeout", "60", "python3", "-c", program.send);
        assert.equal(new TextDecoder().decode((await child.output()).stdout), sent);
        for (const host of [red, blue]) host.run("ip", "link", "del", "tun");
      }
      const { drops } = scene.bridge.counters()["p0"];
      assert.deepEqual([drops.interface, drops.offload], [0, 0]);
    },
    () => lacks(args[0] === "vxlan" ? args.join(" ") : args[0]) ? `no ${args[0]} here` : undefined,
  );
}

/** A stream, and then datagrams that are sent at once, and what arrives of both. */
function HASHES(address: string): { send: string; receive: string } {
  const common = `import hashlib, random, socket\na = ("${address}", 7)\n`;
  return {
    send: common + `
data = random.randbytes(2000000)
s = socket.create_connection(a)
s.sendall(data)
s.close()
print(hashlib.sha256(data).hexdigest())
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, 1000)
s.sendto(b"".join(bytes([n]) * 1000 for n in range(10)) + b"end", a)
for n in range(10): print(1000, n)
print(3, 101)`,
    receive: common + `
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(a)
s = socket.create_server(a)
c, _ = s.accept()
h = hashlib.sha256()
while d := c.recv(65536): h.update(d)
print(h.hexdigest())
for n in range(11):
  d = u.recv(65536)
  print(len(d), d[0])`,
  };
}
