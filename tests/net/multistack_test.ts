// User-level stacks share a real host's address: Linux's clients reach each of them, and the host's own services.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { parseIpv4, parseMac, Protocol } from "../../mod.ts";
import { ECHO, HTTP, openStack } from "../../scripts/experiments/multistack/shared.ts";
import { bodyByte } from "../../scripts/experiments/stack/http.ts";
import type { Stack } from "../../scripts/experiments/stack/stack.ts";
import multistack, { tables } from "../../scripts/hooks/multistack.ts";
import { type Host, type Scene, testNet } from "./scene.ts";

const SERVER = fileURLToPath(new URL("http.ts", import.meta.url));

/** Polls stacks until a program of a host has ended; what it printed. */
async function pollWhile(stacks: Stack[], host: Host, ...command: string[]): Promise<string> {
  const [program, ...args] = host.command(...command);
  const child = new Deno.Command(program, { args, stdout: "piped", stderr: "piped" }).output();
  let isDone = false;
  child.finally(() => isDone = true);
  while (!isDone) {
    for (const stack of stacks) stack.poll();
    await sleep(1); // the hook runs on this thread, too
  }
  const { success, stdout, stderr } = await child;
  const decoder = new TextDecoder();
  assert.ok(success, decoder.decode(stderr));
  return decoder.decode(stdout).trim();
}

function deno(code: string, ...args: string[]): string[] {
  return [Deno.execPath(), "eval", "--quiet", "--no-config", code, ...args];
}

/** Fetches all at once: their lengths and SHA-256. */
const FETCH = `
  import { createHash } from "node:crypto";
  const texts = await Promise.all(Deno.args.map(async (url) => {
    const body = await (await fetch(url)).bytes();
    return body.length + " " + createHash("sha256").update(body).digest("hex");
  }));
  console.log(texts.join("\\n"));`;

/** Sends datagrams of several sizes until each is answered: what came back. */
const ECHOES = `
  import { createSocket } from "node:dgram";
  const [host, port] = Deno.args, sizes = [1, 100, 1472], socket = createSocket("udp4");
  const open = new Set(sizes);
  socket.on("message", (bytes) => {
    if (bytes.every((byte) => byte === bytes.length % 256)) open.delete(bytes.length);
    if (open.size > 0) return;
    console.log("all came back");
    Deno.exit();
  });
  const send = () => {
    for (const size of open) socket.send(new Uint8Array(size).fill(size % 256), port, host);
  };
  send();
  setInterval(send, 500);`;

function digest(bytes: Uint8Array): string {
  return `${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}`;
}

/** A web server of a host's; what it serves. */
async function serve(host: Host): Promise<{ hash: string; server: AsyncDisposable }> {
  const args = [Deno.execPath(), "run", "-q", "--no-config", "--allow-net", SERVER];
  const [program, ...command] = host.command(...args, "serve", host.ip4, "0.3");
  const child = new Deno.Command(program, { args: command, stdout: "piped" }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const hash = ((await reader.read()).value ?? "").trim();
  const server = {
    [Symbol.asyncDispose]: async (): Promise<void> => {
      child.kill();
      await child.status;
      await reader.cancel().catch(() => {});
    },
  };
  return { hash, server };
}

/** A host to share the address of, its client, and stacks 0 to 2 behind the hook. */
function share(scene: Scene): { client: Host; host: Host; address: { mac: number; ip: number } } {
  const [client, host] = scene.joined(2);
  const { address: mac } = JSON.parse(host.run("ip", "-j", "link", "show", "eth0"))[0];
  return { client, host, address: { mac: parseMac(mac), ip: parseIpv4(host.ip4) } };
}

testNet("Linux's clients reach the stacks and the host that share an address", async (scene) => {
  const { client, host, address } = share(scene);
  using closing = new DisposableStack();
  const stacks = [0, 1, 2].map((i) => openStack(scene.netmap, scene.bridge, i, address));
  for (const { port } of stacks) closing.use(port);
  scene.bridge.lookup = multistack;
  const own = await serve(host);
  await using _server = own.server;

  const lengths = [0, 1, 100_000, 700_000];
  const urls = lengths.map((length) => `http://${host.ip4}:${HTTP + 1}/${length}`);
  const fetched = await pollWhile(
    stacks,
    client,
    ...deno(FETCH, ...urls, `http://${host.ip4}:8080/`),
  );
  const bodies = lengths.map((length) =>
    digest(Uint8Array.from({ length }, (_, at) => bodyByte(at)))
  );
  const lines = fetched.split("\n");
  assert.deepEqual(lines.slice(0, -1), bodies);
  assert.equal(lines.at(-1)!.split(" ")[1], own.hash, "what the host serves itself");

  for (const i of [0, 2]) {
    const said = await pollWhile(stacks, client, ...deno(ECHOES, host.ip4, `${ECHO + i}`));
    assert.equal(said, "all came back");
  }
  const ping = await pollWhile(
    stacks,
    client,
    "ping",
    "-c",
    "2",
    "-i",
    "0.05",
    "-W",
    "5",
    host.ip4,
  );
  assert.match(ping, / 2 received/);
});

testNet("a stack's own client is served by Linux", async (scene) => {
  const { client: other, address } = share(scene);
  const stack = openStack(scene.netmap, scene.bridge, 0, address);
  using _port = stack.port;
  // Its first connection is from port 10000
  tables.owners.set([Protocol.TCP, address.ip, 10_000], 2);
  scene.bridge.lookup = multistack;
  const own = await serve(other);
  await using _server = own.server;
  const { address: mac } = JSON.parse(other.run("ip", "-j", "link", "show", "eth0"))[0];
  stack.addNeighbour(parseIpv4(other.ip4), parseMac(mac));
  const chunks: Uint8Array[] = [];
  let isEnded = false;
  stack.connect(parseIpv4(other.ip4), 8080, {
    connected: (connection) =>
      connection.send(
        new TextEncoder().encode(
          "GET / HTTP/1.0\r\n\r\n",
        ),
      ),
    data: (_, bytes) => chunks.push(bytes.slice()),
    ended: (connection) => {
      isEnded = true;
      connection.end();
    },
  });
  for (const end = Date.now() + 30_000; stack.connections > 0 && Date.now() < end;) {
    stack.poll();
    await sleep(1);
  }
  assert.ok(isEnded && stack.connections === 0);
  const all = new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  const head = new TextDecoder("latin1").decode(all).indexOf("\r\n\r\n") + 4;
  assert.equal(createHash("sha256").update(all.subarray(head)).digest("hex"), own.hash);
});
