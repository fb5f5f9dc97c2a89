/** The main job: the demo's counts, what it says about bad input, and that it notices a count that is off. */

import assert from "node:assert/strict";
import { Netmap, type ProtocolCounts, writeCapture } from "../../mod.ts";
import { loadCapture } from "../../scripts/tutorial/capture.ts";
import { ipv4ToNextPort } from "../../scripts/tutorial/expect.ts";
import { replay } from "../../scripts/tutorial/replay.ts";
import { deno, type Finished, runScript } from "./run_script.ts";

const CAPTURE = new URL("../data/tutorial.pcap", import.meta.url).pathname;

/** What `--json` prints, as far as it is looked at here. */
interface Result {
  ok: boolean;
  backend: string;
  error?: string;
  faults: string[];
  capture: ProtocolCounts & { skipped: number; notes: string[] };
  steps: {
    name: string;
    ok: boolean;
    skipped?: string;
    received: Record<string, number>;
    expected: Record<string, number>;
    protocols: Record<string, ProtocolCounts>;
  }[];
  rates: Record<string, { packets: number; received: number; packetsPerSecond: number }>;
}

async function tutorial(...args: string[]): Promise<Finished> {
  return await runScript("tutorial.ts", ["--seconds", "0.02", ...args], ["--allow-read"]);
}

/** The one JSON object on stdout. */
function resultOf({ text }: Finished): Result {
  assert.match(text, /^\{[^\n]*\}\n$/);
  return JSON.parse(text);
}

/** Writes a capture for the time of a test. */
async function withFile<T>(bytes: Uint8Array, use: (file: string) => Promise<T>): Promise<T> {
  const file = await Deno.makeTempFile({ suffix: ".pcap" });
  try {
    await Deno.writeFile(file, bytes);
    return await use(file);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("the demo switches the capture as it has to on valet's engine", async () => {
  const finished = await tutorial("--json", "--backend", "embedded");
  assert.equal(finished.errors, "");
  const { ok, backend, capture, steps, rates, faults } = resultOf(finished);
  assert.deepEqual([ok, backend, faults, finished.code], [true, "embedded", [], 0]);
  assert.deepEqual([capture.packets, capture.ipv4, capture.skipped], [378, 286, 0]);

  const received = Object.fromEntries(steps.map((step) => [step.name, step.received]));
  assert.deepEqual(received, {
    "learning": { vi0: 185, vi1: 188, vi2: 35 },
    "lookup": { vi0: 0, vi1: 378, vi2: 92 },
    "learning again": { vi0: 185, vi1: 188, vi2: 23 },
  });
  for (const step of steps) assert.deepEqual(step.received, step.expected);
  assert.equal(steps[0].protocols.vi2.ipv4, 12); // syslog to carol, who has not spoken yet
  assert.equal(steps[1].protocols.vi2.ipv4, 0);
  assert.equal(steps[1].protocols.vi1.ipv4, 286);

  const names = ["learning_60", "learning_1514", "lookup_60", "lookup_batch_60"];
  assert.deepEqual(Object.keys(rates), names);
  for (const rate of Object.values(rates)) {
    assert.equal(rate.received, rate.packets);
    assert.ok(rate.packetsPerSecond > 1000);
  }
});

Deno.test("the demo's counts are right on the backend that this machine has", async () => {
  const finished = await tutorial("--json");
  const { ok, backend, steps } = resultOf(finished);
  assert.equal(finished.errors, "");
  assert.ok(ok);
  // netmap's module calls no TypeScript, and the demo says so
  const skipped = steps.filter((step) => step.skipped !== undefined).map((step) => step.name);
  assert.deepEqual(skipped, backend === "kernel" ? ["lookup"] : []);
});

Deno.test("the demo task prints one JSON object, and tables for people without colours in a pipe", async () => {
  const json = await deno("task", "demo", "--json", "--seconds", "0.02");
  assert.ok(resultOf(json).ok, json.errors);
  const { code, text, errors } = await tutorial("--backend", "embedded");
  assert.deepEqual([code, errors], [0, ""]);
  assert.ok(!text.includes("\x1b") && !text.includes("WRONG"));
  assert.match(text, /^embedded: /m);
  assert.match(text, /^ {3}vi2 +0 +92 +92 {2}ok +10 +0 +82$/m);
  assert.match(text, /^Every port received what it had to/m);
});

Deno.test("the demo leaves nothing behind", async () => {
  // Twice in one process: what the first leaves would be in the way of the second
  const main = new URL("../../scripts/tutorial.ts", import.meta.url).href;
  const code = `const { exit } = Deno; let codes = "";
    Deno.exit = (code) => { codes += code; throw 0; };
    for (const i of [1, 2]) try { await import(["${main}", i].join("?")); } catch (e) { if (e !== 0) throw e; }
    const { Netmap } = await import("${new URL("../../mod.ts", import.meta.url).href}");
    console.error(codes, Netmap.open().ports().length);
    exit();`;
  const { errors } = await deno("eval", code, "--json", "--seconds", "0.01");
  assert.equal(errors, "00 0\n");
});

Deno.test("replay() names the port and the protocol when a count is off", () => {
  using netmap = Netmap.open({ backend: "embedded", instance: "count off" });
  using vi0 = netmap.open("vale0:vi0"), vi1 = netmap.open("vale0:vi1");
  using vi2 = netmap.open("vale0:vi2");
  using bridge = netmap.bridge("vale0");
  const { frames } = loadCapture(CAPTURE);
  bridge.lookup = () => 1;
  const expected = ipv4ToNextPort(frames, 3);
  const { faults } = replay([vi0, vi1, vi2], frames, () => 0, expected, () => {});
  assert.ok(faults.includes("vi2 received 0 packets, expected 92"), faults.join("\n"));
  assert.ok(faults.includes("vi2 received 0 ARP packets, expected 10"), faults.join("\n"));
  assert.ok(!faults.some((fault) => fault.startsWith("vi1")), faults.join("\n"));
});

Deno.test("replay() notices packets in another order, though all counts are right", () => {
  using netmap = Netmap.open({ backend: "embedded", instance: "order off" });
  using vi0 = netmap.open("vale0:vi0"), vi1 = netmap.open("vale0:vi1");
  using bridge = netmap.bridge("vale0");
  bridge.lookup = () => 1;
  const { frames } = loadCapture(CAPTURE);
  const order = frames.map((_, i) => i);
  [order[100], order[101]] = [order[101], order[100]];
  const expected = { received: [[], order], dropped: [0, 0] };
  const { faults } = replay([vi0, vi1], frames, () => 0, expected, () => {});
  assert.equal(faults.length, 1);
  assert.match(faults[0], /^vi1: packet 101 is not number 102 of the capture, but "/);
});

Deno.test("the demo takes any capture: many stations, long, short, cut and odd frames", async () => {
  const records = oddRecords(3000);
  for (const format of ["pcap", "pcapng"] as const) {
    await withFile(writeCapture(records, { format }), async (file) => {
      const finished = await tutorial("--json", "--pcap", file);
      const { ok, faults, capture, steps } = resultOf(finished);
      assert.deepEqual([ok, faults, finished.code], [true, [], 0]);
      const isFit = ({ data }: { data: Uint8Array }): boolean =>
        data.length >= 14 && data.length <= 64 * 2112;
      assert.equal(capture.packets, records.filter(isFit).length);
      assert.equal(capture.packets + capture.skipped, records.length);
      assert.match(capture.notes.join("\n"), /left out: no whole Ethernet header/);
      assert.match(capture.notes.join("\n"), /left out: longer than 135168 bytes/);
      assert.match(capture.notes.join("\n"), /replayed cut off/);
      assert.ok(steps[0].received.vi2 > 0);
    });
  }
});

Deno.test("the demo replays what comes before the damage of a file, and says so", async () => {
  const whole = Deno.readFileSync(CAPTURE);
  await withFile(whole.subarray(0, whole.length - 10), async (file) => {
    const { ok, capture } = resultOf(await tutorial("--json", "--pcap", file));
    assert.ok(ok);
    assert.equal(capture.packets, 377);
    assert.match(capture.notes[0], /^The file is damaged: /);
  });
});

Deno.test("the demo refuses what is no capture, with the reason and status 1", async () => {
  const ip = writeCapture([{ data: new Uint8Array(60) }], { linkType: 101 });
  const cases: [string, Uint8Array | undefined, RegExp][] = [
    ["missing", undefined, /^Cannot read .*: there is no such file$/m],
    ["empty", new Uint8Array(), /^Cannot read .*: the file is empty$/m],
    [
      "garbage",
      crypto.getRandomValues(new Uint8Array(1000)).fill(7, 0, 4),
      /neither pcap nor pcapng/,
    ],
    ["no packets", writeCapture([]), /it has no Ethernet frames/],
    ["no Ethernet", ip, /it has no Ethernet frames\n1 packet left out: not captured on Ethernet/],
  ];
  for (const [what, bytes, message] of cases) {
    const check = async (file: string): Promise<void> => {
      for (const args of [["--pcap", file], ["--json", "--pcap", file]]) {
        const finished = await tutorial(...args);
        assert.equal(finished.code, 1, what);
        assert.match(finished.errors, message, what);
        assert.doesNotMatch(finished.errors, /\n +at /, `${what}: a stack trace`);
        if (args[0] !== "--json") continue;
        const { ok, error } = resultOf(finished);
        assert.equal(ok, false);
        assert.match(error ?? "", message);
      }
    };
    if (bytes === undefined) await check("/nowhere/at/all.pcap");
    else await withFile(bytes, check);
  }
});

Deno.test("the demo explains its options, and refuses unknown ones with status 2", async () => {
  const help = await tutorial("--help");
  assert.equal(help.code, 0);
  assert.match(help.text, /^Usage: deno task demo/);
  for (const args of [["--nonsense"], ["--backend", "moon"], ["--seconds", "-1"], ["--pcap"]]) {
    const { code, text, errors } = await tutorial(...args);
    assert.deepEqual([code, text], [2, ""], args.join(" "));
    assert.match(errors, /Usage: deno task demo/);
  }
});

/** Frames that a generator of nice traffic would not make; the same in each run. */
function oddRecords(count: number): { data: Uint8Array; originalLength: number }[] {
  let state = 12345;
  const random = (below: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  // Nobody, and two that share a bucket of netmap's table
  const stations = [[0, 0, 0, 0, 0, 0], [2, 0, 0, 0, 3, 0x1b], [2, 0, 0, 0, 1, 0]];
  for (let i = 0; i < 60; i++) {
    stations.push([2, ...Array.from({ length: 5 }, () => random(256))]);
  }
  const lengths = [14, 15, 60, 64, 1514, 2112, 2113, 9000, 60000, 135168, 135169, 13, 0];
  const types = [[8, 0], [8, 6], [0x86, 0xdd], [0x81, 0], [0x88, 0xcc]];
  return Array.from({ length: count }, (_, i) => {
    const length = lengths[i < lengths.length ? i : random(i % 50 === 0 ? lengths.length : 7)];
    const data = new Uint8Array(length).map(() => random(256));
    const source = random(50) === 0
      ? [3, 0, 0, 0, 0, 1]
      : stations[random(3) === 0 ? random(63) : 20];
    const destination = random(10) === 0 ? Array(6).fill(255) : stations[random(63)];
    data.set([...destination, ...source, ...types[random(5)]].slice(0, length));
    return { data, originalLength: length + (random(20) === 0 ? 10 : 0) };
  });
}
