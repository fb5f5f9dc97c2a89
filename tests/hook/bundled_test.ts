/** The hooks of scripts/hooks/ decide what they say, the same in all forms. */

import assert from "node:assert/strict";

import fc from "fast-check";
import { compile, type HookConstants } from "../../hook/mod.ts";
import {
  BROADCAST,
  DROP,
  LEARN,
  type Lookup,
  type LookupTable,
  PacketTemplate,
  parseIpv4,
  Protocol,
} from "../../mod.ts";
import { drawnFrame } from "./drawn_frames.ts";
import { type Decisions, FrameSet } from "./forms.ts";
import { captureFrames, type Frame, randomFrames } from "./frames.ts";

interface HookModule {
  default: Lookup;
  constants?: HookConstants;
  tables?: Record<string, LookupTable>;
}

/** All of them; that of rate_limit.ts depends on the time, so it has a test of its own. */
const HOOKS = [
  "acl.ts",
  "hash_balance.ts",
  "ipv4_next_port.ts",
  "learning.ts",
  "mirror.ts",
  "multistack.ts",
  "proxy_steer.ts",
  "static_routes.ts",
  "vlan.ts",
];

async function load(file: string): Promise<HookModule> {
  return await import(new URL(`../../scripts/hooks/${file}`, import.meta.url).href);
}

/** Where a hook sends one frame. */
async function decide(file: string, template: PacketTemplate, port = 0): Promise<number> {
  return (await run(file, template, port)).ports[0];
}

/** What a hook makes of one frame; of the bytes the last two are around it. */
async function run(file: string, template: PacketTemplate, port: number): Promise<Decisions> {
  const bytes = template.next().slice();
  const { default: lookup } = await load(file);
  const frame = { bytes, length: bytes.length, fragments: 1, port, ring: 0 };
  return new FrameSet([frame]).v8(lookup);
}

Deno.test("the hooks in scripts/hooks/ take less than 40 lines", async () => {
  const files = [...Deno.readDirSync(new URL("../../scripts/hooks/", import.meta.url))]
    .map(({ name }) => name).sort();
  assert.deepEqual(files, [...HOOKS, "rate_limit.ts"].sort());
  for (const file of files) {
    const text = await Deno.readTextFile(new URL(`../../scripts/hooks/${file}`, import.meta.url));
    assert(text.split("\n").length - 1 < 40, file);
  }
});

/** Puts into tables what the script would. */
function prepare(tables: Record<string, LookupTable>): void {
  for (const table of Object.values(tables)) table.clear();
  const { routes, owners, flows, backends } = tables;
  for (let port = 0; port < 6; port++) routes?.set(port, [2, BROADCAST, DROP, 0, 7][port % 5]);
  for (let port = 0; port < 1000; port++) {
    flows?.set([parseIpv4("10.0.0.1"), port], 2 + port % 3);
  }
  for (let port = 2; port < 5; port++) backends?.set(port, parseIpv4("10.0.1.0") + port);
  for (const [i, port] of [53, 80, 1234].entries()) {
    owners?.set([Protocol.UDP, parseIpv4("10.0.0.2"), port], 2 + i);
  }
}

function stored(tables: Record<string, LookupTable>): unknown {
  return Object.values(tables).map((table) =>
    [...table].map(([key, value]) => `${key}: ${value}`).sort()
  );
}

const SETS: readonly [title: string, frames: () => Frame[]][] = [
  ["the tutorial's capture", captureFrames],
  ["100,000 random frames", () => randomFrames(100_000, 5)],
];
for (const [title, frames] of SETS) {
  Deno.test(`the hooks in scripts/hooks/ decide the same in all forms about ${title}`, async (t) => {
    const set = new FrameSet(frames());
    for (const file of HOOKS) {
      await t.step(file, async () => {
        const { default: lookup, constants, tables = {} } = await load(file);
        prepare(tables);
        const hook = await compile(lookup, { constants, tables });
        const expected = set.v8(lookup);
        const after = stored(tables);
        prepare(tables);
        const { address, context } = hook.native();
        set.assertSame(set.native(address, { context }), expected, "machine code");
        assert.deepEqual(stored(tables), after);
      });
    }
  });
}

Deno.test("the hooks in scripts/hooks/ decide the same about frames that fast-check draws", async (t) => {
  for (const file of HOOKS) {
    await t.step(file, async () => {
      const { default: lookup, constants, tables = {} } = await load(file);
      prepare(tables);
      const { address, context } = (await compile(lookup, { constants, tables })).native();
      const property = fc.property(
        fc.array(drawnFrame, { minLength: 1, maxLength: 50 }),
        (frames) => {
          const set = new FrameSet(frames);
          prepare(tables);
          const expected = set.v8(lookup), after = stored(tables);
          prepare(tables);
          set.assertSame(set.native(address, { context }), expected, "machine code");
          assert.deepEqual(stored(tables), after);
        },
      );
      fc.assert(property, { numRuns: 40 });
    });
  }
});

Deno.test("acl.ts lets the servers' HTTPS, SSH among servers, pings and answers through", async () => {
  const decided = (src: string, dst: string, flags?: string): Promise<number> =>
    decide("acl.ts", PacketTemplate.tcp({ src, dst, flags: flags ?? "S" }));
  assert.equal(await decided("192.0.2.1:1000", "10.0.0.5:443"), LEARN);
  assert.equal(await decided("192.0.2.1:1000", "10.0.0.5:22"), DROP);
  assert.equal(await decided("192.0.2.1:1000", "10.0.1.5:443"), DROP);
  assert.equal(await decided("10.0.0.7:1000", "10.0.0.5:22"), LEARN);
  assert.equal(await decided("10.0.0.5:443", "192.0.2.1:1000", "SA"), LEARN);
  const ends = { src: "192.0.2.1", dst: "10.0.0.5" };
  assert.equal(await decide("acl.ts", PacketTemplate.udp(ends)), DROP);
  assert.equal(await decide("acl.ts", PacketTemplate.arp(ends)), LEARN);
  assert.equal(await decide("acl.ts", PacketTemplate.icmpEcho(ends)), LEARN);
});

Deno.test("hash_balance.ts sends both directions of a flow to one port, and flows to all", async () => {
  const used = new Set<number>();
  for (let i = 0; i < 64; i++) {
    for (const [a, b] of [["10.0.0.1", "10.1.0.9"], ["[2001:db8::1]", "[2001:db8::2:9]"]]) {
      for (const vlan of [undefined, 7]) {
        const [src, dst] = [`${a}:${1000 + i}`, `${b}:80`];
        const there = PacketTemplate.tcp({ src, dst, ...(vlan === undefined ? {} : { vlan }) });
        const back = PacketTemplate.tcp({
          src: dst,
          dst: src,
          ...(vlan === undefined ? {} : { vlan }),
        });
        const port = await decide("hash_balance.ts", there);
        assert.equal(await decide("hash_balance.ts", back), port);
        used.add(port);
        assert.equal(await decide("hash_balance.ts", there, port), 0);
      }
    }
  }
  assert.deepEqual([...used].sort(), [1, 2, 3, 4]);
});

Deno.test("vlan.ts connects the trunk with each VLAN's port and nothing else", async () => {
  const decided = (vlan: number, port: number): Promise<number> =>
    decide("vlan.ts", PacketTemplate.udp({ src: "10.0.0.1", dst: "10.0.0.2", vlan }), port);
  assert.equal(await decided(101, 0), 1);
  assert.equal(await decided(108, 0), 8);
  assert.equal(await decided(109, 0), DROP);
  assert.equal(await decided(100, 0), DROP);
  assert.equal(await decided(103, 3), 0);
  assert.equal(await decided(103, 2), DROP);
  const untagged = PacketTemplate.udp({ src: "10.0.0.1", dst: "10.0.0.2" });
  assert.equal(await decide("vlan.ts", untagged), DROP);
});

Deno.test("ipv4_next_port.ts sends IPv4 to the next port and the rest to all", async () => {
  const ends = { src: "10.0.0.1", dst: "10.0.0.2" };
  assert.equal(await decide("ipv4_next_port.ts", PacketTemplate.udp(ends), 3), 4);
  assert.equal(await decide("ipv4_next_port.ts", PacketTemplate.arp(ends), 3), BROADCAST);
});

Deno.test("learning.ts floods until it has heard a station", async () => {
  const { tables } = await load("learning.ts");
  tables!.stations.clear();
  const ends = (from: number, to: number): PacketTemplate =>
    PacketTemplate.udp({
      src: "10.0.0.1",
      dst: "10.0.0.2",
      srcMac: `02:00:00:00:00:0${from}`,
      dstMac: `02:00:00:00:00:0${to}`,
    });
  assert.equal(await decide("learning.ts", ends(1, 2), 5), BROADCAST);
  assert.equal(await decide("learning.ts", ends(2, 1), 6), 5);
  assert.equal(await decide("learning.ts", ends(1, 2), 7), 6);
  assert.equal(await decide("learning.ts", ends(2, 1), 6), 7);
  const group = PacketTemplate.udp({
    src: "10.0.0.1",
    dst: "10.0.0.2",
    srcMac: "03:00:00:00:00:09",
    dstMac: "01:00:5e:00:00:01",
  });
  assert.equal(await decide("learning.ts", group, 1), BROADCAST);
  assert.equal(tables!.stations.size, 2);
});

Deno.test("multistack.ts sends what a stack owns to it and the rest to the host", async () => {
  const { tables } = await load("multistack.ts");
  prepare(tables!);
  const udp = (dst: string): PacketTemplate => PacketTemplate.udp({ src: "10.0.0.1:9", dst });
  assert.equal(await decide("multistack.ts", udp("10.0.0.2:53")), 2);
  assert.equal(await decide("multistack.ts", udp("10.0.0.2:1234")), 4);
  assert.equal(await decide("multistack.ts", udp("10.0.0.2:54")), 1);
  assert.equal(await decide("multistack.ts", udp("10.0.0.3:53")), 1);
  const tcp = PacketTemplate.tcp({ src: "10.0.0.1:9", dst: "10.0.0.2:53" });
  assert.equal(await decide("multistack.ts", tcp), 1);
  // What a stack sends has to come from an end that it owns; the host may send anything
  const from = (src: string): PacketTemplate => PacketTemplate.udp({ src, dst: "10.0.0.1:9" });
  assert.equal(await decide("multistack.ts", from("10.0.0.2:80"), 3), 0);
  assert.equal(await decide("multistack.ts", from("10.0.0.2:53"), 3), DROP);
  assert.equal(await decide("multistack.ts", from("10.0.0.2:54"), 3), DROP);
  assert.equal(await decide("multistack.ts", from("10.0.0.2:53"), 1), 0);
  const arp = PacketTemplate.arp({ src: "10.0.0.2", dst: "10.0.0.1" });
  assert.equal(await decide("multistack.ts", arp, 0), 1);
  assert.equal(await decide("multistack.ts", arp, 3), DROP);
});

Deno.test("mirror.ts copies what others send to the monitor, who says nothing", async () => {
  const udp = (): PacketTemplate => PacketTemplate.udp({ src: "10.0.0.1", dst: "10.0.0.2" });
  for (const [port, result, copy] of [[0, LEARN, 2], [1, LEARN, 2], [2, DROP, DROP]]) {
    const { ports, copies } = await run("mirror.ts", udp(), port);
    assert.deepEqual([...ports, ...copies], [result, copy], `port ${port}`);
  }
});

Deno.test("proxy_steer.ts rewrites flows of its table both ways, the rest is the proxy's", async () => {
  const { tables } = await load("proxy_steer.ts");
  prepare(tables!);
  const tcp = (src: string, dst: string, flags: string, macs = {}): PacketTemplate =>
    PacketTemplate.tcp({ src, dst, flags, ...macs });
  const bytesOf = ({ bytes }: Decisions): Uint8Array => bytes.subarray(0, bytes.length - 2);
  for (const [flow, flags] of [["10.0.0.1:5", "A"], ["10.0.0.1:6", "FA"]]) {
    const there = await run("proxy_steer.ts", tcp(flow, "10.0.0.2:80", flags), 0);
    const [port] = there.ports;
    assert.equal(port, 2 + Number(flow.slice(-1)) % 3);
    // The same packet as if it had been sent to the back end, its checksums as well
    const dstMac = `02:00:00:00:01:0${port}`;
    assert.deepEqual(
      bytesOf(there),
      tcp(flow, `10.0.1.${port}:80`, flags, { dstMac }).next().slice(),
    );
    const answer = tcp(`10.0.1.${port}:80`, flow, "A");
    const back = await run("proxy_steer.ts", answer, port);
    assert.equal(back.ports[0], 0);
    const srcMac = "02:00:00:00:00:02";
    assert.deepEqual(bytesOf(back), tcp("10.0.0.2:80", flow, "A", { srcMac }).next().slice());
  }
  const others: [string, string, string, number, number][] = [
    ["10.0.0.1:5", "10.0.0.2:80", "S", 0, 1],
    ["10.0.0.1:5", "10.0.0.2:81", "A", 0, 1],
    ["10.0.0.3:5", "10.0.0.2:80", "A", 0, 1],
    ["10.0.0.2:80", "10.0.0.1:5", "SA", 1, 0],
  ];
  for (const [src, dst, flags, port, to] of others) {
    const template = tcp(src, dst, flags);
    const decided = await run("proxy_steer.ts", template, port);
    assert.equal(decided.ports[0], to);
    assert.deepEqual(bytesOf(decided), tcp(src, dst, flags).next().slice(), "it is left alone");
  }
});

Deno.test("rate_limit.ts lets a source send its burst and what comes back in the time", async () => {
  const { default: lookup, tables } = await load("rate_limit.ts");
  const { rate, dropped } = tables!;
  const frames = (src: string): Frame[] => {
    const bytes = PacketTemplate.udp({ src, dst: "10.0.0.2" }).next().slice();
    const frame = { bytes, length: bytes.length, fragments: 1, port: 0, ring: 0 };
    return Array.from({ length: 20_000 }, () => frame);
  };
  const set = new FrameSet([...frames("10.0.0.1"), ...frames("10.0.0.3")]);
  const hook = await compile(lookup, { tables: tables! });
  const { address, context } = hook.native();
  const forms = {
    v8: () => set.v8(lookup),
    native: () => set.native(address, { context }),
    interpreted: () => set.interpreted(hook.program, Object.values(tables!)),
  };
  for (const [form, decide] of Object.entries(forms)) {
    rate.clear();
    dropped.clear();
    const start = performance.now();
    const decided = decide().ports;
    // A tick of the bucket is about a millisecond
    const most = 2 * (1000 + rate.ratePerSecond * (performance.now() - start + 2) / 1000);
    const passed = decided.filter((port) => port === LEARN).length;
    assert(passed >= 2000 && passed <= most, `${form}: ${passed}, at most ${most}`);
    const lost = [...dropped].reduce((sum, [, packets]) => sum + packets, 0);
    assert.equal(lost, decided.filter((port) => port === DROP).length);
    assert.equal(lost + passed, decided.length);
  }
});
