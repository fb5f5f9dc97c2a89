// valet doctor: its facts against other sources of the same, and what it says where something is missing.

import assert from "node:assert/strict";
import { type Finding, formatFindings, wrap } from "../../cli/doctor/finding.ts";
import { DaemonScene } from "./daemon_scene.ts";

interface Report {
  works: boolean;
  counts: Record<string, number>;
  findings: Finding[];
}

async function examine(scene: DaemonScene): Promise<Record<string, Finding>> {
  const report = await scene.json<Report>("doctor");
  return Object.fromEntries(report.findings.map((finding) => [finding.name, finding]));
}

/** What another program says, without the line break. */
async function said(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args, stderr: "null" }).output();
  return new TextDecoder().decode(stdout).trimEnd();
}

Deno.test("each finding of valet doctor has a topic, a state, words, and a mend where something lacks", async () => {
  await using scene = new DaemonScene();
  const { works, counts, findings } = await scene.json<Report>("doctor");
  assert.equal(works, true);
  assert.equal(new Set(findings.map(({ name }) => name)).size, findings.length);
  for (const { topic, name, state, text, facts } of findings) {
    assert.ok(topic !== "" && name !== "" && /^\S.*[^.]$/.test(text), JSON.stringify(text));
    assert.ok(["ok", "note", "lacking"].includes(state), name);
    assert.equal(typeof facts, "object");
  }
  for (const state of ["ok", "note", "lacking"]) {
    assert.equal(counts[state], findings.filter((finding) => finding.state === state).length);
  }
});

Deno.test("valet doctor agrees with id, uname, ulimit and the tools themselves", async () => {
  await using scene = new DaemonScene();
  const found = await examine(scene);
  assert.equal(found.capabilities.facts.uid, Number(await said("id", "-u")));
  const mask = /CapEff:\s+(\w+)/.exec(await said("cat", "/proc/self/status"))![1];
  assert.equal(found.capabilities.facts.mask, BigInt(`0x${mask}`).toString(16));
  assert.equal(found.module.facts.release, await said("uname", "-r"));
  assert.equal(String(found.nofile.facts.soft), await said("sh", "-c", "ulimit -n"));
  const locked = await said("bash", "-c", "ulimit -l");
  const bytes = locked === "unlimited" ? locked : Number(locked) * 1024;
  assert.equal(found.memlock.facts.soft, bytes);
  assert.equal(found.cc.facts.version, (await said("cc", "--version")).split("\n")[0]);
  assert.equal(found.make.facts.version, (await said("make", "--version")).split("\n")[0]);
  assert.equal(found.deno.facts.version, Deno.version.deno);
  const hugePages = /HugePages_Total:\s+(\d+)/.exec(await said("cat", "/proc/meminfo"))?.[1] ?? "0";
  assert.equal(found["huge pages"].facts.total, Number(hugePages));
});

Deno.test("valet doctor agrees with what can be done here", async () => {
  await using scene = new DaemonScene();
  const found = await examine(scene);
  const hasDevice = (await said("sh", "-c", "test -e /dev/netmap && echo yes")) === "yes";
  assert.equal(found["/dev/netmap"].facts.exists, hasDevice);
  assert.equal(found["/dev/netmap"].state === "ok", found["/dev/netmap"].facts.openable ?? false);
  const loaded = await said("sh", "-c", "grep -c '^netmap ' /proc/modules");
  assert.equal(found.module.facts.loaded, loaded === "1");
  const tap = await said("sh", "-c", "exec 3<>/dev/net/tun && echo opens");
  assert.equal(found.tap.facts.openable, tap === "opens");
  const namespaces = await said("sh", "-c", "unshare --user --map-root-user --net echo made");
  assert.equal(found.namespaces.facts.usable, namespaces === "made");
});

Deno.test("valet doctor reports each Ethernet interface with its MTU and driver", async () => {
  await using scene = new DaemonScene();
  const found = await examine(scene);
  const nics = Object.values(found).filter(({ name }) => name.startsWith("nic "));
  for (const { name, facts } of nics) {
    const nic = name.slice(4);
    assert.equal(facts.mtu, Number(await said("cat", `/sys/class/net/${nic}/mtu`)));
    const offloads = await said("ethtool", "-k", nic).catch(() => undefined);
    if (offloads === undefined) continue;
    for (const offload of facts.offloads as string[]) {
      assert.match(offloads, new RegExp(`^${offload}: on`, "m"));
    }
    assert.equal(
      (facts.offloads as string[]).includes("generic-receive-offload"),
      /^generic-receive-offload: on/m.test(offloads),
    );
  }
});

Deno.test("valet doctor tells which backend is taken, and of the daemon", async () => {
  await using scene = new DaemonScene();
  const before = await examine(scene);
  assert.equal(before.daemon.facts.running, false);
  assert.equal(await scene.pid(), undefined, "the doctor changes nothing");
  await scene.ok("daemon", "start");
  const after = await examine(scene);
  assert.deepEqual([after.daemon.facts.running, after.daemon.facts.pid], [true, await scene.pid()]);
  if (before.backend.facts.backend === "kernel") return;
  assert.equal(before.backend.facts.backend, "embedded");
  assert.equal(after.backend.facts.backend, "daemon");
  assert.match(after.backend.text, /daemon/);
});

Deno.test("valet doctor without a C library names that, still tells the rest, and ends with status 1", async () => {
  await using scene = new DaemonScene({ VALET_LIB: "/no/such/library.so" });
  const { code, stdout } = await scene.valet("doctor", "--json");
  assert.equal(code, 1);
  const { works, findings } = JSON.parse(stdout) as Report;
  assert.equal(works, false);
  const library = findings.find(({ name }) => name === "library")!;
  assert.equal(library.state, "lacking");
  assert.match(library.text, /VALET_LIB="\/no\/such\/library\.so"/);
  assert.ok(library.mend !== undefined);
  assert.ok(findings.some(({ name }) => name === "capabilities"));
  const text = await scene.valet("doctor");
  assert.match(text.stdout, /Netmap does not work here: see what lacks above\.\n$/);
});

Deno.test("valet doctor explains a backend that was asked for and cannot be had", async () => {
  await using scene = new DaemonScene({ VALET_BACKEND: "daemon" });
  const { code, stdout } = await scene.valet("doctor", "--json");
  const backend = (JSON.parse(stdout) as Report).findings.find(({ name }) => name === "backend")!;
  assert.deepEqual([code, backend.state], [1, "lacking"]);
  assert.match(backend.text, /which VALET_BACKEND asks for$/);
  assert.ok(backend.mend !== undefined);
});

Deno.test("valet doctor writes for people: topics, states, mends", async () => {
  await using scene = new DaemonScene();
  const lines = (await scene.ok("doctor")).trimEnd().split("\n");
  assert.equal(lines[0], "valet");
  assert.match(lines[1], /^ {2}ok {7}The C library is \//);
  assert.match(lines.at(-1)!, /^\d+ ok, \d+ notes?, \d+ lacking\. Netmap works here\.$/);
  for (const line of lines) assert.ok(line.length <= 100 || !line.trim().includes(" "), line);
});

Deno.test("formatFindings() wraps words and shows each topic once", () => {
  const finding = { topic: "T", name: "n", facts: {} } as const;
  const lines = formatFindings([
    { ...finding, state: "lacking", text: "one two three four", mend: "do this\nor that" },
    { ...finding, state: "ok", text: "fine" },
    { ...finding, topic: "U", state: "note", text: "hm" },
  ], { width: 22, color: false });
  assert.deepEqual(lines, [
    "T",
    "  lacking  one two",
    "           three four",
    "           > do this",
    "           > or that",
    "  ok       fine",
    "",
    "U",
    "  note     hm",
  ]);
});

Deno.test("wrap() breaks at spaces only", () => {
  assert.deepEqual(wrap("a bb ccc", 4), ["a bb", "ccc"]);
  assert.deepEqual(wrap("muchtoolong b", 4), ["muchtoolong", "b"]);
  assert.deepEqual(wrap("", 4), [""]);
});
