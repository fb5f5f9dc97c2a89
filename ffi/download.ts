/**
 * Gets the C library from a URL, for programs that import valet's modules from one.
 *
 * @module
 */

/** Where a built library can be had from. */
export interface LibraryDownload {
  /** URL of the file: https:, http: or file:. */
  url: string | URL;
  /** SHA-256 of the file, 64 hexadecimal digits: a file with another one is not loaded. */
  sha256: string;
}

/** What valet uses of plug's `mod.ts`. */
interface Plug {
  download(options: { url: string; cache?: "reloadAll" }): Promise<string>;
}

// Held in a variable so that the import is looked at only when it is reached
const PLUG = "jsr:@denosaurs/plug@^1";

/**
 * Downloads the library, into plug's cache, and checks it.
 *
 * @returns its path, or undefined with the reason added to `tried`
 */
export async function downloadLibrary(
  download: LibraryDownload | undefined,
  tried: string[],
): Promise<string | undefined> {
  if (download === undefined) {
    tried.push("download: no URL is configured");
    return undefined;
  }
  const url = String(download.url);
  const sha256 = download.sha256.toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(sha256)) {
    throw new RangeError(
      `Cannot download "${url}": sha256 must be 64 hexadecimal digits, not "${download.sha256}"`,
    );
  }
  let path: string, found: string;
  try {
    const plug = await import(PLUG) as Plug;
    path = await plug.download({ url }); // with a name as well, plug takes the URL for a folder's
    found = await checksum(path);
    if (found !== sha256) { // what plug has kept may be an older file
      path = await plug.download({ url, cache: "reloadAll" });
      found = await checksum(path);
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    tried.push(`download of ${url} with ${PLUG}: ${message}`);
    return undefined;
  }
  if (found === sha256) return path;
  throw new Error(
    `Cannot load the valet library from "${url}": its SHA-256 is ${found}, expected ${sha256}` +
      "\nHint: If the file has changed for a good reason, change the checksum",
  );
}

async function checksum(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", Deno.readFileSync(path));
  return new Uint8Array(digest).toHex();
}
