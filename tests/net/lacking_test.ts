// Systems that lack something: each says what, and what is there serves all the same.
import assert from "node:assert/strict";
import { run, type Scene, testNet } from "./scene.ts";

/** Has socket(2) of a family fail as where it is not compiled in, by seccomp(2); then runs a program. */
const WITHOUT_SOCKETS = `
import ctypes, os, struct, sys
family = int(sys.argv[1])
code = [(0x20, 0, 0, 0), (0x15, 0, 3, 41), (0x20, 0, 0, 16), (0x15, 0, 1, family),
    (6, 0, 0, 0x50000 + 97), (6, 0, 0, 0x7fff0000)]
text = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *each) for each in code))
program = struct.pack('HL', len(code), ctypes.addressof(text))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program) == 0
os.execvp(sys.argv[2], sys.argv[2:])
`;

const AF_PACKET = 17, AF_XDP = 44;

function withoutSockets(family: number): string[] {
  return ["python3", "-c", WITHOUT_SOCKETS, `${family}`];
}

/** In a mount namespace that has no such file. */
const WITHOUT_TAPS = [
  "unshare",
  "-m",
  "sh",
  "-c",
  'mount -t tmpfs none /dev/net && exec "$@"',
  "-",
];

/** What an engine says to attempts, each a method of a bridge or netmap, in such a system. */
function tried(scene: Scene, without: readonly string[], ...attempts: string[]): string[] {
  const mod = new URL("../../mod.ts", import.meta.url).href;
  const script = `import { Netmap } from "${mod}";
    const netmap = Netmap.open({ backend: "embedded" }), bridge = netmap.bridge("vale0");
    for (const attempt of [${attempts.map((attempt) => `() => ${attempt}`).join()}]) {
      try { console.log(JSON.stringify(attempt())); } catch (error) {
        console.log(error.message.replaceAll("\\n", " "));
      }
    }
    console.log("over");`;
  const there = ["ip", "netns", "exec", scene.namespace, ...without];
  const lines = run([...there, Deno.execPath(), "eval", "--no-check", script]).trim().split("\n");
  assert.equal(lines.pop(), "over");
  return lines;
}

testNet("without AF_XDP sockets the error says so, and packet sockets serve", (scene) => {
  scene.host();
  const [refused, index, device] = tried(
    scene,
    withoutSockets(AF_XDP),
    'bridge.attach("p0", { device: "af_xdp" })',
    'bridge.attach("p0")',
    "bridge.counters().p0.device",
  );
  assert.match(refused, /EPFNOSUPPORT.*no AF_XDP sockets.*af_packet/);
  assert.deepEqual([index, device], ["0", '"af_packet"']);
}, onlyEmbedded);

testNet("without packet sockets the error says so, and TAP and all else serve", (scene) => {
  scene.host();
  const [automatic, named, byName, tap, port] = tried(
    scene,
    withoutSockets(AF_PACKET),
    'bridge.attach("p0")',
    'bridge.attach("p0", { device: "af_packet" })',
    'netmap.open("netmap:p0")',
    'bridge.attach("tap0", { device: "tap" })',
    'netmap.open("vale0:x").name',
  );
  for (const refused of [automatic, named, byName]) {
    assert.match(refused, /EAFNOSUPPORT.*no.*packet sockets.*CONFIG_PACKET, seccomp/);
  }
  assert.deepEqual([tap, port], ["0", '"vale0:x"']);
}, onlyEmbedded);

testNet("without TAP interfaces the error says so, and what needs none serves", (scene) => {
  scene.host();
  const [tap, hostSide, hostRings, without, ring, nic] = tried(
    scene,
    WITHOUT_TAPS,
    'bridge.attach("tap0", { device: "tap" })',
    'bridge.attach("p0", { hostRings: true })',
    'netmap.open("netmap:p0^")',
    "bridge.ports()",
    '{ using port = netmap.open("netmap:p0"); return port.ringCounts.rx }',
    'bridge.attach("p0")',
  );
  for (const refused of [tap, hostSide]) {
    assert.match(refused, /EPROTONOSUPPORT.*no TAP interfaces.*modprobe tun/);
  }
  assert.match(hostRings, /EOPNOTSUPP.*host rings take TAP interfaces/);
  assert.deepEqual([without, ring, nic], ["[]", "1", "0"]);
}, onlyEmbedded);

/** A daemon would have to be started there; what it does is the same. */
function onlyEmbedded(backend: string): string | undefined {
  return backend === "daemon" ? "the daemon of the tests lacks nothing" : undefined;
}
