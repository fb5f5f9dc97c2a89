/** `valet hook` on bridges of netmap's kernel module. Needs valet's lookup module (c/module), loaded. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { hookCommand } from "../../cli/hook.ts";
import { perform } from "../../cli/perform.ts";
import { Netmap } from "../../mod.ts";
import { clang, clangProblem } from "../hook/object_file.ts";
import { frame, tags } from "../contract/frames.ts";
import { MemoryContext } from "./memory_context.ts";

const isLoaded = existsSync("/dev/netmap") && existsSync("/sys/module/valet_lookup");
const skipped = isLoaded ? "" : " (skipped: the kernel module valet_lookup is not loaded)";

async function hook(
  name: string,
  args: string[],
  options: Record<string, unknown> = {},
): Promise<{ status: number; out: string; err: string }> {
  const command = hookCommand.commands!.find((each) => each.name === name)!;
  const context = new MemoryContext({ backend: "kernel" });
  const status = await perform(command, options, args, context);
  return { status, out: context.stdout.text, err: context.stderr.text };
}

Deno.test({
  name: `kernel: hooks are loaded, listed, told about and unloaded${skipped}`,
  ignore: !isLoaded,
  fn: async () => {
    const bridge = `valehk${Deno.pid % 10000}`;
    using netmap = Netmap.open({ backend: "kernel" });
    const [a, b, c] = ["a", "b", "c"].map((name) =>
      netmap.open(`${bridge}:${name}`, { slots: 16 })
    );
    // Opened once, it has no bridge any more when ports are listed (D1), until the machine starts again
    netmap.createInterface(`hk${Deno.pid % 10000}`, { slots: 16 });
    netmap.bridge(bridge).attach(`hk${Deno.pid % 10000}`);
    netmap.open(`${bridge}:hk${Deno.pid % 10000}`).close();
    const none = await hook("stats", [bridge]);
    assert.equal(none.status, 1);
    assert.match(none.err, /none is loaded/);

    const folder = Deno.makeTempDirSync({ prefix: "valet_hook_" });
    try {
      const file = `${folder}/second.ts`;
      Deno.writeTextFileSync(file, "export default function second() { return 2; }\n");
      const loaded = await hook("load", [bridge, file]);
      assert.equal(loaded.out, `${file} decides on "${bridge}"\n`, loaded.err);
      a.sendMany([frame({ tag: 1 }), frame({ tag: 2 })]);
      assert.deepEqual([tags(b), tags(c)], [[], [1, 2]]);
      const listed = await hook("list", []);
      const line = new RegExp(`^${bridge} +eBPF +active +2 +0 +.*second`, "m");
      assert.match(listed.out, line, listed.err);
      const stats = await hook("stats", [bridge]);
      assert.match(stats.out, /^packets +2$/m);
      assert.match(stats.out, /"unicast":2/);
      assert.doesNotMatch(stats.out, /^since/m);

      if (clangProblem === undefined) {
        const object = `${folder}/first.o`;
        Deno.writeFileSync(object, clang('SEC("xdp") int first(struct xdp_md *c) { return 1; }'));
        const replaced = await hook("load", [bridge, object]);
        assert.equal(replaced.out, `${object} decides on "${bridge}", in place of second\n`);
        a.send(frame({ tag: 3 }));
        assert.deepEqual([tags(b), tags(c)], [[3], []]);
      }
      const refused = await hook("load", [bridge, file.replace(".ts", ".c")]);
      assert.match(refused.err, /there is no such file/);

      assert.match(
        (await hook("unload", [bridge])).out,
        /is unloaded: it was asked about [23] packets\n/,
      );
      a.send(frame({ tag: 4 }));
      assert.deepEqual([tags(b), tags(c)], [[4], [4]]);
      assert.equal((await hook("unload", [bridge])).status, 1);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});
