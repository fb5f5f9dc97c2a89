/**
 * Finds a program's file, and tells whether a library can be loaded before its own.
 *
 * @module
 */

import { delimiter, join } from "node:path";
import type { Context } from "../context.ts";
import { readElf } from "./elf.ts";

const SETUID = 0o4000, SETGID = 0o2000;

/** Interpreters may be scripts in turn; Linux follows that few. */
const INTERPRETERS = 5;

const PRELOAD = "LD_PRELOAD";

/**
 * The file of a command, looked for on the PATH if there is no slash in it.
 *
 * @throws {Error} if there is none, or it cannot be executed
 */
export function findProgram(command: string, context: Context): string {
  if (command.includes("/")) {
    const path = context.path(command);
    const fault = whyNot(path);
    if (fault === undefined) return path;
    throw new Error(`Cannot run "${command}": ${fault}`);
  }
  const folders = (context.env("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(delimiter);
  for (const folder of folders) {
    const path = join(context.path(folder), command);
    if (whyNot(path) === undefined) return path;
  }
  throw new Error(
    `Cannot run "${command}": there is no such program on the PATH\n` +
      "Hint: For one in this folder, write ./ in front of it",
  );
}

function whyNot(path: string): string | undefined {
  try {
    const { isFile, mode } = Deno.statSync(path);
    if (!isFile) return "it is no file";
    return ((mode ?? 0) & 0o111) === 0 ? "it is not executable" : undefined;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? "there is no such file" : String(error);
  }
}

/**
 * Why preloading cannot work with a program: a reason and what helps; undefined when nothing is in
 * the way. See ld.so(8), LD_PRELOAD and "Secure-execution mode".
 */
export async function obstacle(file: string): Promise<string | undefined> {
  for (let depth = 0, path = file; depth < INTERPRETERS; depth++) {
    const start = readStart(path);
    if (start === undefined) return undefined; // it may be executed, but not read
    const interpreter = interpreterOf(start);
    if (interpreter === undefined) return await binaryObstacle(path);
    path = interpreter;
  }
  return undefined;
}

async function binaryObstacle(path: string): Promise<string | undefined> {
  const secure = await whySecure(path);
  if (secure !== undefined) {
    return `"${path}" ${secure}, and for such programs the loader ignores ${PRELOAD}\n` +
      `Hint: Run a copy of it that has no such rights ("cp ${path} ."): with valet it needs none`;
  }
  const elf = readElf(path);
  if (elf === undefined) return undefined; // the kernel will say what it thinks of it
  if (!elf.isDynamic) {
    return `"${path}" is statically linked, so no library can be loaded before its own\n` +
      "Hint: Link it dynamically (without -static)";
  }
  if (elf.bits !== 64) {
    return `"${path}" is a ${elf.bits}-bit program, and valet's library a 64-bit one`;
  }
  return undefined;
}

/** Whether the kernel would start the program with rights that its caller has not. */
async function whySecure(path: string): Promise<string | undefined> {
  const { mode, uid, gid } = Deno.statSync(path);
  if (((mode ?? 0) & SETUID) !== 0 && uid !== Deno.uid()) return "is setuid";
  if (((mode ?? 0) & SETGID) !== 0 && gid !== Deno.gid()) return "is setgid";
  if (Deno.uid() === 0) return undefined; // root has the capabilities anyway
  try {
    const { stdout } = await new Deno.Command("getcap", { args: [path] }).output();
    return stdout.length > 0 ? "has capabilities of its own (getcap)" : undefined;
  } catch {
    return undefined; // no getcap to ask: most files have none
  }
}

function readStart(path: string): Uint8Array | undefined {
  try {
    using file = Deno.openSync(path);
    const start = new Uint8Array(256);
    return start.subarray(0, file.readSync(start) ?? 0);
  } catch {
    return undefined;
  }
}

/** Of a script: "#!/bin/sh". */
function interpreterOf(start: Uint8Array): string | undefined {
  if (start[0] !== 0x23 || start[1] !== 0x21) return undefined;
  const [line] = new TextDecoder().decode(start.subarray(2)).split("\n");
  return line.trim().split(/\s/)[0] || undefined;
}
