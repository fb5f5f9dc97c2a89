/** 2 MB pages for DPDK: asked from the kernel for a run, and given back after it. */

import { atSignal } from "../at_signal.ts";
import { run } from "../net/command.ts";

const COUNT = "/proc/sys/vm/nr_hugepages";

/** Pages that are there, in a file system of their own. */
export class Hugepages implements AsyncDisposable {
  /** Where it is mounted. */
  readonly folder: string;
  /** Others may take some meanwhile: only what was added is taken away. */
  #taken = 0;
  readonly #forget = atSignal(() => this.#giveBack());

  private constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * Asks for so many free ones.
   *
   * @throws {Error} if this is not root, or the kernel has not that much memory in one piece
   */
  static async take(pages: number): Promise<Hugepages> {
    const before = Number(await Deno.readTextFile(COUNT));
    const folder = await Deno.makeTempDir({ prefix: "valet-bench-huge-" });
    const taken = new Hugepages(folder);
    try {
      await Deno.writeTextFile(COUNT, `${before + pages}`);
      taken.#taken = Number(await Deno.readTextFile(COUNT)) - before;
      const free = freePages(await Deno.readTextFile("/proc/meminfo"));
      if (free < pages) throw new Error(`the kernel gives ${free} pages of 2 MB, not ${pages}`);
      await run("mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", folder);
      return taken;
    } catch (error) {
      await taken[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Gives them back. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#forget();
    this.#giveBack();
    return Promise.resolve();
  }

  /** Lazily unmounted: who has just been ended by a signal may still have some of them mapped. */
  #giveBack(): void {
    new Deno.Command("umount", { args: ["-l", this.folder], stderr: "null" }).outputSync();
    Deno.removeSync(this.folder);
    const count = Number(Deno.readTextFileSync(COUNT));
    Deno.writeTextFileSync(COUNT, `${Math.max(0, count - this.#taken)}`);
  }
}

/** Free pages of the default size, of /proc/meminfo. */
export function freePages(meminfo: string): number {
  return Number(/^HugePages_Free:\s+(\d+)/m.exec(meminfo)?.[1] ?? 0);
}
