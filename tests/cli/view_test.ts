// valet view: who is let in, what the page gets, and what becomes of it when the daemon or the command ends.

import assert from "node:assert/strict";
import type { HookStats } from "../../cli/daemon/answers.ts";
import { watchBridges } from "../../cli/view/watch.ts";
import type { PortCounters } from "../../mod.ts";
import { forEachBackend } from "../contract/backends.ts";
import { DaemonScene, until } from "./daemon_scene.ts";
import { MemoryContext } from "./memory_context.ts";
import { bridgeIn, Events, portIn, startView, stopView, type View } from "./view_scene.ts";

/** The status that a raw request gets: fetch() lets nobody choose a host. */
async function rawStatus({ url }: View, host: string, target: string): Promise<number> {
  const port = Number(new URL(url).port);
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const request = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const bytes = new Uint8Array(1024);
  const length = await connection.read(bytes) ?? 0;
  const line = new TextDecoder().decode(bytes.subarray(0, length)).split("\r\n")[0];
  return Number(line.split(" ")[1]);
}

async function status(url: string, init: RequestInit = {}): Promise<number> {
  const response = await fetch(url, { redirect: "manual", ...init });
  await response.body?.cancel();
  return response.status;
}

Deno.test("valet view answers only who knows its address, by its own name", async () => {
  await using scene = new DaemonScene();
  const view = await startView(scene);
  const { url } = view;
  const { origin, port, pathname } = new URL(url);
  const token = pathname.split("/")[1];
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/);

  assert.equal(await status(url), 200);
  assert.equal(await status(`${origin}/${token}`), 308);
  assert.equal(await status(`${url}cli/view/page/page.ts`), 200);
  assert.equal(await status(url, { method: "HEAD" }), 200);
  assert.equal(await status(url, { method: "POST" }), 405);
  for (const path of ["deno.json", "cli/view/server.ts", "cli/view/page/", "..%2fdeno.json"]) {
    assert.equal(await status(`${url}${path}`), 404, path);
  }
  const wrong = token.slice(0, -1) + (token.endsWith("A") ? "B" : "A");
  const forged = ["", wrong, `${token}A`, token.slice(1), token.toUpperCase() + "x", "%00"];
  for (const path of forged) {
    for (const file of ["", "/", "/events", "/cli/view/page/page.ts"]) {
      assert.equal(await status(`${origin}/${path}${file}`), 403, path + file);
    }
  }
  assert.equal(await status(`${origin}/favicon.ico`), 403);

  assert.equal(await rawStatus(view, `127.0.0.1:${port}`, pathname), 200);
  assert.equal(await rawStatus(view, `localhost:${port}`, pathname), 200);
  for (const host of ["evil.example", `evil.example:${port}`, "127.0.0.1", `0.0.0.0:${port}`, ""]) {
    assert.equal(await rawStatus(view, host, pathname), 403, host);
    assert.equal(await rawStatus(view, host, `${pathname}events`), 403, host);
  }
  // All of 127/8 is this machine, but it listens on one address of it
  await assert.rejects(
    Deno.connect({ hostname: "127.0.0.2", port: Number(port) }),
    Deno.errors.ConnectionRefused,
  );
  await stopView(view);
  const again = await startView(scene);
  assert.notEqual(new URL(again.url).pathname, pathname, "another token each time");
  await stopView(again);
});

Deno.test("the page of valet view may use nothing but what is served with it", async () => {
  await using scene = new DaemonScene();
  const view = await startView(scene);
  const page = await fetch(view.url);
  const html = await page.text();
  const policy = new Map(
    page.headers.get("content-security-policy")!.split("; ").map((rule) => {
      const [name, ...values] = rule.split(" ");
      return [name, values.join(" ")];
    }),
  );
  assert.equal(policy.get("default-src"), "'none'");
  assert.equal(policy.get("frame-ancestors"), "'none'");
  for (const name of ["script-src", "style-src", "img-src", "connect-src"]) {
    assert.equal(policy.get(name), "'self'");
  }
  assert.equal(policy.get("require-trusted-types-for"), "'script'");
  assert.equal(page.headers.get("referrer-policy"), "no-referrer");
  assert.equal(page.headers.get("x-content-type-options"), "nosniff");
  assert.equal(page.headers.get("cache-control"), "no-store");
  // Each file that it names is there, and what scripts import, too
  const wanted = [...html.matchAll(/(?:src|href)="([^"#][^"]*)"/g)].map((match) => match[1]);
  assert.ok(wanted.length >= 3);
  const seen = new Set<string>();
  for (const file of wanted) {
    if (seen.has(file)) continue;
    seen.add(file);
    const response = await fetch(new URL(file, view.url));
    const text = await response.text();
    assert.equal(response.status, 200, file);
    assert.ok(!/(https?:)?\/\/(?!www\.w3\.org\/2000\/svg)\w+\./.test(text), `${file} names a host`);
    if (!file.endsWith(".ts")) continue;
    assert.equal(response.headers.get("content-type"), "text/javascript; charset=utf-8");
    for (const [, name] of text.matchAll(/^import .*from "([^"]+)"/gm)) {
      wanted.push(new URL(name, new URL(file, view.url)).href.slice(view.url.length));
    }
  }
  assert.ok(seen.has("packet/format.ts"));
  await stopView(view);
});

Deno.test("valet view shows what was counted: ports, rates, drops, stations and the hook", async () => {
  await using scene = new DaemonScene();
  for (const name of ["vi0", "vi1", "<script>x"]) {
    await scene.ok("vale-ctl", "-n", name, "-C", "256");
    await scene.ok("vale-ctl", "-a", `vale0:${name}`);
  }
  const view = await startView(scene);
  {
    await using events = await Events.open(view.url);
    const before = await events.until((state) => state.seconds > 0);
    assert.deepEqual(
      bridgeIn(before, "vale0")!.ports.map((
        { name, index, counters },
      ) => [name, index, counters?.kind]),
      [["vi0", 0, "persistent"], ["vi1", 1, "persistent"], ["<script>x", 2, "persistent"]],
    );
    assert.equal(before.backend, "daemon");
    const sending = scene.script("send_frames.ts", "vale0:vi0", "1000");
    let added = 0, bits = 0;
    const after = await events.until((state) => {
      const { rates, counters } = portIn(state, "vale0:vi0")!;
      added += rates!.txPackets * state.seconds;
      bits += rates!.txBits * state.seconds;
      return counters!.txPackets === 1000;
    });
    await sending;
    assert.equal(Math.round(added), 1000, "rates add up to what was sent");
    assert.equal(Math.round(bits), 1000 * 60 * 8);

    const { ports } = await scene.json<{ ports: ({ name: string } & PortCounters)[] }>("stats");
    for (const { name, txPackets, rxPackets, dropped, drops, opens } of ports) {
      const shown = portIn(after, name)!.counters!;
      assert.deepEqual(
        [shown.txPackets, shown.rxPackets, shown.dropped, shown.opens <= 1],
        [txPackets, rxPackets, dropped, opens <= 1],
      );
      assert.deepEqual(
        Object.fromEntries(shown.causes),
        dropped === 0 ? {} : { notOpen: drops.notOpen },
      );
    }
    assert.deepEqual(bridgeIn(after, "vale0")!.table, {
      stations: 1,
      buckets: 1024,
      ageingMs: 0,
      entries: [{ mac: "02:00:00:00:00:01", port: 0, ageMs: 0 }],
    });

    Deno.writeTextFileSync(
      scene.path("hook.ts"),
      `let asked = 0;
      export default () => { asked++; return 1; };
      export const stats = () => ({ asked });`,
    );
    await scene.ok("hook", "load", "vale0", "hook.ts");
    await scene.script("send_frames.ts", "vale0:vi0", "50");
    const hooked = await events.until((state) => bridgeIn(state, "vale0")?.hook?.packets === 50);
    const { hook, lookup } = bridgeIn(hooked, "vale0")!;
    const { since, packets, errors } = await scene.json<HookStats>("hook", "stats", "vale0");
    assert.deepEqual(
      { form: hook!.form, state: hook!.state, since: hook!.since, file: hook!.file },
      { form: "TypeScript", state: "active", since, file: scene.path("hook.ts") },
    );
    assert.deepEqual([hook!.packets, hook!.errors, lookup], [packets, errors, "script"]);
    await events.until((state) => bridgeIn(state, "vale0")?.hook?.own === '{"asked":50}');
  }
  await stopView(view);
});

Deno.test("valet view says that the daemon has gone, and goes on with the next", async () => {
  await using scene = new DaemonScene();
  const view = await startView(scene);
  {
    await using events = await Events.open(view.url);
    assert.match((await events.state()).problem!, /^No daemon runs\./);
    await scene.ok("vale-ctl", "-n", "vi0");
    await scene.ok("vale-ctl", "-a", "vale0:vi0");
    const first = await events.until((state) => portIn(state, "vale0:vi0") !== undefined);
    assert.equal(first.problem, undefined);
    await scene.ok("vale-ctl", "-d", "vale0:vi0");
    await events.until((state) => portIn(state, ":vi0")?.counters?.kind === "persistent");
    await scene.ok("daemon", "stop");
    await events.until(({ problem }) => problem !== undefined);
    await scene.ok("vale-ctl", "-n", "vi1");
    await scene.ok("vale-ctl", "-a", "vale1:vi1");
    const second = await events.until((state) => portIn(state, "vale1:vi1") !== undefined);
    assert.equal(bridgeIn(second, "vale0"), undefined);
  }
  await stopView(view);
});

Deno.test("valet view leaves the daemon alone while nobody looks, and tells pages that it ends", async () => {
  await using scene = new DaemonScene();
  await scene.ok("daemon", "start");
  const connections = async (): Promise<number> =>
    (await scene.json<{ connections: number }>("daemon", "status")).connections;
  const view = await startView(scene);
  assert.equal(await connections(), 0);
  {
    await using events = await Events.open(view.url);
    await events.state();
    await until("it is connected", async () => await connections() === 1);
  }
  await until("it is not any more", async () => await connections() === 0);

  const pages = [await Events.open(view.url), await Events.open(view.url)];
  for (const page of pages) await page.state();
  await stopView(view);
  for (const page of pages) {
    let last, event;
    while ((event = await page.next()) !== undefined) last = event;
    assert.equal(last?.event, "end");
  }
});

Deno.test("valet view refuses what makes no sense, and a port that is taken", async () => {
  await using scene = new DaemonScene();
  for (
    const args of [["--port", "65536"], ["--port", "-1"], ["--port", "x"], ["--interval", "0"]]
  ) {
    assert.equal((await scene.valet("view", ...args)).code, 2, args.join(" "));
  }
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { code, stderr } = await scene.valet("view", "--port", String(listener.addr.port));
  assert.equal(code, 1);
  assert.match(stderr, /^valet: Cannot listen on 127\.0\.0\.1:\d+: another program does\nHint: /);
});

forEachBackend((backend) => {
  backend.test("valet view knows the ports, and what the backend counts", async (scene) => {
    const ports = scene.ports(2);
    const ending = new AbortController();
    const { instance, backend } = scene.netmap;
    const context = new MemoryContext({ backend, instance });
    for await (const state of watchBridges(context, 10, ending.signal)) {
      assert.equal(state.problem, undefined);
      assert.equal(state.backend, backend);
      const bridge = bridgeIn(state, scene.bridge.name)!;
      assert.deepEqual(bridge.ports.map(({ name }) => name), ["p0", "p1"]);
      assert.equal(state.counts, backend !== "kernel");
      if (backend === "kernel") break;
      const { counters, rates } = bridge.ports[0];
      assert.deepEqual(bridge.ports[1].counters!.kind, ports[1].counters().kind);
      assert.equal(counters!.opens, ports[0].counters().opens);
      if (rates !== undefined) break;
    }
    ending.abort();
  });
});
