import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { getoptString } from "../../cli/notation.ts";
import { perform } from "../../cli/perform.ts";
import { valeCtlCommand } from "../../cli/vale_ctl.ts";
import { Netmap } from "../../mod.ts";
import { MemoryContext, type MemoryContextOptions } from "./memory_context.ts";
import { pattern, session, type Step } from "./vale_ctl_session.ts";
import { type Outcome, OwnDaemon, valet } from "./valet_process.ts";

type Run = (args: readonly string[]) => Promise<Outcome>;

function assertStep({ args, out, err, status }: Step, outcome: Outcome, seed: string): void {
  const line = `vale-ctl ${args.join(" ")}\n${outcome.out}${outcome.err}`;
  assert.equal(outcome.status, status, line);
  // Others may have ports in the kernel, too
  const lines = outcome.out.split("\n").slice(0, -1)
    .filter((text) => args.length > 0 || text.includes(seed));
  assert.equal(lines.length, out.length, line);
  lines.forEach((text, i) => assert.match(text, pattern(out[i]), line));
  const [first, ...more] = outcome.err.split("\n");
  assert.equal(first, err, line);
  if (status !== 0) assert.match(more.join("\n"), /^(Hint|Usage): /m, line);
}

async function runSession(run: Run, isKernel: boolean): Promise<void> {
  const seed = crypto.randomUUID().slice(0, 4);
  for (const step of session(seed, isKernel)) assertStep(step, await run(step.args), seed);
}

async function inMemory(
  args: readonly string[],
  options: MemoryContextOptions = {},
): Promise<Outcome> {
  const context = new MemoryContext({ program: "vale-ctl", instance: "vale-ctl", ...options });
  const status = await perform(valeCtlCommand, {}, [...args], context);
  return { status, out: context.stdout.text, err: context.stderr.text };
}

Deno.test("vale-ctl has netmap's options, and two of its own", () => {
  const sorted = (text: string): string => text.match(/\w:?/g)!.sort().join(" ");
  assert.equal(sorted(getoptString(valeCtlCommand)), sorted("d:a:h:g:l:n:r:C:p:P:m:vN:t:"));
});

Deno.test("embedded: vale-ctl prints what netmap's prints", async () => {
  const instance = "vale-ctl session";
  using _keeper = Netmap.open({ backend: "embedded", instance });
  await runSession((args) => inMemory(args, { instance }), false);
});

Deno.test("daemon: vale-ctl prints what netmap's prints, each line its own process", async () => {
  await using daemon = new OwnDaemon();
  const started = await valet(["vale-ctl"], { env: daemon.env });
  assert.equal(started.status, 0);
  assert.match(started.err, /^vale-ctl: started .*daemon.*\n$/);
  await runSession((args) => valet(["vale-ctl", ...args], { env: daemon.env }), false);
});

Deno.test({
  name: "kernel: vale-ctl prints what netmap's prints" +
    (existsSync("/dev/netmap") ? "" : " (skipped: this machine has no /dev/netmap)"),
  ignore: !existsSync("/dev/netmap"),
  fn: () => runSession((args) => inMemory(args, { backend: "kernel" }), true),
});

Deno.test("vale-ctl says that there is no netmap in the kernel, as netmap's does", async () => {
  if (existsSync("/dev/netmap")) return;
  const { status, out, err } = await valet(["vale-ctl"], { env: { VALET_BACKEND: "kernel" } });
  assert.equal(status, 1);
  assert.equal(out, "");
  assert.match(err, /^\/dev\/netmap: No such file or directory\nHint: .*modprobe netmap/);
});

Deno.test("vale-ctl answers a malformed command with the usage and status 2", async (t) => {
  const lines: Record<string, RegExp> = {
    "-x": /^vale-ctl: invalid option -- 'x'$/m,
    "-a": /^vale-ctl: option requires an argument -- 'a'$/m,
    "-l": /^vale-ctl: option requires an argument -- 'l'$/m,
    "-v": /^vale-ctl: There is nothing to do/m,
    "-C 256": /^vale-ctl: There is nothing to do/m,
    "-n vi0 extra": /^vale-ctl: Unexpected argument 'extra'$/m,
    "-n vi0 -C abc": /^vale-ctl: Cannot use "abc" with -C: "abc" is no number$/m,
    "-n vi0 -C 1,,x": /^vale-ctl: Cannot use "1,,x" with -C: "x" is no number$/m,
    "-n vi0 -m 1x": /^vale-ctl: Cannot use "1x" with -m: it is no number$/m,
    "-n vi0 -m vi1": /^vale-ctl: vi1: invalid request, prefix unknown or missing$/m,
    "-l eth0": /^vale-ctl: invalid vale port name: 'eth0'$/m,
    "-p vale0:e": /^vale-ctl: invalid null\/empty config: -p needs -C$/m,
    "-p vale0:e -C 0,0,1": /^vale-ctl: too many numbers in '0,0,1'$/m,
    "-p vale0:e -C 1,0,1,4": /^vale-ctl: too many numbers in '1,0,1,4'$/m,
    "-p vale0:e -C 1,0": /^vale-ctl: too few numbers in '1,0'$/m,
    "-a eth0": /^failed to attach eth0: Invalid argument$/m,
    "-d vale-1:a": /^failed to detach vale-1:a: Invalid argument$/m,
    "-a vale0:e -t carrier": /^vale-ctl: Cannot use 'carrier' with -t: expected af_xdp, /m,
    "-a vale0:e -t tap,socket=x": /^vale-ctl: Cannot use 'tap,socket=x' with -t/m,
    "-a vale0:e -t stream": /^vale-ctl: Cannot use 'stream' with -t: .*stream,socket=PATH/m,
    "-a vale0:e -t stream,socket=a,peer=b": /^vale-ctl: Cannot use 'stream,socket=a,peer=b' with/m,
    "-a vale0:e -t dgram,peer=a": /^vale-ctl: Cannot use 'dgram,peer=a' with -t/m,
    "-a vale0:e -t dgram,socket=":
      /^vale-ctl: There is no path behind 'socket=' in 'dgram,socket='$/m,
    "-a vale0:e -t stream,peer=a,peer=b":
      /^vale-ctl: There are two of peer in 'stream,peer=a,peer=b'$/m,
    "-h vale0:e -t dgram,socket=a": /^vale-ctl: A socket has no host's side/m,
    "-a vale0:e -N red -t dgram,socket=a": /^vale-ctl: A socket has no host's side/m,
    "-n vi0 -C 1,1,70000": /^failed to create vi0: Invalid argument$/m,
    "-n vi0 -m 70000": /^failed to create vi0: Invalid argument$/m,
  };
  for (const [line, message] of Object.entries(lines)) {
    await t.step(line, async () => {
      const { status, out, err } = await inMemory(line.split(" "));
      assert.equal(status, 2, err);
      assert.equal(out, "");
      assert.match(err, message);
      assert.match(err, /^Usage: vale-ctl /m);
    });
  }
});

Deno.test("vale-ctl does not start the daemon for a malformed command", async () => {
  await using daemon = new OwnDaemon();
  for (const line of ["-n vi0 -C x", "-a eth0", "-x"]) {
    const { status } = await valet(["vale-ctl", ...line.split(" ")], { env: daemon.env });
    assert.equal(status, 2);
  }
  assert.deepEqual([...Deno.readDirSync(daemon.folder)], []);
});

Deno.test("vale-ctl attaches a virtual machine's socket, whatever commas its path has", async () => {
  const instance = "vale-ctl sockets";
  using netmap = Netmap.open({ backend: "embedded", instance });
  const folder = await Deno.makeTempDir({ prefix: "valet, sockets " });
  try {
    const path = `${folder}/vm,1.sock`;
    const run = (...args: string[]): Promise<Outcome> => inMemory(args, { instance });
    const attached = await run("-a", "vale0:vm1", "-t", `stream,socket=${path}`, "-v");
    assert.deepEqual(attached, { status: 0, out: "port_index: 0\ndevice:     stream\n", err: "" });
    assert.ok(existsSync(path));
    const again = await run("-a", "vale0:vm2", "-t", `stream,socket=${path}`);
    assert.equal(again.status, 1);
    assert.match(again.err, /^failed to attach vale0:vm2: Address already in use\nHint: Another/);
    assert.equal(
      (await run("-a", "vale0:d", "-t", `dgram,peer=${path},socket=${path}2`)).status,
      0,
    );
    assert.equal(netmap.bridge("vale0").counters()["d"].device, "dgram");
    for (const name of ["vm1", "d"]) assert.equal((await run("-d", `vale0:${name}`)).status, 0);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("vale-ctl --help shows the options on standard output", async () => {
  const { status, out, err } = await inMemory(["--help"]);
  assert.equal(status, 0);
  assert.equal(err, "");
  for (const { flags } of valeCtlCommand.options ?? []) assert.ok(out.includes(flags.slice(0, 2)));
});

Deno.test("vale-ctl tells in the shell's words what helps", async () => {
  const instance = "vale-ctl hints";
  using netmap = Netmap.open({ backend: "embedded", instance });
  const hint = async (line: string): Promise<string> => {
    const { err } = await inMemory(line.split(" "), { instance });
    return err.split("\n")[1];
  };
  assert.match(await hint("-a vale0:vi0"), /"vale-ctl -n vi0" makes one/);
  netmap.createInterface("vi0", { slots: 16 });
  assert.match(await hint("-n vi0"), /"vale-ctl -r vi0" removes it/);
  netmap.bridge("vale0").attach("vi0");
  assert.match(await hint("-r vi0"), /"vale-ctl -d vale0:vi0" detaches it/);
  assert.match(
    await hint("-p vale0:vi0 -C 0,0"),
    /Only network interfaces of the system can be polled/,
  );
  assert.match(await hint("-d vale0:vi1"), /There is no such port: "vale-ctl" lists/);
  using _port = netmap.open("vale0:eph", { slots: 16 });
  assert.match(await hint("-d vale0:eph"), /leaves with that program/);
});
