// Virtual machines' Unix sockets as ports; tests/c/device_sockets.c has what a stream may look like.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { AttachOptions, Port } from "../../mod.ts";
import { forEachBackend, type Scene, throwsCode } from "./backends.ts";

const MACHINE = "02:00:00:00:00:01";
const KERNEL = { kernel: "netmap's module attaches no sockets" };

function frame(source: string, bytes = 60): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(bytes).fill(0x5a);
  data.fill(0xff, 0, 6);
  data.set(source.split(":").map((byte) => parseInt(byte, 16)), 6);
  data.set([0x88, 0xb5], 12);
  return data;
}

/** As QEMU sends it. */
function withLength(data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(4 + data.length);
  new DataView(all.buffer).setUint32(0, data.length);
  all.set(data, 4);
  return all;
}

async function readBytes(connection: Deno.Conn, count: number): Promise<Uint8Array> {
  const data = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const got = await connection.read(data.subarray(at));
    assert.ok(got !== null, "the connection has ended");
    at += got;
  }
  return data;
}

async function receiveOne(port: Port): Promise<string> {
  for await (const batch of port.batches({ signal: AbortSignal.timeout(30_000) })) {
    for (const packet of batch) return Array.from(packet.bytes()).join();
  }
  assert.fail("Nothing has come");
}

/** A frame each way. */
async function exchange(machine: Deno.Conn, port: Port): Promise<void> {
  const sent = frame(MACHINE, 333), answer = frame("02:00:00:00:00:02", 1514);
  await machine.write(withLength(sent));
  assert.equal(await receiveOne(port), sent.join());
  port.send(answer);
  assert.equal((await readBytes(machine, 4 + 1514)).join(), withLength(answer).join());
}

/** Detaches at the end what has been attached. */
class Sockets implements Disposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "valet-sockets-" });
  readonly #scene: Scene;
  readonly #names: string[] = [];

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  attach(name: string, options: AttachOptions): void {
    this.#scene.bridge.attach(name, options);
    this.#names.push(name);
  }

  detach(name: string): void {
    this.#scene.bridge.detach(name);
    this.#names.splice(this.#names.indexOf(name), 1);
  }

  [Symbol.dispose](): void {
    using netmap = this.#scene.another();
    for (const name of this.#names) netmap.bridge(this.#scene.bridgeName).detach(name);
    Deno.removeSync(this.folder, { recursive: true });
  }
}

forEachBackend((backend) => {
  backend.test(
    "a stream that is listened at: a virtual machine goes and comes back",
    { skip: KERNEL },
    async (scene) => {
      using sockets = new Sockets(scene);
      const path = sockets.path("vm1.sock");
      const [port] = scene.ports(1);
      sockets.attach("vm1", { device: "stream", socket: path });
      const { kind, device } = scene.bridge.counters()["vm1"];
      assert.deepEqual({ kind, device }, { kind: "nic", device: "stream" });
      for (let i = 0; i < 2; i++) {
        using machine = await Deno.connect({ transport: "unix", path });
        await exchange(machine, port);
        assert.equal(scene.bridge.table().find(({ mac }) => mac === MACHINE)?.port, 1);
      }
      sockets.detach("vm1");
      assert.ok(!existsSync(path));
    },
  );

  backend.test(
    "a stream that is connected to: as soon as it is there",
    { skip: KERNEL },
    async (scene) => {
      using sockets = new Sockets(scene);
      const path = sockets.path("passt.sock");
      const [port] = scene.ports(1);
      sockets.attach("up", { device: "stream", peer: path });
      port.send(frame(MACHINE));
      while (scene.bridge.counters()["up"].drops.interface === 0) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      using listener = Deno.listen({ transport: "unix", path });
      using machine = await listener.accept();
      await exchange(machine, port);
    },
  );

  backend.test("datagrams between two bridges", { skip: KERNEL }, async (scene) => {
    using sockets = new Sockets(scene);
    const [port] = scene.ports(1);
    const [a, b] = [sockets.path("a"), sockets.path("b")];
    sockets.attach("a", { device: "dgram", socket: a, peer: b });
    // Two of one bridge would be a loop, but for a lookup that sends to one of them only
    scene.bridge.lookup = ({ port: from }) => from === 0 ? 1 : from === 2 ? 0 : 255;
    sockets.attach("b", { device: "dgram", socket: b });
    const sent = frame(MACHINE, 1514);
    port.send(sent);
    assert.equal(await receiveOne(port), sent.join());
    scene.bridge.lookup = "learning";
  });

  backend.test("what cannot be a socket says why", { skip: KERNEL }, (scene) => {
    using sockets = new Sockets(scene);
    const { bridge } = scene;
    const socket = sockets.path("vm1.sock");
    const attach = (options: AttachOptions, name = "vm2") => () => bridge.attach(name, options);
    scene.ports(1);
    sockets.attach("vm1", { device: "stream", socket });
    assert.match(throwsCode("EADDRINUSE", attach({ device: "stream", socket })).message, /socket/);
    throwsCode("EADDRINUSE", attach({ device: "dgram", socket }));
    throwsCode("EBUSY", attach({ device: "dgram", socket: sockets.path("x") }, "vm1"));
    throwsCode("ENOENT", attach({ device: "stream", socket: sockets.path("no/folder") }));
    throwsCode("ENOTSOCK", attach({ device: "stream", peer: import.meta.filename! }));
    throwsCode("EADDRINUSE", attach({ device: "stream", socket: import.meta.filename! }));
    const own = scene.createInterface("vi");
    throwsCode("EEXIST", attach({ device: "dgram", socket: sockets.path("x") }, own));
    const malformed: [AttachOptions, RegExp][] = [
      [{ device: "stream" }, /needs a socket to listen at, or a peer/],
      [{ device: "stream", socket, peer: socket }, /needs a socket to listen at, or a peer/],
      [{ device: "dgram", peer: socket }, /needs a socket/],
      [{ socket }, /Cannot use socket with device "auto"/],
      [{ device: "tap", peer: socket }, /Cannot use peer with device "tap"/],
      [{ device: "stream", socket, hostRings: true }, /Cannot use hostRings with device "stream"/],
      [{ device: "stream", socket, namespace: "red" }, /Cannot use namespace with device/],
      [{ device: "dgram", socket: "" }, /expected a path/],
    ];
    for (const [options, message] of malformed) {
      assert.throws(attach(options), { name: "TypeError", message });
    }
    assert.throws(attach({ device: "dgram", socket: "s".repeat(200) }), { name: "RangeError" });
    assert.equal(bridge.ports().length, 2);
  });
});

Deno.test("a process that ends takes its sockets along, and one that is killed leaves them to the next", async () => {
  const folder = await Deno.makeTempDir({ prefix: "valet-sockets-" });
  const socket = `${folder}/vm1.sock`;
  const run = async (end: string): Promise<void> => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--no-check",
        `import { Netmap } from "${new URL("../../mod.ts", import.meta.url)}";
         Netmap.open({ backend: "embedded" }).bridge("vale0")
           .attach("vm1", { device: "stream", socket: "${socket}" });
         ${end}`,
      ],
    }).output();
    assert.equal(code === 0, end === "", new TextDecoder().decode(stderr));
  };
  try {
    await run('Deno.kill(Deno.pid, "SIGKILL"); await new Promise(() => {});');
    assert.ok(existsSync(socket));
    await run("");
    assert.ok(!existsSync(socket));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
