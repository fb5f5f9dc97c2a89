/** Builds the C library: `deno task build`. */

import { buildLibrary } from "../../ffi/build.ts";

try {
  const path = buildLibrary();
  Deno.stderr.writeSync(new TextEncoder().encode(`${path}\n`));
} catch (error) {
  Deno.stderr.writeSync(
    new TextEncoder().encode(`${error instanceof Error ? error.message : error}\n`),
  );
  Deno.exit(1);
}
