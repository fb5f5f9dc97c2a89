/**
 * Names as they stand in requests.
 *
 * @module
 */

import { show } from "./errors.ts";
import { parsePortName } from "./port_name.ts";

/** What stands for a port in requests: of "netmap:vi0" and "vi0" it is "vi0". */
export function requestName(name: string): string {
  if (typeof name !== "string") {
    throw new TypeError(`Cannot use ${show(name)} as a port's name: expected a string`);
  }
  return name.includes(":") ? parsePortName(name).name : name;
}

/** The name of a bridge, without the colon at its end. */
export function bridgeName(name: string): string {
  if (typeof name !== "string") {
    throw new TypeError(`Cannot use ${show(name)} as a bridge: expected a string`);
  }
  const plain = name.replace(/:$/, "");
  if (/^vale[A-Za-z0-9_]{0,11}$/.test(plain)) return plain;
  throw new SyntaxError(
    `Cannot use ${show(name)} as a bridge: the name is "vale" and letters, digits and "_", ` +
      'at most 15 characters in all, as "vale0"',
  );
}
