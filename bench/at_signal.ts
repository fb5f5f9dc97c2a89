/** What has to be taken away when a signal ends this process: nothing of a measurement may stay behind. */

/** Signals that end this process, and their numbers. */
const SIGNALS = [["SIGHUP", 1], ["SIGINT", 2], ["SIGTERM", 15]] as const;

const actions = new Set<() => void>();

const listeners = SIGNALS.map(([name, number]) =>
  [name, (): void => {
    for (const action of [...actions].reverse()) {
      try {
        action();
      } catch {
        // The others have to be done all the same
      }
    }
    Deno.exit(128 + number);
  }] as const
);

/**
 * Has something done at such a signal, the last one first; then the process ends.
 *
 * @returns what takes that back
 */
export function atSignal(action: () => void): () => void {
  if (actions.size === 0) {
    for (const [name, listener] of listeners) Deno.addSignalListener(name, listener);
  }
  actions.add(action);
  return () => {
    if (!actions.delete(action) || actions.size > 0) return;
    for (const [name, listener] of listeners) Deno.removeSignalListener(name, listener);
  };
}
