/** Each script of scripts/ runs as it is, says what it has done, and ends by itself. */

import assert from "node:assert/strict";
import { Netmap, readCapture } from "../../mod.ts";
import { runScript } from "./run_script.ts";

/** The lines of a script that has to succeed. */
async function lines(name: string, args?: string[], permissions?: string[]): Promise<string[]> {
  const { code, text, errors } = await runScript(name, args, permissions);
  assert.equal(errors, "");
  assert.equal(code, 0);
  return text.trimEnd().split("\n");
}

Deno.test("learning_bridge.ts floods what it does not know and sends what it has learned to one port", async () => {
  const said = await lines("learning_bridge.ts");
  assert.deepEqual(said.filter((line) => line.includes("received by")).map((line) => line.trim()), [
    "received by vi1 and vi2",
    "received by vi0",
    "received by vi1",
    "received by vi0 and vi1",
    "received by vi2",
  ]);
  assert.equal(said.filter((line) => line.includes("learned")).length, 3);
  assert.equal(said.at(-1), "The table has 3 stations.");
});

Deno.test("generate_and_sink.ts accounts for each packet that its Worker has sent", async () => {
  const said = await lines("generate_and_sink.ts", ["300000"], ["--allow-read"]);
  const [sent, received, lost] = said.map((line) => Number(line.split(/\s+/)[1]));
  assert.equal(sent, 300_000);
  assert.ok(received > 0);
  assert.equal(received + lost, sent);
});

Deno.test("capture.ts writes pcapng to a file or a pipe", async () => {
  const { code, stdout, errors } = await runScript("capture.ts");
  assert.equal(errors, "");
  assert.equal(code, 0);
  const capture = readCapture(stdout);
  assert.equal(capture.format, "pcapng");
  const packets = [...capture];
  // netmap's module calls no TypeScript, so there it floods only the first packet
  using netmap = Netmap.open();
  assert.equal(packets.length, netmap.backend === "kernel" ? 1 : 20);
  packets.forEach((packet, i) => {
    const [to, kind] = i % 2 === 0 ? ["10.0.0.2", "request"] : ["10.0.0.1", "reply"];
    assert.match(`${packet}`, new RegExp(`> ${to}: ICMP echo ${kind}, id 1, seq ${(i >> 1) + 1},`));
  });
  const ageSeconds = Date.now() / 1000 - packets[0].seconds;
  assert.ok(ageSeconds >= 0 && ageSeconds < 600, `captured ${ageSeconds} s ago`);
});

Deno.test("pipe_ping_pong.ts times each round trip, looking and waiting", async () => {
  const said = await lines("pipe_ping_pong.ts", ["2000"]);
  const times = said.filter((line) => line.includes("p99"));
  assert.equal(times.length, 2);
  assert.match(times[0], /^looking {2}n 2000, min \d/);
  assert.match(times[1], /^waiting {2}n 2000, min \d/);
});

Deno.test("nf_chain.ts loses what the firewall stops and nothing else", async () => {
  const [counts, last] = await lines("nf_chain.ts");
  assert.equal(
    counts,
    "sent 200000 packets, 150000 packets, 9000000 bytes passed the meter, 150000 arrived",
  );
  assert.equal(last, "the last: IP 10.0.0.1.1234 > 10.1.0.1.22: UDP, length 0, ttl 63");
});

Deno.test("persistent_packets.ts finds all packets of a process that was killed", async () => {
  const permissions = ["--allow-run", "--allow-read", "--allow-write"];
  const [killed, all, order, first] = await lines("persistent_packets.ts", [], permissions);
  assert.equal(killed, "killed after it had reported enough packets");
  assert.equal(all, "all of them are in the file");
  assert.equal(order, "in order: true, damaged: 0");
  assert.match(first, /^the first: IP 10\.0\.0\.1\.1 > 10\.0\.0\.2\.0: UDP/);
});

Deno.test("hooks/ipv4_next_port.ts sends IPv4 to the next port and the rest to all", async () => {
  assert.deepEqual(await lines("hooks/ipv4_next_port.ts"), [
    "vale0:vi1: IP 10.0.0.1.1234 > 10.0.0.2.1234: UDP, length 0",
    "vale0:vi1: ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 46",
    "vale0:vi2: ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 46",
    "vi2 had no next port 1 times",
  ]);
});

Deno.test("hooks/static_routes.ts follows its table, also when it is changed", async () => {
  // vi1 sends to all, vi0 where the table says, vi2 nowhere
  assert.deepEqual(await lines("hooks/static_routes.ts"), ["0 to 2: 1 0 2", "0 to 1: 1 1 1"]);
});

Deno.test("every script in scripts/ has a test here, in tutorial_test.ts, tunnels_test.ts or bundled_test.ts", async () => {
  const scripts: string[] = [];
  for (const folder of ["", "hooks/"]) {
    for (const entry of Deno.readDirSync(new URL(`../../scripts/${folder}`, import.meta.url))) {
      if (entry.isFile) scripts.push(folder + entry.name);
    }
  }
  const tests = await Promise.all(
    ["scripts_test.ts", "tutorial_test.ts", "tunnels_test.ts", "../hook/bundled_test.ts"].map((
      file,
    ) => Deno.readTextFile(new URL(file, import.meta.url))),
  );
  const untested = scripts.filter((script) => {
    const name = script.replace("hooks/", "");
    return !tests.some((text) =>
      text.includes(`"${script}"`) || text.includes(`/${name}"`) || text.includes(`"${name}"`)
    );
  });
  assert.deepEqual(untested, []);
});
