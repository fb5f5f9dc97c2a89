/** start.ports.1000: milliseconds from opening the first of 1,000 ports to having the last. */

import { Netmap } from "../../mod.ts";

const PORTS = 1000;
const start = performance.now();
using netmap = Netmap.open({ backend: "embedded" });
using ports = new DisposableStack();
for (let i = 0; i < PORTS; i++) ports.use(netmap.open(`vale0:p${i}`));
const ms = performance.now() - start;
Deno.stdout.writeSync(new TextEncoder().encode(`${ms}\n`));
