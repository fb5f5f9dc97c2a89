/** What tests of the typed modules share: an engine of their own, and frames. */

import "../load_library.ts";
import { Netmap } from "../../mod.ts";

let count = 0;

/** A netmap on an engine that no other test uses. */
export function testNetmap(): Netmap {
  return Netmap.open({ backend: "embedded", instance: `test ${crypto.randomUUID().slice(0, 18)}` });
}

/** An Ethernet frame to everybody with a number in it. */
export function frame(tag: number = count++, length = 60): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  bytes.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  for (let i = 18; i < length; i++) bytes[i] = tag * 7 + i;
  new DataView(bytes.buffer).setUint32(14, tag);
  return bytes;
}

/** The number in a frame. */
export function tagOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(14);
}

/** What a script prints when it is run by Deno with some arguments: output, error output, code. */
export async function runScript(
  script: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; output: string; errors: string }> {
  const folder = new URL("../../", import.meta.url);
  const source = script.replaceAll("valet:", folder.href);
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, source);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--no-prompt", "--quiet", ...args, file],
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    return { code, output: text.decode(stdout), errors: text.decode(stderr) };
  } finally {
    await Deno.remove(file);
  }
}
