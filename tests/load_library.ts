/**
 * Loads the C library before the tests, with `deno test --preload tests/load_library.ts`: it is loaded
 * once and stays, which the resource sanitizer would blame on the first test that needs it.
 */

import { loadLibrary } from "../ffi/library.ts";

loadLibrary();
