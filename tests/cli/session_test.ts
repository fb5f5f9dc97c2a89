/**
 * The session of the README, each line a process of its own: two interfaces on a switch, pkt-gen on both, a
 * third port that sees what is flooded, a lookup loaded and unloaded, and nothing left behind.
 */

import assert from "node:assert/strict";
import { DaemonScene, type Running, until } from "./daemon_scene.ts";

const LOOKUP = `
import { BROADCAST, type LookupPacket } from "${new URL("../../mod.ts", import.meta.url).href}";
export default (packet: LookupPacket): number => packet.isIpv4 ? packet.port + 1 : BROADCAST;
`;

const PACKETS = 300;
const ARPS = 10;

/** What the summary of pkt-gen says. */
function counted(text: string): number {
  if (/^(Sent|Received) nothing\.$/m.test(text)) return 0;
  const match = /^(?:Sent|Received) (\d+) packets/m.exec(text);
  assert.ok(match, `No summary in: ${text}`);
  return Number(match[1]);
}

/** Starts `pkt-gen -f rx`, which ends with so many packets, and waits until the switch has it. */
async function receiver(scene: DaemonScene, port: string, packets: number): Promise<Running> {
  const running = scene.spawn("pkt-gen", "-i", port, "-f", "rx", "-n", `${packets}`);
  await until(`${port} is open`, async () => {
    const { ports } = await scene.json<{ ports: { name: string; opens: number }[] }>("ports");
    return ports.some(({ name, opens }) => name === port && opens > 0);
  });
  return running;
}

/** Packets that a port has received, whoever has taken them since. */
async function received(scene: DaemonScene): Promise<Record<string, number>> {
  const { ports } = await scene.json<{ ports: { name: string; rxPackets: number }[] }>("stats");
  return Object.fromEntries(ports.map(({ name, rxPackets }) => [name, rxPackets]));
}

async function end(running: Running): Promise<number> {
  const { code, stdout, stderr } = await running.finish();
  assert.equal(code, 0, stderr);
  return counted(stdout);
}

Deno.test("the session: vale-ctl, pkt-gen and a lookup, each line its own process", async () => {
  await using scene = new DaemonScene();
  await scene.ok("vale-ctl", "-n", "vi0");
  await scene.ok("vale-ctl", "-a", "vale0:vi0");
  await scene.ok("vale-ctl", "-n", "vi1");
  await scene.ok("vale-ctl", "-a", "vale0:vi1");
  assert.equal(
    await scene.ok("vale-ctl"),
    "vale0:vi0 bridge_idx 0 port_idx 0\nvale0:vi1 bridge_idx 0 port_idx 1\n",
  );
  // A third one, which sees all that is flooded
  await scene.ok("vale-ctl", "-n", "vi2");
  await scene.ok("vale-ctl", "-a", "vale0:vi2");

  const rx1 = await receiver(scene, "vale0:vi1", 3 * PACKETS + ARPS);
  const rx2 = await receiver(scene, "vale0:vi2", 2 * PACKETS + ARPS);
  const send = async (...more: string[]): Promise<number> =>
    counted(
      await scene.ok(
        ...["pkt-gen", "-i", "vale0:vi0", "-f", "tx", "-n", `${PACKETS}`, "-R", "20000"],
        ...more,
      ),
    );
  assert.equal(await send(), PACKETS);
  assert.deepEqual(await received(scene), {
    "vale0:vi0": 0,
    "vale0:vi1": PACKETS,
    "vale0:vi2": PACKETS,
  });

  Deno.writeTextFileSync(scene.path("ipv4.ts"), LOOKUP);
  await scene.ok("hook", "load", "vale0", "ipv4.ts");
  assert.equal(await send(), PACKETS);
  assert.deepEqual(await received(scene), {
    "vale0:vi0": 0,
    "vale0:vi1": 2 * PACKETS,
    "vale0:vi2": PACKETS,
  });
  // ARP still floods
  await scene.script("send_frames.ts", ...[
    "vale0:arp",
    "10",
    "02:00:00:00:00:09",
    "ff:ff:ff:ff:ff:ff",
    "60",
    "arp",
  ]);
  const withArp = await received(scene);
  assert.deepEqual([withArp["vale0:vi1"], withArp["vale0:vi2"]], [
    2 * PACKETS + ARPS,
    PACKETS + ARPS,
  ]);
  await scene.ok("hook", "unload", "vale0");
  // Unloaded: the switch floods again, and both have what they wait for
  assert.equal(await send(), PACKETS);
  assert.deepEqual([await end(rx1), await end(rx2)], [3 * PACKETS + ARPS, 2 * PACKETS + ARPS]);

  for (const name of ["vi0", "vi1", "vi2"]) {
    await scene.ok("vale-ctl", "-d", `vale0:${name}`);
    await scene.ok("vale-ctl", "-r", name);
  }
  assert.equal(await scene.ok("vale-ctl"), "");
  const { ports, persistent, engines, hooks } = await scene.json("daemon", "status");
  assert.deepEqual({ ports, persistent, engines, hooks }, {
    ports: 0,
    persistent: 0,
    engines: 0,
    hooks: 0,
  });
});
