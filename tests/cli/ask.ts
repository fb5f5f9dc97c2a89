/** Asks the daemon a question, given as JSON, and writes its answer. */

import { askDaemon } from "../../mod.ts";

const answer = askDaemon(JSON.parse(Deno.args[0]));
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(answer)));
