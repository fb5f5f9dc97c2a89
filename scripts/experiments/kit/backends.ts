/**
 * The backends that this machine has.
 *
 * @module
 */

import { join } from "node:path";
import { startDaemon, stopDaemon } from "../../../cli/daemon/start.ts";
import { type BackendName, Netmap, NetmapError } from "../../../mod.ts";

/** A daemon that we have started ends itself after so many seconds, should we be killed. */
const IDLE_SECONDS = 30;

/** A daemon for this process and its children only. */
class PrivateDaemon implements AsyncDisposable {
  readonly #folder: string;
  readonly #before = Deno.env.get("VALET_SOCKET");
  /** Keeps it from ending of idleness while others are measured. */
  #use: Netmap | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
    Deno.env.set("VALET_SOCKET", join(folder, "valet.sock"));
  }

  static async start(idleSeconds: number): Promise<PrivateDaemon> {
    const daemon = new PrivateDaemon(await Deno.makeTempDir({ prefix: "valet-experiment-" }));
    try {
      await startDaemon({ idleSeconds });
      daemon.#use = Netmap.open({ backend: "daemon", instance: "experiment" });
      return daemon;
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#use?.close();
    await stopDaemon();
    if (this.#before === undefined) Deno.env.delete("VALET_SOCKET");
    else Deno.env.set("VALET_SOCKET", this.#before);
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** Backends to measure on, and why others are left out. Disposing of it ends what it has started. */
export class Backends implements AsyncDisposable {
  readonly names: readonly BackendName[];
  /** A line for each that is not there. */
  readonly missing: readonly string[];
  readonly #daemon: PrivateDaemon | undefined;

  private constructor(
    names: readonly BackendName[],
    missing: readonly string[],
    daemon?: PrivateDaemon,
  ) {
    this.names = names;
    this.missing = missing;
    this.#daemon = daemon;
  }

  /**
   * Finds them. Where VALET_SOCKET names no running daemon, "daemon" and "all" start one that is only ours.
   *
   * @param idleSeconds such a daemon ends itself after being idle for so long, should we be killed
   * @throws {NetmapError} if the one that was asked for is not there
   */
  static async find(
    asked: BackendName | "auto" | "all",
    idleSeconds: number = IDLE_SECONDS,
  ): Promise<Backends> {
    if (asked === "auto") {
      using netmap = Netmap.open();
      return new Backends([netmap.backend], []);
    }
    const isAll = asked === "all";
    const daemon = (isAll || asked === "daemon") && whyMissing("daemon") !== undefined
      ? await PrivateDaemon.start(idleSeconds)
      : undefined;
    const names: readonly BackendName[] = isAll ? ["embedded", "daemon", "kernel"] : [asked];
    const missing = names.map((name) => ({ name, why: whyMissing(name) }));
    const absent = missing.find(({ why }) => why !== undefined);
    if (!isAll && absent !== undefined) throw absent.why;
    return new Backends(
      missing.filter(({ why }) => why === undefined).map(({ name }) => name),
      missing.flatMap(({ name, why }) =>
        why === undefined ? [] : `${name}: ${why.message.split("\n")[0]}`
      ),
      daemon,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon?.[Symbol.asyncDispose]();
  }
}

function whyMissing(backend: BackendName): NetmapError | undefined {
  try {
    Netmap.open({ backend, instance: "experiment" }).close();
    return undefined;
  } catch (error) {
    if (error instanceof NetmapError) return error;
    throw error;
  }
}
