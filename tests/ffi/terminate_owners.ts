/// <reference lib="deno.worker" />
/**
 * Terminates Workers while their lookups decide about what another Worker sends, again and again.
 * A program of its own, since what it looks for would end the process that it happens in:
 *
 *     deno run -A tests/ffi/terminate_owners.ts BACKEND INSTANCE ROUNDS
 */

import { Netmap } from "../../mod.ts";

interface Job {
  backend: "embedded" | "daemon";
  instance: string;
}

function own(job: Job): void {
  const bridge = Netmap.open(job).bridge("vale0");
  bridge.lookup = () => 0;
  self.postMessage("set");
}

async function send(job: Job): Promise<void> {
  const port = Netmap.open(job).open("vale0:sender", { slots: 64 });
  const frame = new Uint8Array(60).fill(0xff);
  frame[6] = 2;
  for (let batches = 1;; batches++) {
    port.send(frame, { count: 8 });
    if (batches % 16 !== 0) continue;
    self.postMessage(batches);
    await new Promise((turn) => setTimeout(turn));
  }
}

async function terminate(job: Job, rounds: number): Promise<void> {
  const start = (name: "owner" | "sender"): Worker =>
    new Worker(import.meta.url, { type: "module", name });
  using netmap = Netmap.open(job);
  using _receiver = netmap.open("vale0:receiver", { slots: 64 });
  const sender = start("sender");
  let sent = 0;
  let heard = (): void => {};
  sender.onmessage = ({ data }) => {
    sent = data;
    heard();
  };
  const next = (): Promise<void> => new Promise((resolve) => heard = resolve);
  await next();
  const decided = netmap.bridge("vale0");
  for (let round = 0; round < rounds; round++) {
    const owner = start("owner");
    await new Promise((resolve) => owner.onmessage = resolve);
    for (let turns = round % 4; turns > 0; turns--) await new Promise((turn) => setTimeout(turn));
    owner.terminate();
    const before = sent;
    while (sent === before || decided.info().lookup !== "learning") await next();
  }
  sender.terminate();
  // deno-lint-ignore no-console -- What the test looks for
  console.log("all ended");
}

const job = (): Job => {
  const [backend, instance] = Deno.args;
  return { backend: backend as Job["backend"], instance };
};
if (self.name === "owner") own(job());
else if (self.name === "sender") await send(job());
else await terminate(job(), Number(Deno.args[2]));
