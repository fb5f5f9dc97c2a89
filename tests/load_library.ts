/**
 * Loads the C library before the tests, with `deno test --preload tests/load_library.ts`: it is loaded
 * once and stays, which the resource sanitizer would blame on the first test that needs it. The same
 * goes for each group of its functions.
 */

import { loadLibrary } from "../ffi/library.ts";
import { SYMBOL_GROUPS } from "../ffi/symbols.ts";

const { functions } = loadLibrary();
for (const group of Object.values(SYMBOL_GROUPS)) Reflect.get(functions, Object.keys(group)[0]);
