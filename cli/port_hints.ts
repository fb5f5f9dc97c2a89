/**
 * What helps when a port cannot be opened by a program that takes it with `-i`, in words of the shell.
 *
 * Pure.
 *
 * @module
 */

import { type Netmap, NetmapError } from "../mod.ts";

type Hint = string | ((error: NetmapError, onKernel: boolean) => string);

/** By operation and name of the error. */
const HINTS: Readonly<Record<string, Hint>> = {
  "open ENXIO": ({ port = "" }, onKernel) =>
    port.startsWith("vale")
      ? "There is no such port or ring"
      : onKernel
      ? 'There is no such network interface ("ip link" lists them), or no such ring'
      : `There is no such interface: "vale-ctl -n ${port || "vi0"}" makes one; ports of a bridge ` +
        'are named like "vale0:a"',
  "open EINVAL": 'The port does not have what the name asks for, or there is no such memory: "-i ' +
    'vale0:a@conf:rings=4" makes a port with 4 rings, VALE ports have no host rings',
  "open ENOMEM": "Fewer slots or rings need fewer buffers, and ports can share one memory: " +
    '"-i vale0:a@conf:slots=256", "-i vale0:a@share=vale0:b"',
};

/** The message of a failure, with a hint for who types commands. */
export function failureText(error: unknown, onKernel: boolean): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof NetmapError)) return error.message;
  const hint = HINTS[`${error.operation} ${error.code}`];
  if (hint === undefined) return error.message;
  const [cause] = error.message.split("\n");
  return `${cause}\nHint: ${typeof hint === "string" ? hint : hint(error, onKernel)}`;
}

/** The failure with that message; it is what a command throws. */
export function withHint(error: unknown, { backend }: Netmap): unknown {
  if (!(error instanceof NetmapError)) return error;
  return new Error(failureText(error, backend === "kernel"), { cause: error });
}
