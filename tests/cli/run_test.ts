// valet run: programs with the preload library, their signals and exit statuses, and those where it cannot
// work.

import assert from "node:assert/strict";
import { readElf } from "../../cli/run/elf.ts";
import { obstacle } from "../../cli/run/program_file.ts";
import { DaemonScene, isRunning, until } from "./daemon_scene.ts";

Deno.test("valet run starts the daemon and a program that has the preload library and the socket", async () => {
  await using scene = new DaemonScene();
  const { code, stdout, stderr } = await scene.valet(
    "run",
    "sh",
    "-c",
    'echo "$LD_PRELOAD $VALET_SOCKET"',
  );
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^valet: started the valet daemon \(process \d+, log .*\)\n$/);
  assert.match(stdout, /^\/.*\/libvalet-preload\.so .*valet\.sock\n$/);
  assert.ok(stdout.endsWith(` ${scene.socket}\n`));
});

Deno.test("valet run has the library loaded into the program", async () => {
  await using scene = new DaemonScene();
  assert.match(await scene.ok("run", "--", "cat", "/proc/self/maps"), /libvalet-preload\.so$/m);
});

Deno.test("valet run passes arguments on as they are, dashes and --help included", async () => {
  await using scene = new DaemonScene();
  const args = ["-n", "--help", "--", "a b", "", "*"];
  const text = await scene.ok("run", "printf", "[%s]", ...args);
  assert.equal(text, args.map((arg) => `[${arg}]`).join(""));
});

Deno.test("valet run ends with the program's exit status", async () => {
  await using scene = new DaemonScene();
  for (const status of [0, 1, 2, 77, 255]) {
    assert.equal((await scene.valet("run", "--", "sh", "-c", `exit ${status}`)).code, status);
  }
});

for (const [signal, status] of [["SIGTERM", 143], ["SIGINT", 130], ["SIGHUP", 129]] as const) {
  Deno.test(`valet run passes ${signal} on, and ends with status ${status} if that ends the program`, async () => {
    await using scene = new DaemonScene();
    const running = scene.spawn("run", "sh", "-c", "echo $$; exec sleep 1000");
    const pid = Number(await until("the program runs", () => running.stdout().trim()));
    assert.notEqual(pid, running.process.pid);
    running.process.kill(signal);
    assert.equal((await running.finish()).code, status);
    assert.ok(!isRunning(pid));
  });
}

Deno.test("a program that handles a signal goes on, and valet run waits for it", async () => {
  await using scene = new DaemonScene();
  const program = "trap 'echo got it; exit 5' USR1; echo ready; while :; do sleep 0.01; done";
  const running = scene.spawn("run", "sh", "-c", program);
  await until("the program runs", () => running.stdout().includes("ready"));
  running.process.kill("SIGUSR1");
  const { code, stdout } = await running.finish();
  assert.deepEqual([code, stdout], [5, "ready\ngot it\n"]);
});

Deno.test("valet run says what is wrong with a command", async () => {
  await using scene = new DaemonScene();
  Deno.writeTextFileSync(scene.path("text"), "no program\n");
  const faults: [string[], number, RegExp][] = [
    [[], 2, /^valet: Cannot run nothing: a command is missing\nUsage: /],
    [["--"], 2, /^valet: Cannot run nothing/],
    [
      ["no-such-program"],
      1,
      /^valet: Cannot run "no-such-program": there is no such program on the PATH/,
    ],
    [["./none"], 1, /^valet: Cannot run "\.\/none": there is no such file/],
    [["./text"], 1, /^valet: Cannot run "\.\/text": it is not executable/],
    [["/tmp"], 1, /^valet: Cannot run "\/tmp": it is no file/],
  ];
  for (const [args, status, message] of faults) {
    const { code, stderr } = await scene.valet("run", ...args);
    assert.equal(code, status, stderr);
    assert.match(stderr, message);
  }
  assert.equal(await scene.pid(), undefined, "no daemon is started for that");
});

async function compile(folder: string, name: string, ...flags: string[]): Promise<string> {
  const path = `${folder}/${name}`;
  const source = `${path}.c`;
  Deno.writeTextFileSync(source, "int main(void) { return 0; }\n");
  const { success, stderr } = await new Deno.Command("cc", { args: [...flags, "-o", path, source] })
    .output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return path;
}

Deno.test("valet run refuses a statically linked program and says why", async () => {
  await using scene = new DaemonScene();
  const folder = Deno.makeTempDirSync(); // its path has no spaces, which "#!" could not have
  const fixed = await compile(folder, "fixed", "-static");
  const { code, stderr } = await scene.valet("run", fixed);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^valet: Cannot run ".*fixed" with valet: .* is statically linked, .*\nHint: Link it/,
  );
  const pie = await compile(folder, "pie", "-static-pie");
  assert.equal((await scene.valet("run", pie)).code, 1);
  // A script is what its interpreter is
  Deno.writeTextFileSync(`${folder}/script`, `#!${fixed} -x\n`, { mode: 0o755 });
  assert.match(
    (await scene.valet("run", `${folder}/script`)).stderr,
    /fixed" is statically linked/,
  );
  assert.equal((await scene.valet("run", await compile(folder, "dynamic"))).code, 0);
  Deno.removeSync(folder, { recursive: true });
});

Deno.test({
  name: "valet run refuses a program that is setuid to somebody else and says why",
  ignore: Deno.uid() !== 0,
  async fn(): Promise<void> {
    await using scene = new DaemonScene();
    const path = await compile(scene.folder, "setuid");
    Deno.chmodSync(path, 0o4755);
    assert.equal((await scene.valet("run", path)).code, 0, "to oneself it changes nothing");
    Deno.chownSync(path, 65_534, 65_534);
    Deno.chmodSync(path, 0o4755);
    const { code, stderr } = await scene.valet("run", path);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /is setuid, and for such programs the loader ignores LD_PRELOAD\nHint: Run a copy/,
    );
  },
});

Deno.test("readElf() agrees with readelf about what is installed here", async () => {
  const programs = [...Deno.readDirSync("/usr/bin")].map(({ name }) => `/usr/bin/${name}`)
    .filter((path) => Deno.lstatSync(path).isFile && Deno.statSync(path).size > 100).slice(0, 60);
  let compared = 0;
  for (const path of programs) {
    const elf = readElf(path);
    let headers: Deno.CommandOutput;
    try {
      headers = await new Deno.Command("readelf", { args: ["-lh", path], stderr: "null" }).output();
    } catch {
      return; // no readelf to compare with
    }
    assert.equal(elf !== undefined, headers.success, path);
    if (elf === undefined) continue;
    const text = new TextDecoder().decode(headers.stdout);
    assert.equal(elf.isDynamic, /^ +INTERP /m.test(text), path);
    assert.equal(elf.bits, /Class: +ELF64/.test(text) ? 64 : 32, path);
    compared++;
  }
  assert.ok(compared > 0);
});

Deno.test("files that are no programs are left to the kernel", async () => {
  const folder = Deno.makeTempDirSync();
  const files: Record<string, Uint8Array> = {
    empty: new Uint8Array(),
    short: new TextEncoder().encode("\x7fELF"),
    // A program header table far behind the end of the file
    broken: new Uint8Array(64).fill(0xff),
    loop: new TextEncoder().encode(`#!${folder}/loop\n`),
    bare: new TextEncoder().encode("#!\n"),
  };
  files.broken.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  for (const [name, bytes] of Object.entries(files)) {
    Deno.writeFileSync(`${folder}/${name}`, bytes, { mode: 0o755 });
    assert.equal(await obstacle(`${folder}/${name}`), undefined, name);
  }
  assert.equal(await obstacle(`${folder}/none`), undefined);
  Deno.removeSync(folder, { recursive: true });
});
