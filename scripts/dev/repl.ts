/**
 * Opens a REPL with everything at hand: `deno task repl`. All that mod.ts exports is there by its name,
 * and `netmap` is open.
 */

const module = new URL("../../mod.ts", import.meta.url).href;

const start = `
import * as valet from ${JSON.stringify(module)};
Object.assign(globalThis, valet);
const netmap = valet.Netmap.open();
console.log("valet: netmap is open (" + netmap.backend + "), all of mod.ts is at hand. For example:");
console.log('const a = netmap.open("vale0:a"), b = netmap.open("vale0:b"); a.send(new Uint8Array(60)), b');
`;

// Ctrl-C is for the REPL, which shares our terminal
Deno.addSignalListener("SIGINT", () => {});

const repl = new Deno.Command("deno", {
  args: ["repl", "--quiet", "--allow-ffi", "--allow-read", "--eval", start],
});
const { code } = await repl.spawn().status;
Deno.exit(code);
