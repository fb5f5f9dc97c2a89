/**
 * Which file the C library is.
 *
 * @module
 */

import { loadLibrary } from "./library.ts";

/**
 * The file that the C library was loaded from; loads it if it is not yet.
 *
 * @throws {Error} if there is none; the message says what was tried and what helps
 *
 * @example
 * ```ts
 * import { libraryPath } from "@valet/valet";
 *
 * console.log(libraryPath()); // ".../c/build/libvalet.so"
 * ```
 */
export function libraryPath(): string {
  return loadLibrary().path;
}
