/**
 * lb on an interface, and a reader of its two pipes, in one process: prints the UDP source ports that
 * each pipe has got when there are so many packets.
 *
 *     lb_pipes.ts INTERFACE PACKETS
 */

import { lbCommand } from "../../cli/lb.ts";
import { Netmap } from "../../mod.ts";
import { RunningCommand } from "../cli/running_command.ts";

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

const [name, packets] = Deno.args;
const running = new RunningCommand(lbCommand, `-w 0 -i netmap:${name} -p 2`.split(" "), {
  program: "lb",
  backend: Deno.env.get("VALET_BACKEND") as Netmap["backend"],
  instance: "",
});
await running.says(/pipe #2/);
using netmap = Netmap.open();
using pipes = new DisposableStack();
const ports = [0, 1].map((i) => pipes.use(netmap.open(`netmap:${name}}${i}`)));
const seen: number[][] = ports.map(() => []);
say("ready");
while (seen.flat().length < Number(packets)) {
  ports.forEach((port, i) => {
    for (const packet of port.receive()) {
      if (packet.protocol === 17 && packet.destinationPort === 9) seen[i].push(packet.sourcePort);
    }
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
}
say(JSON.stringify({ ...seen }));
const { status, out } = await running.stop();
say(out);
Deno.exitCode = status;
