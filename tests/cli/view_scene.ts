/**
 * `valet view` as a test starts it, and what a page would get from it.
 */

import assert from "node:assert/strict";
import type { ViewBridge, ViewPort, ViewState } from "../../cli/view/messages.ts";
import { type DaemonScene, type Running, until } from "./daemon_scene.ts";

/** A running `valet view`. */
export interface View {
  readonly running: Running;
  /** What it has printed. */
  readonly url: string;
}

/** Starts it, with a look each tenth of a second. */
export async function startView(scene: DaemonScene, ...args: string[]): Promise<View> {
  const running = scene.spawn("view", "--interval", "0.1", ...args);
  const url = await until(
    "it prints its address",
    () => running.stdout().split("\n")[1] !== undefined && running.stdout().split("\n")[0],
  );
  return { running, url };
}

/** Ends it as Ctrl-C does. */
export async function stopView({ running }: View): Promise<void> {
  running.process.kill("SIGINT");
  const { code, stderr } = await running.finish();
  assert.equal(code, 0, stderr);
}

/** What a page gets, event after event; disposing of it closes the page. */
export class Events implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  private constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Opens a page's connection. */
  static async open(url: string): Promise<Events> {
    const response = await fetch(`${url}events`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    return new Events(response.body!);
  }

  /** The next event; undefined when the stream has ended. */
  async next(): Promise<{ event: string; data: string } | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const lines = this.#text.slice(0, end).split("\n");
        this.#text = this.#text.slice(end + 2);
        const field = (name: string): string =>
          lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trim() ?? "";
        if (field("event") !== "") return { event: field("event"), data: field("data") };
        continue; // a comment, which says that the server is there
      }
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
  }

  /** The next state. */
  async state(): Promise<ViewState> {
    const next = await this.next();
    assert.equal(next?.event, "state");
    return JSON.parse(next!.data);
  }

  /** The first state from here on for which something holds. */
  async until(holds: (state: ViewState) => boolean): Promise<ViewState> {
    for (let i = 0; i < 600; i++) {
      const state = await this.state();
      if (holds(state)) return state;
    }
    assert.fail("No state came for which it holds");
  }

  /** Closes the page. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}

/** A bridge of a state. */
export function bridgeIn(state: ViewState, name: string): ViewBridge | undefined {
  return state.bridges.find((bridge) => bridge.name === name);
}

/** A port of a state: "vale0:a". */
export function portIn(state: ViewState, name: string): ViewPort | undefined {
  const [bridge, port] = name.split(":");
  return bridgeIn(state, bridge)?.ports.find((it) => it.name === port);
}
