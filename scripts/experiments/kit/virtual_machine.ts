/**
 * Virtual machines, for experiments and tests: QEMU without KVM, a Debian kernel, and busybox for all the
 * rest. Each is told what to do over its serial line.
 *
 * The kernel is in a folder with `boot/` and `lib/modules/` of an unpacked package, such as `/`.
 *
 * @module
 */

import { existsSync } from "node:fs";

interface Kernel {
  readonly image: string;
  readonly modules: string;
}

/**
 * In the order in which they have to be loaded; some kernels have some of them built in. The last one sends
 * packets for who wants that.
 */
const MODULES = [
  "net/core/failover",
  "drivers/net/net_failover",
  "drivers/virtio/virtio_ring",
  "drivers/virtio/virtio",
  "drivers/virtio/virtio_pci_legacy_dev",
  "drivers/virtio/virtio_pci_modern_dev",
  "drivers/virtio/virtio_pci",
  "drivers/net/virtio_net",
  "net/core/pktgen",
];

/** How Linux counts a process's time in /proc, on x86-64. */
const TICKS_PER_SECOND = 100;

/** Executes each line that comes, and says with which status it ended. */
const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do insmod "$module"; done
until [ -e /sys/class/net/eth0 ]; do sleep 0.1; done
echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad
for word in $(cat /proc/cmdline); do
  case $word in
  valet.ip4=*) ip addr add "\${word#*=}/24" dev eth0 ;;
  valet.ip6=*) ip addr add "\${word#*=}/64" dev eth0 ;;
  esac
done
ip link set lo up
ip link set eth0 up
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
stty -echo
echo "@ready"
while read -r line; do
  (eval "$line") < /dev/null 2>&1
  echo "@status $?"
done
`;

function findKernel(root: string): Kernel | undefined {
  if (!existsSync(`${root}/boot`)) return undefined;
  for (const { name } of Deno.readDirSync(`${root}/boot`)) {
    if (!name.startsWith("vmlinuz-")) continue;
    const modules = `${root}/lib/modules/${name.slice("vmlinuz-".length)}/kernel`;
    if (existsSync(modules)) return { image: `${root}/boot/${name}`, modules };
  }
  return undefined;
}

/** Runs a line of shell, and returns what it prints. */
function shell(line: string): string {
  const { success, stdout, stderr } = new Deno.Command("sh", { args: ["-c", line] }).outputSync();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${line}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout).trim();
}

function hasProgram(name: string): boolean {
  return shell(`command -v ${name} || true`) !== "";
}

/** Why there can be no guests with the kernel of a folder; undefined if there can. */
export function whyNoGuests(root: string): string | undefined {
  if (Deno.build.arch !== "x86_64") return "these machines are x86-64's";
  for (const [name, of] of [["qemu-system-x86_64", "qemu-system-x86"], ["cpio", "cpio"]]) {
    if (!hasProgram(name)) return `there is no ${name} (Debian: ${of})`;
  }
  if (
    !hasProgram("busybox") ||
    shell("ldd $(command -v busybox) 2>&1 || true").includes("=>")
  ) {
    return "there is no busybox without libraries (Debian: busybox-static)";
  }
  if (findKernel(root) === undefined) {
    return `there is no kernel with its modules in ${root}/boot (Debian: linux-image-cloud-amd64)`;
  }
  return undefined;
}

/** Makes the file system that a guest has in its memory, for the kernel of a folder. */
export function makeInitrd(folder: string, root: string): string {
  const { modules } = findKernel(root)!;
  const tree = `${folder}/root`;
  for (const name of ["bin", "dev", "proc", "sys", "modules", "www"]) {
    Deno.mkdirSync(`${tree}/${name}`, { recursive: true });
  }
  Deno.copyFileSync(shell("command -v busybox"), `${tree}/bin/busybox`);
  Deno.writeTextFileSync(`${tree}/init`, INIT, { mode: 0o755 });
  MODULES.forEach((name, i) => {
    const from = `${modules}/${name}.ko`, to = `${tree}/modules/${i}.ko`;
    if (existsSync(from)) Deno.copyFileSync(from, to);
    else if (existsSync(`${from}.xz`)) shell(`xz -dc ${from}.xz > ${to}`);
  });
  shell(`cd ${tree} && find . | cpio --quiet -o -H newc > ${folder}/initrd`);
  return `${folder}/initrd`;
}

/** What a guest is made of. */
export interface GuestOptions {
  /** The folder with the kernel. */
  root: string;
  /** Of {@linkcode makeInitrd}. */
  initrd: string;
  /** Last part of its addresses. */
  number: number;
  /** QEMU's `-netdev`, without its id. */
  netdev: string;
}

/** A virtual machine that has started. */
export class Guest implements AsyncDisposable {
  /** Its addresses. */
  readonly ip4: string;
  /** The same. */
  readonly ip6: string;
  readonly #process: Deno.ChildProcess;
  readonly #console: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #text = "";

  /** Starts one; {@linkcode ready} waits until it listens. */
  constructor({ root, initrd, number, netdev }: GuestOptions) {
    this.ip4 = `10.213.0.${number}`;
    this.ip6 = `fd00:213::${number}`;
    const words = ["console=ttyS0", "quiet", "panic=-1", "mitigations=off"];
    // A busy machine is too slow for that check, and the kernel gives up
    words.push("no_timer_check", "tsc=reliable");
    const device = `virtio-net-pci,netdev=n0,mac=52:54:00:00:00:${String(number).padStart(2, "0")}`;
    this.#process = new Deno.Command("qemu-system-x86_64", {
      args: [
        ...[
          "-accel",
          "tcg",
          "-cpu",
          "max",
          "-smp",
          "1",
          "-m",
          "256",
          "-nodefaults",
          "-no-user-config",
        ],
        ...["-nographic", "-no-reboot", "-serial", "stdio", "-vga", "none"],
        ...["-kernel", findKernel(root)!.image, "-initrd", initrd],
        ...["-append", `${words.join(" ")} valet.ip4=${this.ip4} valet.ip6=${this.ip6}`],
        ...["-netdev", `${netdev},id=n0`, "-device", `${device},romfile=`],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#console = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#input = this.#process.stdin.getWriter();
  }

  /** CPU time that it has used so far, in milliseconds. */
  cpuMs(): number {
    const stat = Deno.readTextFileSync(`/proc/${this.#process.pid}/stat`);
    // utime and stime, counted from behind the name, which may hold anything
    const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13);
    return (Number(user) + Number(system)) * 1000 / TICKS_PER_SECOND;
  }

  /** Waits until it has started. */
  async ready(): Promise<this> {
    await this.#until(/@ready\r?\n/);
    return this;
  }

  /** Runs a line of shell; its status and what it printed. */
  async run(line: string): Promise<{ code: number; text: string }> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
    const [text, code] = await this.#until(/@status (\d+)\r?\n/);
    return { code: Number(code), text: text.replaceAll("\r", "") };
  }

  /** The same of a line that has to succeed; what it printed. */
  async must(line: string): Promise<string> {
    const { code, text } = await this.run(line);
    if (code !== 0) throw new Error(`${line}: status ${code}: ${text}`);
    return text;
  }

  /** How many of `count` pings were answered. */
  async ping(to: string, size = 56, count = 3): Promise<number> {
    const { text } = await this.run(`ping -q -c ${count} -s ${size} -W 10 -A ${to}`);
    const [, received] = / (\d+) packets received/.exec(text) ?? [];
    if (received === undefined) throw new Error(text);
    return Number(received);
  }

  /** Serves a file of so many random megabytes; its SHA-256. */
  async serve(megabytes: number): Promise<string> {
    await this.must(`dd if=/dev/urandom of=/www/data bs=1M count=${megabytes}`);
    await this.must("httpd -p 8080 -h /www");
    return (await this.must("sha256sum < /www/data")).slice(0, 64);
  }

  /** Fetches what another one serves; its SHA-256. */
  async fetch(from: string): Promise<string> {
    return (await this.must(`wget -q -O - http://${from}:8080/data | sha256sum`)).slice(0, 64);
  }

  /** Text up to a match, and the match's group. */
  async #until(end: RegExp): Promise<[string, string]> {
    const limit = setTimeout(() => this.#kill(), 240_000);
    try {
      for (;;) {
        const match = end.exec(this.#text);
        if (match !== null) {
          const before = this.#text.slice(0, match.index);
          this.#text = this.#text.slice(match.index + match[0].length);
          return [before, match[1]];
        }
        const { value, done } = await this.#console.read();
        if (done) throw new Error(`The guest has ended, or took too long: ${this.#text}`);
        this.#text += value;
      }
    } finally {
      clearTimeout(limit);
    }
  }

  #kill(): void {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended
    }
  }

  /** Pulls the plug. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.#process.status;
    await this.#console.cancel();
    await this.#input.abort().catch(() => {});
  }
}
