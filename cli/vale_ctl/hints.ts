/**
 * What helps when vale-ctl fails, in words of the shell.
 *
 * Pure.
 *
 * @module
 */

import type { BackendName, NetmapError } from "../../mod.ts";
import type { Order } from "./actions.ts";

type Hint = string | ((name: string, backend: BackendName) => string);

const LIST = '"vale-ctl" lists what is there';

const NO_INTERFACE: Hint = (name) => {
  const port = name.slice(name.indexOf(":") + 1);
  return `There is no such interface: "vale-ctl -n ${port || "vi0"}" makes one, ` +
    '"ip link" lists those of the system';
};

const NO_PORT: Hint = (_, backend) =>
  `There is no such port: ${LIST}` +
  (backend === "kernel"
    ? ". netmap's module also says this of a port made by -n that was opened before (its issue " +
      "882): such a port stays until the module is unloaded"
    : "");

const ONLY_NICS = "Only network interfaces of the system can be polled";

/** By letter of the action and name of the error. */
const HINTS: Readonly<Record<string, Hint>> = {
  "a EBUSY": `It is attached already, or open: ${LIST}`,
  "a EINVAL": NO_INTERFACE,
  "a ENXIO": NO_INTERFACE,
  "d ENXIO": NO_PORT,
  "d ENOENT": NO_PORT,
  "d EBUSY": (name, backend) =>
    "It is in use: end the program that has it open. A port that a program has made by opening it " +
    "leaves with that program" +
    (backend === "kernel" ? `. If it is polled, "vale-ctl -P ${name}" comes first` : ""),
  "n EEXIST": (name) => `There is an interface of that name: "vale-ctl -r ${name}" removes it`,
  "n EINVAL": 'An interface has a name without "vale0:", of 1 to 15 characters; a memory region ' +
    "given with -m has to exist",
  "r ENXIO": "There is no persistent interface of that name",
  "r EBUSY": (name) =>
    `It is attached or open: ${LIST}, "vale-ctl -d vale0:${name}" detaches it from vale0`,
  "g ENXIO": `There is no such port or interface: ${LIST}`,
  "l ENXIO": `There is no such port on the bridge: ${LIST}`,
  "l ENOENT": `There is no such bridge: ${LIST}`,
  "l EINVAL": 'A port of a bridge is written "vale0:vi0"',
  "p ENXIO": NO_PORT,
  "p EOPNOTSUPP": ONLY_NICS,
  "P ENXIO": NO_PORT,
  "P EOPNOTSUPP": ONLY_NICS,
};

/** What helps; undefined when the error's own hint will do. */
export function shellHint(
  { code, operation }: NetmapError,
  { letter, name }: Order,
  backend: BackendName,
): string | undefined {
  if (operation === "attach socket") return undefined;
  const hint = HINTS[`${letter === "h" ? "a" : letter} ${code}`];
  return typeof hint === "function" ? hint(name, backend) : hint;
}
