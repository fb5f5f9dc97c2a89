// passt on the switch, as docs/vms.md has it: a way out through a host's own sockets, without root.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Host, ip, run, testNet, until } from "./scene.ts";

const SCRIPT = fileURLToPath(new URL("http.ts", import.meta.url));

/** Addresses behind passt. */
const GUEST = "10.77.0.2", GATEWAY = "10.77.0.1";

function whyNoPasst(): string | undefined {
  for (const name of ["passt", "busybox"]) {
    if (run(["sh", "-c", `command -v ${name} || true`]) === "") {
      return `there is no ${name} (Debian: ${name})`;
    }
  }
  return undefined;
}

function deno(...args: string[]): string[] {
  return [Deno.execPath(), "run", "-q", "--no-config", "--allow-net", SCRIPT, ...args];
}

function start(host: Host, ...command: string[]): Deno.ChildProcess {
  const [program, ...args] = host.command(...command);
  return new Deno.Command(program, { args, stdout: "piped", stderr: "null" }).spawn();
}

async function end(child: Deno.ChildProcess): Promise<void> {
  child.kill("SIGTERM");
  await child.status;
  await child.stdout.cancel().catch(() => {});
}

testNet(
  "passt leads from a bridge to a host's network: DHCP, ping and TCP, also after the port was gone",
  async (scene) => {
    const [host, guest] = [scene.host(), scene.host()];
    scene.attach(guest);
    const folder = await Deno.makeTempDir({ prefix: "valet-passt-" });
    // As root it becomes nobody before it makes its socket
    await Deno.chmod(folder, 0o777);
    const socket = `${folder}/uplink`;
    host.run("sh", "-c", "echo 0 65535 > /proc/sys/net/ipv4/ping_group_range");
    const addresses = ["-a", GUEST, "-n", "24", "-g", GATEWAY, "-D", "none"];
    const passt = start(host, "passt", "-f", "-q", "-i", "eth0", ...addresses, "--socket", socket);
    // Fits the guest's ring: passt of 2023 does not get over frames that are lost at its end
    const server = start(host, ...deno("serve", host.ip4, "0.5"));
    try {
      const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const served = ((await reader.read()).value ?? "").trim();
      reader.releaseLock();
      assert.match(served, /^[0-9a-f]{64}$/);
      scene.bridge.attach("uplink", { device: "stream", peer: socket });
      ip("-n", guest.namespace, "addr", "flush", "dev", "eth0");
      const dhcp = ["busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-s", "/bin/true"];
      await until("there is a lease", () => {
        const text = run(["sh", "-c", `${guest.command(...dhcp).join(" ")} 2>&1`], false);
        return text.includes(`lease of ${GUEST} obtained from ${GATEWAY}`);
      });
      ip("-n", guest.namespace, "addr", "add", `${GUEST}/24`, "dev", "eth0");
      ip("-n", guest.namespace, "route", "add", "default", "via", GATEWAY);
      for (const round of ["at first", "again"]) {
        await until(`${round}: it is reached`, () => guest.reaches(host.ip4));
        assert.equal(guest.run(...deno("fetch", host.ip4, "1")), `${served}\n`, round);
        if (round === "again") break;
        scene.bridge.detach("uplink");
        assert.ok(!guest.reaches(host.ip4));
        scene.bridge.attach("uplink", { device: "stream", peer: socket });
      }
    } finally {
      for (const child of [passt, server]) await end(child);
      await Deno.remove(folder, { recursive: true });
    }
  },
  whyNoPasst,
);
