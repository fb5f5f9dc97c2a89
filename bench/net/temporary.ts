/** Folders for a measurement's files. */

import { atSignal } from "../at_signal.ts";

/** Makes one, which goes with all that is in it when the stack is disposed of. */
export function temporaryFolder(what: string, stack: AsyncDisposableStack): string {
  const folder = Deno.makeTempDirSync({ prefix: `valet-bench-${what}-` });
  const remove = (): void => Deno.removeSync(folder, { recursive: true });
  const forget = atSignal(remove);
  stack.defer(() => {
    forget();
    remove();
  });
  return folder;
}
