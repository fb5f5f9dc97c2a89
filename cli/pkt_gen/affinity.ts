/**
 * `-a`: a thread stays on a CPU.
 *
 * @module
 */

/**
 * Keeps the calling thread, which in a Worker is the Worker's own, on one CPU. Done by taskset(1) of util-linux:
 * there is no system call for it in Deno.
 *
 * @throws {Error} if it cannot be done
 */
export function pinThread(cpu: number): void {
  // PID/task/TID of whoever looks
  const thread = Deno.readLinkSync("/proc/thread-self").split("/").pop() ?? "";
  let output: Deno.CommandOutput;
  try {
    output = new Deno.Command("taskset", { args: ["-pc", `${cpu}`, thread], stdin: "null" })
      .outputSync();
  } catch (error) {
    throw new Error(
      `Cannot pin a thread to CPU ${cpu}: ${(error as Error).message}\n` +
        'Hint: It takes "taskset", which is in the package util-linux',
    );
  }
  if (output.success) return;
  const text = new TextDecoder().decode(output.stderr).trim();
  throw new Error(
    `Cannot pin a thread to CPU ${cpu}: ${text}\nHint: "taskset -pc $$" shows which CPUs there are`,
  );
}
