/**
 * What `valet view` knows of hooks: asked beside the event loop, since a hook may take its time to answer.
 *
 * @module
 */

import { type BackendName, NetmapError } from "../../mod.ts";
import type { Context } from "../context.ts";
import { askAsync, type HookInfo, type HookStats } from "../daemon/answers.ts";
import { formatHookTable } from "../hook_table.ts";
import { listInKernel, statsInKernel } from "../kernel_hook.ts";
import type { ViewHook } from "./messages.ts";

/** A daemon that loads a hook answers nothing about hooks meanwhile. */
const TIMEOUT_MS = 3000;

/** Characters of what a hook says about itself that are shown. */
const OWN_LENGTH = 500;

/** The hooks of the daemon, or of the kernel, as they were when they answered last. */
export class HookWatch implements AsyncDisposable {
  readonly #context: Context;
  readonly #backend: BackendName;
  #hooks: readonly ViewHook[] = [];
  #problem: string | undefined;
  #atMs = 0;
  #asking: Promise<void> | undefined;

  /** @param backend whose hooks; an engine in this process has none */
  constructor(context: Context, backend: BackendName) {
    this.#context = context;
    this.#backend = backend;
  }

  /** All of them. */
  get hooks(): readonly ViewHook[] {
    return this.#hooks;
  }

  /** Why they are not known, or not as they are now. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Waits for the answers that are still to come. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#asking;
  }

  /** Asks, unless the answer to an earlier question is still to come. */
  ask(): Promise<void> {
    return this.#asking ??= this.#ask().finally(() => this.#asking = undefined);
  }

  async #ask(): Promise<void> {
    try {
      const stats = await this.#all();
      const atMs = performance.now();
      const seconds = (atMs - this.#atMs) / 1000;
      this.#hooks = stats.map((hook) =>
        shown(hook, this.#hooks.find((old) => isSame(old, hook)), seconds)
      );
      this.#atMs = atMs;
      this.#problem = undefined;
    } catch (error) {
      if (!(error instanceof Error) || error instanceof TypeError) throw error;
      this.#problem = error.message.split("\n")[0];
      if (error instanceof NetmapError && error.code !== "ETIMEDOUT") this.#hooks = [];
    }
  }

  async #all(): Promise<HookStats[]> {
    const context = this.#context;
    if (this.#backend === "embedded") return [];
    if (this.#backend === "kernel") {
      return listInKernel(context).map(({ bridge }) => statsInKernel(bridge, context));
    }
    const options = { timeoutMs: TIMEOUT_MS };
    const { hooks } = await askAsync<{ hooks: HookInfo[] }>({ ask: "hook-list" }, options);
    const own = hooks.filter(({ instance }) => instance === context.instance);
    return await Promise.all(own.map(async (hook) => {
      if (hook.state === "ended" || hook.state === "silent") return hook;
      const { bridge, instance } = hook;
      const question = { ask: "hook-stats", bridge, instance };
      try {
        return (await askAsync<{ hook: HookStats }>(question, options)).hook;
      } catch {
        return hook; // unloaded meanwhile, or busy
      }
    }));
  }
}

function isSame(old: ViewHook, { bridge, file, since }: HookInfo): boolean {
  return old.bridge === bridge && old.file === file && old.since === since;
}

function shown(hook: HookStats, old: ViewHook | undefined, seconds: number): ViewHook {
  const { bridge, file, form, state, since, packets, errors, lastError, batches, busyMs } = hook;
  return {
    bridge,
    file,
    form,
    state,
    since,
    packets,
    packetsPerSecond: old === undefined || old.packets > packets || seconds <= 0
      ? undefined
      : (packets - old.packets) / seconds,
    errors,
    lastError,
    batches,
    busyMs,
    own: ownText(hook),
    tables: Object.entries(hook.tables ?? {}).map(([name, table]) => formatHookTable(name, table)),
  };
}

function ownText({ own, ownError }: HookStats): string | undefined {
  if (ownError !== undefined) return `failed: ${ownError}`;
  if (own === undefined) return undefined;
  const text = JSON.stringify(own) ?? String(own);
  return text.length > OWN_LENGTH ? `${text.slice(0, OWN_LENGTH)}…` : text;
}
