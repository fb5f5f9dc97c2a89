// scripts/tunnels.sh: switches of two hosts, which are namespaces, joined by Linux's VXLAN and GENEVE devices.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../../scripts/tunnels.sh", import.meta.url));

async function run(command: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    env: { DENO: Deno.execPath(), NO_COLOR: "1", INIT_CWD: "" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Why there can be no such tunnel here; undefined if there can. */
async function whyNot(kind: string): Promise<string | undefined> {
  if (Deno.uid() !== 0) return "only root can make network namespaces";
  const namespace = `vt-probe-${crypto.randomUUID().slice(0, 4)}`;
  try {
    const made = await run("ip", "netns", "add", namespace);
    if (made.code !== 0) return made.text.trim();
    const remote = kind === "vxlan" ? ["dstport", "4789"] : ["remote", "10.9.0.2"];
    const line = ["-n", namespace, "link", "add", "tun0", "type", kind, "id", "42", ...remote];
    const { code, text } = await run("ip", ...line);
    await run("ip", "netns", "delete", namespace);
    return code === 0 ? undefined : `no ${kind}: ${text.trim()}`;
  } catch {
    return "there is no ip (iproute2)";
  }
}

const KINDS = ["vxlan", "geneve"] as const;
const reasons = { vxlan: await whyNot("vxlan"), geneve: await whyNot("geneve") };
/** What the script takes by itself. */
const first = KINDS.find((kind) => reasons[kind] === undefined);
/** What it cannot take here. */
const lacking = KINDS.find((kind) => reasons[kind]?.startsWith("no "));

for (const kind of KINDS) {
  const why = reasons[kind];
  Deno.test({
    name: `tunnels.sh: pings cross two switches and a ${kind} tunnel, up to the MTU${
      why === undefined ? "" : ` (skipped: ${why})`
    }`,
    ignore: why !== undefined,
    fn: async () => {
      const { code, text } = await run("sh", SCRIPT, ...kind === first ? [] : [kind]);
      assert.equal(code, 0, text);
      assert.match(text, new RegExp(`^${kind} between 10\\.9\\.0\\.1 and 10\\.9\\.0\\.2`, "m"));
      assert.equal(
        text.match(/3 packets transmitted, 3 received, 0% packet loss/g)?.length,
        2,
        text,
      );
      assert.match(text, /1430 bytes from 192\.168\.50\.2/);
      assert.match(text, /[Mm]essage too long/);
      assert.match(text, /^[0-9a-f:]{17} +tun0$/m);
      assert.match(text, /^[0-9a-f:]{17} +p0$/m);
      const { text: left } = await run("ip", "netns", "list");
      assert.doesNotMatch(left, /^vt\d+-(host|guest)/m);
    },
  });
}

Deno.test({
  name: `tunnels.sh says what the kernel has not${
    lacking === undefined ? ` (skipped: ${reasons.vxlan ?? "this one has all"})` : ""
  }`,
  ignore: lacking === undefined,
  fn: async () => {
    const { code, text } = await run("sh", SCRIPT, lacking!);
    assert.equal(code, 1);
    assert.match(text, new RegExp(`^This kernel has no ${lacking} devices`));
    assert.doesNotMatch((await run("ip", "netns", "list")).text, /^vt\d+-probe/m);
  },
});

Deno.test("tunnels.sh refuses other tunnels", async () => {
  const { code, text } = await run("sh", SCRIPT, "carrier-pigeon");
  assert.equal(code, 2);
  assert.match(text, /^usage: .*tunnels\.sh \[vxlan\|geneve\]$/m);
});
