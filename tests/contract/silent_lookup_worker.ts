/**
 * The Worker of silent_lookup_test.ts: has a lookup that loops until it is told to return, or sends a frame.
 *
 * @module
 */

import { Netmap, NetmapError } from "../../mod.ts";
import { frame } from "./frames.ts";

/** What the Worker is told. */
export interface SilentJob {
  /** The backend. */
  backend: "kernel" | "embedded" | "daemon";
  /** The engine. */
  instance: string;
  /** "vale0" */
  bridge: string;
  /** Set the lookup, or send a frame from a port of that name. */
  do: "decide" | { send: string };
  /** [0]: the lookup returns when this is not 0; [1]: how often it has been called; [2]: frames sent or refused. */
  flags: Int32Array<SharedArrayBuffer>;
}

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<SilentJob>) => void) | null;
  postMessage(answer: string): void;
};

let netmap: Netmap | undefined;

scope.onmessage = ({ data: job }) => {
  const { backend, instance, flags } = job;
  netmap ??= Netmap.open({ backend, instance });
  if (job.do === "decide") {
    netmap.bridge(job.bridge).lookup = () => {
      Atomics.add(flags, 1, 1);
      while (Atomics.load(flags, 0) === 0);
      return 1;
    };
    return scope.postMessage("set");
  }
  using port = netmap.open(`${job.bridge}:${job.do.send}`);
  let answer = "sent";
  try {
    port.send(frame());
  } catch (error) {
    answer = error instanceof NetmapError ? error.code : String(error);
  }
  // First: who has the answer has this as well
  Atomics.add(flags, 2, 1);
  scope.postMessage(answer);
};
scope.postMessage("ready");
