/** Random hooks, as text: most of them are in the subset, and none is outside of JavaScript. */

import fc from "fast-check";

import { BROADCAST, DROP, EtherType, type Lookup } from "../../mod.ts";
import { LEARN } from "../../hook/mod.ts";

const FIELDS = [
  "port",
  "ring",
  "length",
  "readableLength",
  "destinationMac",
  "sourceMac",
  "etherType",
  "protocol",
  "ttl",
  "sourceIpv4",
  "destinationPort",
  "tcpFlags",
  "payloadLength",
];
const CONDITIONS = ["isBroadcast", "isMulticast", "isArp", "isIpv4", "isIpv6", "isFragment"];
const NUMBERS = [0, 1, 2, 3, 7, 31, 32, 33, 63, 255, 0x7fffffff, 0x80000000, 0xffffffff];
const LARGE = [2 ** 32, 2 ** 47 + 12345, 2 ** 53 - 1];

// An interface would lack the index signature that letrec() wants
type Parts = { number: string; small: string; condition: string };

const { number, small, condition } = fc.letrec<Parts>((tie) => {
  const number = tie("number"), small = tie("small"), condition = tie("condition");
  const text = (
    parts: readonly fc.Arbitrary<string>[],
    join: (...parts: string[]) => string,
  ): fc.Arbitrary<string> => fc.tuple(...parts).map((texts) => join(...texts));
  const leaf = fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(...NUMBERS, ...LARGE).map(String),
    fc.nat(300).map(String),
    fc.constantFrom("a", "b", "c", "i", "BROADCAST", "EtherType.IPV4", "LIMIT"),
    fc.constantFrom(...FIELDS).map((field) => `packet.${field}`),
    fc.nat(70).map((at) => `packet.u8(${at})`),
    fc.constant("(packet.vlan ?? 5)"),
  );
  return {
    small: fc.oneof(
      { maxDepth: 4, depthIdentifier: "hook" },
      leaf.map((value) => `(${value} & 15)`),
      number.map((value) => `(${value} & 0xff)`),
      number.map((value) => `(${value} >>> 24)`),
      text(
        [number, fc.integer({ min: 1, max: 40 }).map(String)],
        (a, n) => `((${a} >>> 0) % ${n})`,
      ),
      text([small, small], (a, b) => `Math.min(${a}, ${b})`),
    ),
    number: fc.oneof(
      { maxDepth: 4, depthIdentifier: "hook", withCrossShrink: true },
      leaf,
      text(
        [fc.constantFrom("&", "|", "^", "<<", ">>", ">>>"), number, number],
        (op, a, b) => `(${a} ${op} ${b})`,
      ),
      text(
        [fc.constantFrom("+", "-", "*"), small, number],
        (op, a, b) => `(${a} ${op} (${b} | 0))`,
      ),
      text([fc.constantFrom("+", "-"), small, small], (op, a, b) => `(${a} ${op} ${b})`),
      text(
        [fc.constantFrom("/", "%"), number, number],
        (op, a, b) => `(((${a} >>> 0) ${op} (${b} >>> 0)) >>> 0)`,
      ),
      text([fc.constantFrom("/", "%"), small, small], (op, a, b) => `((${a} ${op} ${b}) | 0)`),
      text([number, small], (a, b) => `Math.floor((${a} >>> 0) / (${b} + 1))`),
      text([number, number], (a, b) => `Math.imul(${a}, ${b})`),
      text([fc.constantFrom("min", "max"), number, number], (f, a, b) => `Math.${f}(${a}, ${b})`),
      text([condition, number, number], (a, b, c) => `(${a} ? ${b} : ${c})`),
      text([fc.constantFrom("||", "&&"), number, number], (op, a, b) => `(${a} ${op} ${b})`),
      text([fc.constantFrom("~", "-", "+"), number], (op, a) => `(${op} ${a})`),
      text([fc.constantFrom("u8", "u16", "u32"), number], (f, at) => `packet.${f}(${at})`),
      text([fc.constantFrom("u8", "u16", "u32"), small], (f, at) => `packet.${f}(${at})`),
      small,
    ),
    condition: fc.oneof(
      { maxDepth: 3, depthIdentifier: "hook" },
      fc.constantFrom(...CONDITIONS).map((field) => `packet.${field}`),
      fc.constantFrom("(packet.vlan === undefined)", "(packet.vlan !== 3)", "flag", "true"),
      text(
        [fc.constantFrom("<", "<=", ">", ">=", "===", "!=="), number, number],
        (op, a, b) => `(${a} ${op} ${b})`,
      ),
      text([fc.constantFrom("&&", "||"), condition, condition], (op, a, b) => `(${a} ${op} ${b})`),
      condition.map((a) => `!${a}`),
      text([number, number], (a, b) => `(packet.vlan === ${a} || ${b} === packet.vlan)`),
    ),
  };
});

const variable = fc.constantFrom("a", "b", "c");

/** Copies go to ports 0 to 2^9 - 1, so that ports that are there are among them. */
const COPY_BITS = 8;

/** Bytes that are written, beyond the packet's end as well. */
const write = fc.tuple(
  fc.constantFrom("setU8", "setU16", "setU32"),
  fc.oneof(fc.nat(70).map(String), fc.constantFrom("a", "b - 9", "packet.u8(20)", "i")),
  fc.constantFrom("a", "b ^ c", "packet.u32(26)", "~packet.u16(8)", "c"),
).map(([name, at, value]) => `packet.${name}(${at}, ${value});`);

const { statement } = fc.letrec<{ statement: string; block: string }>((tie) => {
  const block = tie("block");
  return {
    block: fc.array(tie("statement"), { minLength: 1, maxLength: 3, depthIdentifier: "block" })
      .map((statements) => `{ ${statements.join(" ")} }`),
    statement: fc.oneof(
      { maxDepth: 2, depthIdentifier: "block", withCrossShrink: true },
      fc.tuple(variable, number).map(([name, value]) => `${name} = ${value};`),
      fc.tuple(variable, number).map(([name, value]) => `${name} ^= ${value};`),
      fc.tuple(variable, small).map(([name, value]) => `${name} = (${name} + ${value}) | 0;`),
      number.map((value) => `packet.ring = (${value}) >>> 0;`),
      number.map((value) => `packet.copyTo = (${value}) >>> ${31 - COPY_BITS};`),
      fc.tuple(
        fc.constantFrom("SourceMac", "DestinationMac", "SourceIpv4", "DestinationIpv4"),
        number,
      ).map(([field, value]) => `packet.set${field}((${value}) >>> 0);`),
      fc.tuple(fc.constantFrom("Source", "Destination"), number).map(([side, value]) =>
        `packet.set${side}Port((${value}) & 0xffff);`
      ),
      // What is read by headers cannot be read behind such writes
      fc.tuple(condition, fc.array(write, { minLength: 1, maxLength: 3 }), fc.nat(70)).map(
        ([test, writes, at]) =>
          `if (${test}) { ${writes.join(" ")} return packet.u16(${at}) ^ a; }`,
      ),
      condition.map((value) => `flag = ${value};`),
      fc.tuple(condition, number).map(([test, value]) => `if (${test}) return ${value};`),
      fc.tuple(condition, block, block).map(([test, yes, no]) => `if (${test}) ${yes} else ${no}`),
      fc.tuple(fc.nat(5), block).map(([rounds, body]) => {
        const inner = body.replace(/^{/, "{ const i = k;");
        return `for (let k = 0; k < ${rounds}; k++) ${inner}`;
      }),
      fc.tuple(fc.nat(6), condition, fc.constantFrom("break;", "continue;"), block).map(
        ([rounds, test, jump, body]) =>
          `for (let k = ${rounds}; k > 0; k -= 2) { const i = k * 3; if (${test}) ${jump} ${body} }`,
      ),
      fc.tuple(small, block, small).map(([rounds, body, step]) =>
        `{ let n = ${rounds} & 7; while (n > 0) { const i = n; ${body} n -= 1 + ${step}; } }`
      ),
      fc.tuple(small, number, condition).map(([more, other, test]) =>
        `{ const v = packet.vlan; if (v === undefined || ${test}) { a = ${other}; } ` +
        `else { b = v + ${more}; a = v; } c = v ?? ${other}; }`
      ),
      fc.tuple(variable, fc.nat(40), small, number).map(([name, low, value, other]) =>
        `if (${name} > ${low} && ${name} <= ${low + 9}) { b = ${value} / (${name} - ${low}) | 0; ` +
        `c = Math.floor(${value} / ${name}); } else if (!(${name} < 0) && ${name} !== 0) ` +
        `{ c = (${other} >>> 0) % ${name}; }`
      ),
      fc.tuple(small, number, number, block).map(([value, first, second, body]) =>
        `switch (${value}) { case 0: return ${first}; case 1: case 7: ${body} break; ` +
        `case 3: { const d = ${second}; b = d ^ a; break; } default: a = ${first}; }`
      ),
    ),
  };
});

/** The text of a hook. */
export const programs: fc.Arbitrary<string> = fc.tuple(
  fc.tuple(small, number, small),
  fc.array(statement, { maxLength: 5 }),
  number,
).map(([[a, b, c], statements, result]) => {
  const start = [a, b, c].map((value) => value.replace(/\b[abc]\b|\bflag\b/g, "1"));
  return `(packet) => {
  const i = 4;
  let flag = false, a = 1, b = 2, c = 3;
  a = ${start[0]}; b = ${start[1]}; c = ${start[2]};
  ${statements.join("\n  ")}
  return ${result};
}`;
});

/** What the hooks name. */
export const CONSTANTS = { LIMIT: 1000 };

/** The function itself. */
export function evaluate(text: string): Lookup {
  const names = { BROADCAST, DROP, LEARN, EtherType, ...CONSTANTS };
  return new Function(...Object.keys(names), `"use strict"; return ${text}`)(
    ...Object.values(names),
  );
}
