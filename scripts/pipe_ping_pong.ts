/**
 * Round trips over a netmap pipe, where slots change hands and no byte is copied: once with both ends
 * looking all the time, once with both waiting for each other in the event loop.
 *
 *     deno run --allow-ffi scripts/pipe_ping_pong.ts [ROUND_TRIPS]
 *
 * @module
 */
// deno-lint-ignore-file no-console

import { Histogram, Netmap, type Port } from "../mod.ts";

const COUNT = Number(Deno.args[0] ?? 20_000);
const frame = new Uint8Array(60);

using netmap = Netmap.open();
using ping = netmap.open("vale0:pp{1"); // a pipe's master end
using pong = netmap.open("vale0:pp}1"); // and its slave end

function nanoseconds(): number {
  return performance.now() * 1e6;
}

/** Sends back what has come; how many. */
function answer(port: Port): number {
  return port.sendMany(port.receive());
}

function busy(): Histogram {
  const times = new Histogram();
  for (let i = 0; i < COUNT; i++) {
    const start = nanoseconds();
    ping.send(frame);
    answer(pong);
    for (const _ of ping.receive()) times.record(nanoseconds() - start);
  }
  return times;
}

async function waiting(): Promise<Histogram> {
  const times = new Histogram();
  let left = COUNT;
  const answering = (async () => {
    for (let answered = 0; answered < COUNT; answered += answer(pong)) await pong.wait();
  })();
  while (left > 0) {
    const start = nanoseconds();
    ping.send(frame);
    await ping.wait();
    for (const _ of ping.receive()) times.record(nanoseconds() - start);
    left--;
  }
  await answering;
  return times;
}

for (const [name, times] of [["looking", busy()], ["waiting", await waiting()]] as const) {
  console.log(`${name}  ${times}\n         ${times.sparkline(60)}`);
}
