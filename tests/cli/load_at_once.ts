/** Starts a daemon, loads a hook, and writes the daemon's process: load_at_once.ts IDLE_SECONDS BRIDGE FILE */

import { ask } from "../../cli/daemon/answers.ts";
import { startDaemon } from "../../cli/daemon/start.ts";

const [idleSeconds, bridge, file] = Deno.args;
const { pid } = await startDaemon({ idleSeconds: Number(idleSeconds) });
ask({ ask: "hook-load", bridge, file, instance: "" }, { timeoutMs: 20_000 });
await Deno.stdout.write(new TextEncoder().encode(String(pid)));
