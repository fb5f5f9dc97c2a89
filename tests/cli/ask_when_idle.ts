/** Waits for so many milliseconds without a connection to the daemon, then asks how it is. */

import { askDaemon } from "../../mod.ts";
import { sleep } from "../../cli/sleep.ts";

await sleep(Number(Deno.args[0]));
const answer = askDaemon({ ask: "status" });
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(answer)));
