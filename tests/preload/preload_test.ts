/**
 * Runs programs that were written for /dev/netmap, and others, with libvalet-preload.so and a daemon.
 *
 * The programs and what each shows are in tests/c/preload/: they know netmap's ABI and nothing of valet. Each test
 * has its own daemon, which must be left with nothing on it.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../c/preload/", import.meta.url));
const BUILD = fileURLToPath(new URL("../../c/build/tests/", import.meta.url));

/** Longest that one program may take. */
const LIMIT_MS = 120_000;

/** What programs end with that cannot be tried here. */
const CANNOT = 77;

/** Programs that need more than a daemon beside them. */
const OTHERWISE = ["daemon_gone", "serve"];

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Runs a command to its end. */
async function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Run> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env,
    stdin: "null",
    signal,
  }).output();
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** One build: plain, or with a sanitizer in the library, the daemon's too. */
interface Flavour {
  readonly name: string;
  readonly folder: string;
  /** What has to be loaded before the preload library. */
  readonly before: string;
}

async function build(sanitize: "none" | "address"): Promise<Flavour | string> {
  const made = await run("make", ["-s", "-C", FOLDER, `SANITIZE=${sanitize}`]);
  if (made.code !== 0) return made.stderr;
  let before = "";
  if (sanitize === "address") {
    const found = await run("cc", ["-print-file-name=libasan.so"]);
    before = `${found.stdout.trim()}:`;
  }
  return { name: sanitize, folder: `${BUILD}${sanitize}_preload/`, before };
}

/** Whether there is a compiler, and one with that sanitizer; else why not. */
async function missing(sanitize: string): Promise<string> {
  try {
    const flags = sanitize === "none" ? [] : [`-fsanitize=${sanitize}`];
    const tried = await run("sh", [
      "-c",
      'd=$(mktemp -d) && echo "int main(void){return 0;}" >$d/t.c && cc "$@" -o $d/t $d/t.c && $d/t; ' +
      "s=$?; rm -rf $d; exit $s",
      "sh",
      ...flags,
    ]);
    return tried.code === 0 ? "" : "the compiler cannot do it";
  } catch {
    return "there is no shell or compiler";
  }
}

/** A daemon at a socket of its own. */
class Daemon implements AsyncDisposable {
  readonly socket: string;
  readonly #folder: string;
  readonly #process: Deno.ChildProcess;
  #stderr: Promise<string>;

  private constructor(folder: string, process: Deno.ChildProcess) {
    this.#folder = folder;
    this.socket = `${folder}/valet.sock`;
    this.#process = process;
    this.#stderr = new Response(process.stderr).text();
  }

  static async start(flavour: Flavour): Promise<Daemon> {
    const folder = await Deno.makeTempDir({ prefix: "valet-preload-" });
    const process = new Deno.Command(`${flavour.folder}programs/serve`, {
      env: { VALET_SOCKET: `${folder}/valet.sock` },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const daemon = new Daemon(folder, process);
    const reader = process.stdout.getReader();
    const { value } = await reader.read();
    reader.releaseLock();
    if (!value || text(value) !== "ready\n") {
      await daemon[Symbol.asyncDispose]();
      throw new Error(`Cannot start a daemon: ${await daemon.#stderr}`);
    }
    return daemon;
  }

  /** Ends it without giving it time for anything. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }

  /** Has it end by itself: under a sanitizer it is then that leaks are found. */
  async stop(): Promise<void> {
    await this.#process.stdin.close();
    const { code } = await this.#process.status;
    assert.equal(code, 0, await this.#stderr);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.close().catch(() => {});
    await this.#process.status;
    await this.#process.stdout.cancel().catch(() => {});
    await this.#stderr;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** The environment of a program that is to find the daemon. */
function preloaded(flavour: Flavour, socket: string): Record<string, string> {
  return {
    LD_PRELOAD: `${flavour.before}${flavour.folder}libvalet-preload.so`,
    VALET_SOCKET: socket,
    ASAN_OPTIONS: "exitcode=66",
    LSAN_OPTIONS: "exitcode=66",
    UBSAN_OPTIONS: "print_stacktrace=1",
  };
}

const programs = [...Deno.readDirSync(FOLDER)]
  .map(({ name }) => name)
  .filter((name) => name.endsWith(".c"))
  .map((name) => name.slice(0, -2))
  .filter((name) => !OTHERWISE.includes(name))
  .sort();

for (const sanitize of ["none", "address"] as const) {
  const why = await missing(sanitize);
  const under = sanitize === "none" ? "" : ", under AddressSanitizer";
  Deno.test({
    name: `programs for /dev/netmap run on a daemon${under}${why && ` (${why})`}`,
    ignore: why !== "",
    async fn(t): Promise<void> {
      const flavour = await build(sanitize);
      if (typeof flavour === "string") assert.fail(flavour);
      for (const program of programs) {
        await t.step(program, async () => {
          await using daemon = await Daemon.start(flavour);
          const env = preloaded(flavour, daemon.socket);
          const { code, stderr } = await run(`${flavour.folder}programs/${program}`, [], env);
          if (code !== CANNOT) assert.equal(code, 0, `${program} ends with ${code}:\n${stderr}`);
          await daemon.stop();
        });
      }
      await t.step("a daemon that is killed", async () => {
        await using daemon = await Daemon.start(flavour);
        const env = preloaded(flavour, daemon.socket);
        const program = new Deno.Command(`${flavour.folder}programs/daemon_gone`, {
          env,
          stdin: "null",
          stdout: "piped",
          stderr: "piped",
        }).spawn();
        const reader = program.stdout.getReader();
        const { value } = await reader.read();
        reader.releaseLock();
        assert.equal(value && text(value), "waiting\n");
        const start = performance.now();
        await daemon.kill();
        const { code, stderr } = await program.output();
        assert.equal(code, 0, text(stderr));
        assert(performance.now() - start < 10_000);
        const after = await run(`${flavour.folder}programs/daemon_gone`, ["none"], env);
        assert.equal(after.code, 0, after.stderr);
      });
      await t.step("no daemon", async () => {
        const env = preloaded(flavour, "/nonexistent/valet.sock");
        const { code, stderr } = await run(`${flavour.folder}programs/daemon_gone`, ["none"], env);
        assert.equal(code, 0, stderr);
      });
    },
  });
}

/** What programs do that never open /dev/netmap. */
const UNTOUCHED: Record<string, string> = {
  "ls": "ls -l /usr",
  "a pipeline": "seq 1 2000 | sort -rn | head -n 5 | tr '\\n' ' ' | cat",
  "descriptors of a shell":
    "exec 3</etc/passwd 4>&1 5>&2; head -n 1 <&3 >&4; exec 3<&- 4>&-; cat <&3 2>/dev/null; echo $?",
  "a here-document and a subshell": '( while read -r line; do echo "<$line>"; done ) <<E\na\nb\nE',
  "background jobs": "for i in 1 2 3; do (sleep 0.0$i; echo $i) & done; wait",
  "errors": "cat /nonexistent; ls /nonexistent; test -e /dev/netmapx; echo $?",
  "python": 'command -v python3 >/dev/null || exit 0; python3 -c "' +
    "import os, select, socket, subprocess, threading\n" +
    "a, b = socket.socketpair()\n" +
    "p = select.poll(); p.register(a, select.POLLIN)\n" +
    "e = select.epoll(); e.register(a, select.EPOLLIN)\n" +
    "print(p.poll(1), e.poll(0.001), select.select([a], [], [], 0.001))\n" +
    "b.send(b'x')\n" +
    "print(len(p.poll(1000)), len(e.poll(1)), len(select.select([a], [], [], 1)[0]))\n" +
    "socket.send_fds(a, [b'm'], [0]); print(len(socket.recv_fds(b, 10, 5)[1]))\n" +
    "print(subprocess.run(['echo', 'child'], capture_output=True, close_fds=True).stdout)\n" +
    "t = [threading.Thread(target=lambda: os.stat('/')) for _ in range(8)]\n" +
    "[x.start() for x in t]; [x.join() for x in t]\n" +
    "print(os.path.exists('/dev/netmap'), os.fork() == 0 and os._exit(0) or os.wait()[1])\n" +
    '"',
  "deno": "deno eval --no-lock \"const f = await Deno.open('/etc/passwd');" +
    "console.log((await f.read(new Uint8Array(4))), (await fetch('data:,ok').then((r) => r.text())));" +
    "f.close(); const l = Deno.listen({ port: 0 }); l.close();" +
    "console.log(new TextDecoder().decode((await new Deno.Command('echo', { args: ['x'] }).output()).stdout))\"",
};

const plain = await missing("none");

Deno.test({
  name: `programs that never open /dev/netmap do what they did${plain && ` (${plain})`}`,
  ignore: plain !== "",
  async fn(t): Promise<void> {
    const flavour = await build("none");
    if (typeof flavour === "string") assert.fail(flavour);
    const env = preloaded(flavour, "/nonexistent/valet.sock");
    for (const [name, command] of Object.entries(UNTOUCHED)) {
      await t.step(name, async () => {
        const without = await run("sh", ["-c", command]);
        assert.equal(without.code, 0, without.stderr);
        assert.deepEqual(await run("sh", ["-c", command], env), without);
      });
    }
  },
});

Deno.test({
  name: `the preload library has no names but libc's, and its own calls pass it by${
    plain && ` (${plain})`
  }`,
  ignore: plain !== "",
  async fn(): Promise<void> {
    const flavour = await build("none");
    if (typeof flavour === "string") assert.fail(flavour);
    const library = `${flavour.folder}libvalet-preload.so`;
    const names = async (option: string): Promise<Set<string>> => {
      const { code, stdout, stderr } = await run("nm", ["-D", "-P", option, library]);
      assert.equal(code, 0, stderr);
      return new Set(stdout.split("\n").map((line) => line.split(/[ @]/)[0] ?? "").filter(Boolean));
    };
    const own = await names("--defined-only");
    const wanted = await names("--undefined-only");
    for (const name of ["open", "ioctl", "mmap", "poll", "epoll_wait", "close"]) {
      assert(own.has(name), name);
    }
    assert.deepEqual([...own].filter((name) => /valet|daemon|table|file_/.test(name)), []);
    assert.deepEqual([...wanted].filter((name) => own.has(name)), []);
  },
});
