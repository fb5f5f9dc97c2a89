/**
 * Port names: libnetmap's grammar for "which port, which rings, which memory".
 *
 * ```text
 * portname  := subsystem ":" port [rings] {"/" flags | "@" memory} {"@" option}
 * subsystem := "netmap" | "vale" [letters, digits, "_"]
 * port      := name [("{" | "}") pipe]                        pipe: letters, digits, "_"
 * rings     := "^" host | "^N" one host | "*" all and host | "-N" one     (none: all but host)
 * flags     := x exclusive, z zero-copy monitor, t monitor TX, r monitor RX, R only RX, T only TX
 * memory    := number of a memory region, from 1
 * option    := "share=" port name | "conf:" rings, slots, tx-rings, rx-rings, tx-slots, rx-slots,
 *              host-rings, host-tx-rings, host-rx-rings | "extmem=" file | "extmem:file=..." with
 *              if-num, if-size, ring-num, ring-size, buf-num, buf-size | "offset=" bytes |
 *              "offset:initial=...,bits=..."
 * ```
 *
 * What libnetmap would cut off, take for 0 or pass on to fail later is an error here: numbers that
 * do not fit, values that are not numbers, names that no kernel accepts, "+conf:" inside a name.
 *
 * @module
 */

import { RegisterMode } from "./constants.ts";
import { CONFIG_KEYS, EXTMEM_KEYS, FLAG_LETTERS, readPortName } from "./port_grammar.ts";
import {
  complete,
  type PortConfig,
  type PortExtmem,
  type PortName,
  type PortParts,
} from "./port_parts.ts";

export type {
  PortConfig,
  PortExtmem,
  PortFlags,
  PortName,
  PortOffset,
  PortParts,
  PortPipe,
} from "./port_parts.ts";

/** A port of a bridge and nothing else, without a letter or a length that has to be looked at. */
const PLAIN_PORT = /^(vale\w{0,11}):(\w{1,15})$/;

/**
 * Takes a port name apart. Nothing is opened or looked up.
 *
 * @param text for example "netmap:eth0-2/T", "vale0:a", "vale0:a{1@conf:slots=256"
 * @returns all parts, with defaults for what the name does not say
 * @throws {SyntaxError} if it is no port name; the message shows the place and the mend, and `cause`
 * is `{ position }`, the index in `text`
 *
 * @example
 * ```ts
 * import { parsePortName } from "./port_name.ts";
 *
 * const { name, ringIndex, flags } = parsePortName("netmap:eth0-2/T");
 * console.log(name, ringIndex, flags.txOnly); // eth0 2 true
 * ```
 */
export function parsePortName(text: string): PortName {
  if (typeof text !== "string") {
    throw new TypeError(`Cannot parse port name: expected a string, got ${typeof text}`);
  }
  // Most are: reading them with the whole grammar would take the first one a millisecond more
  const [, bridge, name] = PLAIN_PORT.exec(text) ?? [];
  return complete(name ? { bridge, interface: name } : readPortName(text), text);
}

function formatRings({ mode, ringIndex }: PortName): string {
  if (mode === RegisterMode.ALL_NIC) return "";
  if (mode === RegisterMode.SW) return "^";
  if (mode === RegisterMode.NIC_SW) return "*";
  if (mode === RegisterMode.ONE_NIC) return `-${ringIndex}`;
  if (mode === RegisterMode.ONE_SW) return `^${ringIndex}`;
  throw new RangeError(`Cannot format port name: register mode ${mode} has no notation`);
}

function formatConfig(config: PortConfig): string {
  const left = { ...config };
  const pairs: string[] = [];
  for (const [key, [fields]] of Object.entries(CONFIG_KEYS)) {
    const value = left[fields[0]];
    if (value === 0 || fields.some((field) => left[field] !== value)) continue;
    pairs.push(`${key}=${value}`);
    for (const field of fields) left[field] = 0;
  }
  return pairs.length === 0 ? "" : `@conf:${pairs.join(",")}`;
}

function formatExtmem(extmem: PortExtmem): string {
  const pairs = Object.entries(EXTMEM_KEYS)
    .filter(([, field]) => extmem[field] !== 0)
    .map(([key, field]) => `,${key}=${extmem[field]}`);
  return (pairs.length === 0 ? "@extmem=" : "@extmem:file=") + extmem.file + pairs.join("");
}

/**
 * Writes the shortest port name for some parts: the reverse of {@linkcode parsePortName}.
 *
 * @param port parts, for example the result of parsePortName(); its `text`, `name` and `subsystem`
 * are not looked at
 * @throws {RangeError} if there is no name for these parts, for example because an interface has "-"
 * in its name
 *
 * @example
 * ```ts
 * import { formatPortName } from "./port_name.ts";
 *
 * formatPortName({ bridge: "vale0", interface: "a", config: { txSlots: 256, rxSlots: 256 } });
 * // "vale0:a@conf:slots=256"
 * ```
 */
export function formatPortName(port: PortParts): string {
  const full = complete(port, "");
  const flags = Object.entries(FLAG_LETTERS).filter(([, flag]) => full.flags[flag]);
  let text = (full.bridge === undefined ? "netmap:" : "") + full.name + formatRings(full);
  if (flags.length > 0) text += `/${flags.map(([letter]) => letter).join("")}`;
  if (full.memoryId !== undefined) text += `@${full.memoryId}`;
  text += formatConfig(full.config);
  if (full.share !== undefined) {
    text += `@share=${full.share.startsWith("vale") ? "" : "netmap:"}${full.share}`;
  }
  if (full.extmem !== undefined) text += formatExtmem(full.extmem);
  if (full.offset !== undefined) {
    const { initial, bits } = full.offset;
    text += bits === 0 ? `@offset=${initial}` : `@offset:initial=${initial},bits=${bits}`;
  }
  checkReadsBack(text, full);
  return text;
}

function checkReadsBack(text: string, port: PortName): void {
  let parsed: PortName;
  try {
    parsed = { ...parsePortName(text), text: "" };
  } catch (cause) {
    throw new RangeError(`Cannot format port name: ${JSON.stringify(text)} is not one`, { cause });
  }
  for (const key of Object.keys(port) as (keyof PortName)[]) {
    if (JSON.stringify(parsed[key]) !== JSON.stringify(port[key])) {
      const value = JSON.stringify(port[key]);
      throw new RangeError(`Cannot format port name: no notation for ${key} ${value}`);
    }
  }
}
