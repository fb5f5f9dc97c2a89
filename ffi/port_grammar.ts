/**
 * The grammar of port names, from text to parts; see `port_name.ts`.
 *
 * @module
 */

import { INTERFACE_NAME_BYTES, RegisterMode, REQUEST_NAME_BYTES } from "./constants.ts";
import {
  nameOf,
  type PortConfig,
  type PortExtmem,
  type PortFlags,
  type PortParts,
} from "./port_parts.ts";

const MAX_RING = 4094;
const MAX_U16 = 0xffff;
const MAX_U32 = 0xffffffff;
const NAME_BYTES = INTERFACE_NAME_BYTES - 1;
const PLAIN_NAME = /^\w{1,15}$/;

/** Letters after "/". */
export const FLAG_LETTERS: Readonly<Record<string, keyof PortFlags>> = {
  x: "exclusive",
  z: "zeroCopyMonitor",
  t: "monitorTx",
  r: "monitorRx",
  R: "rxOnly",
  T: "txOnly",
};

/** Keys of "@conf:", general ones first: the fields that each sets, and the largest value. */
export const CONFIG_KEYS: Readonly<Record<string, [(keyof PortConfig)[], number]>> = {
  "rings": [["txRings", "rxRings"], MAX_U16],
  "host-rings": [["hostTxRings", "hostRxRings"], MAX_U16],
  "slots": [["txSlots", "rxSlots"], MAX_U32],
  "tx-rings": [["txRings"], MAX_U16],
  "rx-rings": [["rxRings"], MAX_U16],
  "host-tx-rings": [["hostTxRings"], MAX_U16],
  "host-rx-rings": [["hostRxRings"], MAX_U16],
  "tx-slots": [["txSlots"], MAX_U32],
  "rx-slots": [["rxSlots"], MAX_U32],
};

/** Keys of "@extmem:" beside "file". */
export const EXTMEM_KEYS: Readonly<Record<string, Exclude<keyof PortExtmem, "file">>> = {
  "if-num": "ifNum",
  "if-size": "ifSize",
  "ring-num": "ringNum",
  "ring-size": "ringSize",
  "buf-num": "bufNum",
  "buf-size": "bufSize",
};

/** Keys of each option, and the one that must be set, which "@option=value" sets too. */
const OPTIONS: Readonly<Record<string, { keys: string[]; main?: string }>> = {
  conf: { keys: Object.keys(CONFIG_KEYS) },
  share: { keys: ["port"], main: "port" },
  extmem: { keys: ["file", ...Object.keys(EXTMEM_KEYS)], main: "file" },
  offset: { keys: ["initial", "bits"], main: "initial" },
};

/** A place in text[at, end) that moves forward. */
class Reader {
  constructor(readonly text: string, public at = 0, readonly end: number = text.length) {}

  /** What is left to read. */
  get rest(): string {
    return this.text.slice(this.at, this.end);
  }

  /** Reads what the pattern, which starts with "^", matches here; empty if nothing. */
  take(pattern: RegExp): string {
    const found = pattern.exec(this.rest)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  /** Reads a decimal number. */
  number(what: string, min: number, max: number): number {
    const at = this.at;
    const digits = this.take(/^[0-9]+/);
    if (digits === "") this.fail(`${what} must be a decimal number`);
    const value = Number(digits);
    if (value < min || value > max) this.fail(`${what} must be ${min} to ${max}`, at);
    return value;
  }

  /** Reads a decimal number that takes all the text. */
  wholeNumber(what: string, max: number): number {
    const value = this.number(what, 0, max);
    if (this.rest !== "") this.fail(`${what} must be a decimal number and nothing else`);
    return value;
  }

  fail(what: string, at: number = this.at): never {
    const from = Math.max(0, at - 60);
    const line = this.text.slice(from, from + 90).replace(/[^ -~\u00a1-\uffff]/g, "?");
    const picture = this.text === "" ? "" : `\n  ${line}\n  ${" ".repeat(at - from)}^`;
    throw new SyntaxError(`Cannot parse port name: ${what}${picture}`, { cause: { position: at } });
  }
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Checks a name that starts at `at`: its characters and its length. */
function checkName(reader: Reader, at: number, name: string, what: string, bad: RegExp): void {
  // Nothing of what follows can be wrong then; compiling classes of Unicode takes half a millisecond
  if (PLAIN_NAME.test(name)) return;
  const plus = /\+(conf|share|extmem|offset)[:=]/.exec(name);
  if (plus !== null) {
    reader.fail(`options start with "@": write "@${plus[1]}", not "+${plus[1]}"`, at + plus.index);
  }
  if (name === "") reader.fail(`name of the ${what} is missing`, at);
  const index = name.search(bad);
  if (index >= 0) {
    const character = JSON.stringify(String.fromCodePoint(name.codePointAt(index)!));
    reader.fail(`${character} cannot stand in the name of a ${what}`, at + index);
  }
  if (what !== "pipe" && byteLength(name) > NAME_BYTES) {
    reader.fail(`name of the ${what} has more than ${NAME_BYTES} bytes`, at);
  }
}

/** Reads a subsystem and a port. */
function readPort(reader: Reader): PortParts {
  let bridgeAt = reader.at;
  let bridge: string | undefined;
  const subsystem = reader.take(/^(?:netmap|vale)/);
  if (subsystem === "") {
    reader.fail('it must start with "netmap:", as in "netmap:eth0", or a bridge, as in "vale0:a"');
  }
  const idAt = reader.at;
  const id = reader.take(/^[^:]*/);
  if (reader.take(/^:/) === "") reader.fail('":" is missing, as in "netmap:eth0" or "vale0:a"');
  if (subsystem === "vale") {
    bridge = subsystem + id;
  } else if (id !== "") {
    reader.fail('nothing can stand between "netmap" and ":"', idAt);
  } else if (reader.rest.startsWith("vale")) {
    // netmap itself takes every name that starts like this for a port of a bridge
    bridgeAt = reader.at;
    bridge = reader.take(/^[^-*^/@{}:]*/);
    if (reader.take(/^:/) === "") {
      reader.fail(
        '":" is missing: names that start with "vale" are ports of bridges, as "vale0:a"',
      );
    }
  }
  if (bridge !== undefined) checkName(reader, bridgeAt, bridge, "bridge", /[^A-Za-z0-9_]/);

  const nameAt = reader.at;
  const name = reader.take(/^[^-*^/@{}]*/);
  if (bridge === undefined) {
    checkName(reader, nameAt, name, "network interface", /[\s:\p{Cc}\p{Cf}\p{Cs}]/u);
  } else checkName(reader, nameAt, name, "port", /[\s\p{Cc}\p{Cf}\p{Cs}]/u);
  const port: PortParts = { ...(bridge !== undefined && { bridge }), interface: name };
  const brace = reader.take(/^[{}]/);
  if (brace !== "") {
    const pipeAt = reader.at;
    const pipe = reader.take(/^[^-*^/@]*/);
    checkName(reader, pipeAt, pipe, "pipe", /[^A-Za-z0-9_]/);
    port.pipe = { role: brace === "{" ? "master" : "slave", id: pipe };
    const bytes = byteLength(nameOf(port));
    if (bytes >= REQUEST_NAME_BYTES) {
      reader.fail(`whole name has ${bytes} bytes, at most ${REQUEST_NAME_BYTES - 1} fit`, pipeAt);
    }
  }
  return port;
}

/** Reads which rings to bind. */
function readRings(reader: Reader): { mode: RegisterMode; ringIndex: number } {
  const sign = reader.take(/^[-*^]/);
  if (sign === "") return { mode: RegisterMode.ALL_NIC, ringIndex: 0 };
  if (sign === "*") return { mode: RegisterMode.NIC_SW, ringIndex: 0 };
  if (!/^[0-9]/.test(reader.rest)) {
    if (sign === "^") return { mode: RegisterMode.SW, ringIndex: 0 };
    reader.fail(
      '"-" must be followed by the number of a ring; if the interface has "-" in its name, ' +
        "rename it: ip link set dev NAME name NEW",
    );
  }
  const ringIndex = reader.number("number of a ring", 0, MAX_RING);
  return { mode: sign === "^" ? RegisterMode.ONE_SW : RegisterMode.ONE_NIC, ringIndex };
}

/** Reads flags and memory regions, in any order, up to the options. */
function readFlags(reader: Reader): { flags: Partial<PortFlags>; memoryId?: number } {
  const flags: Partial<PortFlags> = {};
  let memoryId: number | undefined;
  while (!/^(?:$|@[^0-9])/.test(reader.rest)) {
    if (reader.take(/^\//) !== "") {
      const letters = reader.take(/^[xztrRT]*/);
      for (const letter of letters) flags[FLAG_LETTERS[letter]] = true;
      if (reader.rest === "" ? letters === "" : !reader.rest.startsWith("@")) {
        reader.fail('flags after "/" are x, z, t, r, R and T');
      }
    } else if (reader.take(/^@/) !== "") {
      if (reader.rest === "") reader.fail('memory region or option is missing after "@"');
      const at = reader.at;
      const id = reader.number("number of a memory region", 1, MAX_U16);
      if (id !== (memoryId ??= id)) reader.fail(`memory region is ${memoryId} already`, at);
    } else {
      reader.fail('only "/" and flags, or "@" and a memory region or an option can stand here');
    }
  }
  return { flags, ...(memoryId !== undefined && { memoryId }) };
}

/** Reads "key=value,..." of an option. */
function readKeys(reader: Reader, keys: string[]): Map<string, Reader> {
  const values = new Map<string, Reader>();
  while (reader.rest !== "") {
    const at = reader.at;
    const key = reader.take(/^[^=,]*/).replaceAll("_", "-");
    if (!keys.includes(key)) reader.fail(`key must be one of ${keys.join(", ")}`, at);
    if (values.has(key)) reader.fail(`"${key}" is given twice`, at);
    if (reader.take(/^=/) === "") reader.fail(`"=" and a value are missing after "${key}"`);
    const valueAt = reader.at;
    if (reader.take(/^[^,]+/) === "") reader.fail(`value of "${key}" is missing`);
    values.set(key, new Reader(reader.text, valueAt, reader.at));
    if (reader.take(/^,/) !== "" && reader.rest === "") reader.fail('key is missing after ","');
  }
  return values;
}

/** Reads one option after its "@" into the port. */
function readOption(reader: Reader, port: PortParts): void {
  const at = reader.at;
  const option = reader.take(/^[^@:=]*/);
  if (/^[0-9]/.test(option)) reader.fail("the memory region must stand before the options", at);
  if (!Object.hasOwn(OPTIONS, option)) {
    reader.fail(`option after "@" must be one of ${Object.keys(OPTIONS).join(", ")}`, at);
  }
  const { keys, main } = OPTIONS[option];
  const sign = reader.take(main === undefined ? /^:/ : /^[:=]/);
  if (sign === "") {
    reader.fail(`"@${option}" needs a value, as in "@${option}:${keys[0]}=..."`);
  }
  const bodyAt = reader.at;
  reader.take(/^[^@]*/);
  const body = new Reader(reader.text, bodyAt, reader.at);
  const values = sign === "=" && body.rest !== "" ? new Map([[main!, body]]) : readKeys(body, keys);
  const first = values.get(main ?? "");
  if (main !== undefined && first === undefined) {
    reader.fail(`value of "${main}" is missing in "@${option}"`, bodyAt);
  }
  if ((option === "extmem" || option === "offset") && port[option] !== undefined) {
    reader.fail(`"@${option}" is given twice`, at);
  }
  const number = (key: string, max: number): number =>
    values.get(key)?.wholeNumber(`"${key}"`, max) ?? 0;

  switch (option) {
    case "conf":
      for (const [key, [fields, max]] of Object.entries(CONFIG_KEYS)) {
        const value = number(key, max);
        if (!values.has(key)) continue;
        for (const field of fields) (port.config ??= {})[field] = value;
      }
      break;
    case "share": {
      const shared = nameOf(readPort(first!));
      if (first!.rest !== "") first!.fail("only the port can stand here, without rings and flags");
      if (shared !== (port.share ??= shared)) {
        reader.fail(`memory is shared with "${port.share}" already`, bodyAt);
      }
      break;
    }
    case "extmem":
      port.extmem = { file: first!.rest };
      for (const [key, field] of Object.entries(EXTMEM_KEYS)) {
        port.extmem[field] = number(key, MAX_U32);
      }
      break;
    case "offset":
      port.offset = { initial: number("initial", 65536), bits: number("bits", 64) };
  }
}

/**
 * Reads a whole port name.
 *
 * @throws {SyntaxError} if it is none; `cause` is `{ position }`
 */
export function readPortName(text: string): PortParts {
  const reader = new Reader(text);
  const port: PortParts = { ...readPort(reader), ...readRings(reader), ...readFlags(reader) };
  while (reader.take(/^@/) !== "") readOption(reader, port);
  return port;
}
