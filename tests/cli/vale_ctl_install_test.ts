import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Outcome, runCommand } from "./valet_process.ts";

const INSTALL = fileURLToPath(new URL("../../cli/install.ts", import.meta.url));
const PROGRAMS = ["pkt-gen", "vale-bridge", "vale-ctl", "vale-lb", "valet"];

function install(args: string[], env: Record<string, string> = {}): Promise<Outcome> {
  return runCommand(Deno.execPath(), ["run", "-q", "--no-prompt", "-A", INSTALL, ...args], { env });
}

/** A folder with a name that shells take apart, gone with the test. */
class Folder implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "valet's $HOME-" });

  names(): string[] {
    return [...Deno.readDirSync(this.path)].map(({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

Deno.test("install: programs run from any directory, with a broken deno on the PATH", async () => {
  using folder = new Folder();
  using broken = new Folder();
  Deno.writeTextFileSync(`${broken.path}/deno`, "#!/bin/sh\nexit 99\n", { mode: 0o755 });
  const { status, out, err } = await install(["--to", `${folder.path}/bin`]);
  assert.equal(status, 0, err);
  assert.equal(
    out,
    ["valet", "vale-ctl", "pkt-gen", "vale-bridge", "vale-lb"]
      .map((name) => `Installed ${folder.path}/bin/${name}\n`).join(""),
  );
  assert.match(err, /^Hint: .* is not on the PATH: export PATH=/);

  const env = { PATH: `${broken.path}:/usr/bin:/bin`, VALET_BACKEND: "embedded" };
  const run = (name: string, ...args: string[]): Promise<Outcome> =>
    runCommand(`${folder.path}/bin/${name}`, args, { env, cwd: "/" });
  const made = await run("vale-ctl", "-v", "-n", "vi0", "-C", "16,32");
  assert.deepEqual([made.status, made.err], [0, ""]);
  assert.match(made.out, /^tx_slots: {3}16\nrx_slots: {3}32\n/);
  assert.equal((await run("vale-ctl", "-r", "vi0")).status, 1);
  assert.equal((await run("vale-ctl", "-x")).status, 2);
  assert.match((await run("valet", "--help")).out, /^Usage: valet /);
  assert.equal((await run("valet", "nosuch")).status, 2);
  assert.match((await run("pkt-gen", "-q")).err, /^pkt-gen: invalid option -- 'q'$/m);
  assert.match((await run("vale-bridge", "-q")).err, /^bridge: invalid option -- 'q'$/m);
  assert.match((await run("vale-lb", "-q")).err, /^lb: invalid option -- 'q'$/m);
});

Deno.test("install: no hint where the directory is on the PATH, and twice is once", async () => {
  using folder = new Folder();
  const env = { PATH: `${folder.path}:${Deno.env.get("PATH")}` };
  for (let i = 0; i < 2; i++) {
    const { status, err } = await install(["--to", folder.path], env);
    assert.deepEqual([status, err], [0, ""]);
    assert.deepEqual(folder.names(), PROGRAMS);
  }
});

Deno.test("install: goes to the place of Deno's programs by default", async () => {
  using folder = new Folder();
  assert.equal((await install([], { DENO_INSTALL_ROOT: `${folder.path}/root` })).status, 0);
  assert.equal(
    (await install([], { DENO_INSTALL_ROOT: "", HOME: `${folder.path}/home` })).status,
    0,
  );
  for (const bin of [`${folder.path}/root/bin`, `${folder.path}/home/.deno/bin`]) {
    assert.deepEqual([...Deno.readDirSync(bin)].map(({ name }) => name).sort(), PROGRAMS);
  }
});

Deno.test("install: leaves programs of others alone unless forced", async () => {
  using folder = new Folder();
  const theirs = `${folder.path}/vale-ctl`;
  Deno.writeTextFileSync(theirs, "netmap's");
  const refused = await install(["--to", folder.path]);
  assert.equal(refused.status, 1);
  assert.match(refused.err, /^install: Cannot install .*vale-ctl": .*\nHint: .*--to.*--force/);
  assert.deepEqual(folder.names(), ["vale-ctl"]);
  await install(["--to", folder.path, "--uninstall"]);
  assert.equal(Deno.readTextFileSync(theirs), "netmap's");
  assert.equal((await install(["--to", folder.path, "--force"])).status, 0);
  assert.match(Deno.readTextFileSync(theirs), /^#!\/bin\/sh\n/);
});

Deno.test("uninstall: takes away what install has put there", async () => {
  using folder = new Folder();
  await install(["--to", folder.path]);
  Deno.writeTextFileSync(`${folder.path}/other`, "");
  const { status, out } = await install(["--to", folder.path, "--uninstall"]);
  assert.equal(status, 0);
  assert.equal(out.match(/^Removed /gm)?.length, 5);
  assert.deepEqual(folder.names(), ["other"]);
  const again = await install(["--to", folder.path, "--uninstall"]);
  assert.deepEqual([again.status, again.out], [0, `There is nothing of valet in ${folder.path}\n`]);
});

Deno.test("install: answers a malformed command with the usage and status 2", async () => {
  const { status, err } = await install(["--bogus"]);
  assert.equal(status, 2);
  assert.match(err, /^install: Unknown option '--bogus'\nUsage: deno task install /);
});
