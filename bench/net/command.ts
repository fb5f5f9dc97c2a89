/** Running programs of the system. */

/** Runs a program, and returns what it prints; throws with it when it fails. */
export async function run(...[program, ...args]: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" })
    .output();
  const text = new TextDecoder(), output = text.decode(stdout);
  if (success) return output;
  throw new Error(
    `Cannot run "${[program, ...args].join(" ")}": ${output}${text.decode(stderr)}`.trimEnd(),
  );
}

/** The same, of which nothing is expected. */
export async function attempt(...command: readonly string[]): Promise<void> {
  await run(...command).catch(() => {});
}

/** Whether a program is there: one of the search path, or a path. */
export function hasProgram(name: string): boolean {
  const folders = name.includes("/") ? [""] : (Deno.env.get("PATH") ?? "").split(":");
  return [...folders, "/usr/sbin", "/sbin"].some((folder) => {
    try {
      return Deno.statSync(folder === "" ? name : `${folder}/${name}`).isFile;
    } catch {
      return false;
    }
  });
}

/** Waits until something holds; throws after a while. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patienceMs = 20_000,
): Promise<void> {
  for (const end = performance.now() + patienceMs; !await holds();) {
    if (performance.now() > end) throw new Error(`Waited in vain: ${what}`);
    await sleep(20);
  }
}

/** Waits for so long. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
