/**
 * `valet view`: bridges, ports and hooks in a browser.
 *
 * @module
 */

import { type Context, UsageError } from "./context.ts";
import { checkBackend } from "./open.ts";
import { samplingOptions } from "./sample.ts";
import type { CommandSpec } from "./table.ts";
import { ViewServer } from "./view/server.ts";
import { watchBridges } from "./view/watch.ts";

/** `valet view` */
export const viewCommand: CommandSpec = {
  name: "view",
  description: "Show bridges, ports and hooks live in a browser\n\n" +
    "Serves a page at the address that it prints, for browsers of this machine: it listens on " +
    "127.0.0.1, and answers only who knows the address, which is another one each time. Ctrl-C ends " +
    "it. When the daemon ends the page says so, and goes on with the next. The kernel tells ports " +
    "and hooks, and counts nothing.",
  options: [
    {
      flags: "--port <number:integer>",
      description: "Port to listen on; 0: one that is free",
      default: 0,
    },
    {
      flags: "--interval <seconds:number>",
      description: "Seconds between two looks",
      default: 1,
    },
  ],
  examples: [
    ["Print the address", "valet view"],
    ["Of another machine, by ssh", "ssh -L 8080:127.0.0.1:8080 HOST valet view --port 8080"],
  ],
  action: async (options, _args, context) => {
    const { intervalMs } = samplingOptions(options);
    const port = portOf(options.port);
    checkBackend(context);
    await using server = start(port, intervalMs, context);
    context.stdout.write(`${server.url}\n`);
    context.stderr.write("Open this address in a browser of this machine; Ctrl-C ends it\n");
    await Promise.race([aborted(context.signal), server.failed]);
  },
};

function portOf(port: unknown): number {
  if (typeof port === "number" && port >= 0 && port <= 65_535) return port;
  throw new UsageError(`Cannot use ${port} as --port: expected 0 to 65535`);
}

function start(port: number, intervalMs: number, context: Context): ViewServer {
  try {
    return ViewServer.start({
      port,
      states: (signal) => watchBridges(context, intervalMs, signal),
    });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new Error(
        `Cannot listen on 127.0.0.1:${port}: another program does\n` +
          "Hint: Without --port a free one is taken",
        { cause: error },
      );
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new Error(
        `Cannot listen on 127.0.0.1:${port}: ports below 1024 are root's\n` +
          "Hint: Without --port a free one is taken",
        { cause: error },
      );
    }
    throw error;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
