// Shows that port names mean what they mean to libnetmap, and that what it mistakes is refused.

import assert from "node:assert/strict";
import { RegisterMode } from "../../ffi/constants.ts";
import { readPortName } from "../../ffi/port_grammar.ts";
import { complete } from "../../ffi/port_parts.ts";
import {
  formatPortName,
  parsePortName,
  type PortConfig,
  type PortFlags,
  type PortName,
  type PortParts,
} from "../../ffi/port_name.ts";

const { ALL_NIC, NIC_SW, ONE_NIC, ONE_SW, SW } = RegisterMode;
const exclusive = true, monitorTx = true, monitorRx = true, zeroCopyMonitor = true;
const rxOnly = true, txOnly = true;

/** What is checked of a parsed name; what a row leaves out must have its default. */
interface Meaning {
  name: string;
  mode?: RegisterMode;
  ringIndex?: number;
  flags?: Partial<PortFlags>;
  memoryId?: number;
  share?: string;
  config?: Partial<PortConfig>;
  extmem?: PortName["extmem"];
  offset?: PortName["offset"];
}

const PLAIN = parsePortName("netmap:eth0");

function assertMeans(text: string, meaning: Meaning): void {
  const port = parsePortName(text);
  const { name, mode, ringIndex, flags, memoryId, share, config, extmem, offset } = port;
  assert.equal(port.text, text);
  assert.deepEqual(
    { name, mode, ringIndex, flags, memoryId, share, config, extmem, offset },
    {
      mode: ALL_NIC,
      ringIndex: 0,
      memoryId: undefined,
      share: undefined,
      extmem: undefined,
      offset: undefined,
      ...meaning,
      flags: { ...PLAIN.flags, ...meaning.flags },
      config: { ...PLAIN.config, ...meaning.config },
    },
    text,
  );
}

/** Checks that the text is refused at a place and with a message, and that the caret stands there. */
function assertRefused(text: string, position: number, message?: RegExp): void {
  assert.throws(() => parsePortName(text), (error) => {
    assert.ok(error instanceof SyntaxError, String(error));
    assert.deepEqual(error.cause, { position }, `${text}\n${error.message}`);
    if (message !== undefined) assert.match(error.message, message);
    const [what, line, caret] = error.message.split("\n");
    assert.match(what, /^Cannot parse port name: \S.*[^.]$/);
    if (text === "") assert.equal(line, undefined);
    else if (text.length < 60) {
      const printable = text.replace(/\p{Cc}/gu, "?");
      assert.deepEqual([line, caret.length], [`  ${printable}`, position + 3]);
    }
    return true;
  });
}

// The cases of netmap's own parse test (utils/ctrl-api-test.c), the two stale ones corrected: see
// "netmap:vale0:0" and "netmap:eth0&". A number is the place of the error.
const LIBNETMAP_CASES: [string, Meaning | number][] = [
  ["", 0],
  ["eth0", 0],
  ["netmapXXX:eth0", 6],
  ["netmap:", 7],
  ["netmap:^", 7],
  ["netmap:{", 7],
  ["netmap:eth0", { name: "eth0" }],
  ["netmap:14", { name: "14" }],
  ["netmap:eth0&", { name: "eth0&" }],
  ["netmap:vale0:0", { name: "vale0:0" }],
  ["netmap:eth0^", { name: "eth0", mode: SW }],
  ["netmap:eth0*", { name: "eth0", mode: NIC_SW }],
  ["netmap:eth0-1", { name: "eth0", mode: ONE_NIC, ringIndex: 1 }],
  ["netmap:eth0-", 12],
  ["netmap:eth0/x", { name: "eth0", flags: { exclusive } }],
  ["netmap:eth0/z", { name: "eth0", flags: { zeroCopyMonitor } }],
  ["netmap:eth0/r", { name: "eth0", flags: { monitorRx } }],
  ["netmap:eth0/t", { name: "eth0", flags: { monitorTx } }],
  ["netmap:eth0-2/Tx", { name: "eth0", mode: ONE_NIC, ringIndex: 2, flags: { txOnly, exclusive } }],
  ["netmap:eth0@2", { name: "eth0", memoryId: 2 }],
  ["netmap:eth0@2/R", { name: "eth0", memoryId: 2, flags: { rxOnly } }],
  ["netmap:eth0@2/R@2", { name: "eth0", memoryId: 2, flags: { rxOnly } }],
  ["netmap:eth0@2/R@3", 16],
  ["netmap:eth0@", 12],
  ["netmap:eth0@netmap:lo/R", 12],
  ["netmap:eth0/R@xxx", 14],
  ["netmap:pipe{0", { name: "pipe{0" }],
  ["netmap:pipe{in", { name: "pipe{in" }],
  ["netmap:pipe{in-7", { name: "pipe{in", mode: ONE_NIC, ringIndex: 7 }],
  ["netmap:pipe{1}2", 13],
  ["vale0:0", { name: "vale0:0" }],
  ["vale:0", { name: "vale:0" }],
  ["valeXXX:YYY", { name: "valeXXX:YYY" }],
  ["valeXXX:YYY-4", { name: "valeXXX:YYY", mode: ONE_NIC, ringIndex: 4 }],
  ["vale0:0{0", { name: "vale0:0{0" }],
  ["vale0:0@opt", 8],
  ["vale0:0/Tx@opt", 11],
  ["vale0:0-3@opt", 10],
  ["vale0:0@", 8],
];

for (const [text, result] of LIBNETMAP_CASES) {
  if (typeof result === "number") {
    Deno.test(`parsePortName() refuses ${JSON.stringify(text)} at ${result}`, () => {
      assertRefused(text, result);
    });
  } else {
    Deno.test(`parsePortName() reads ${JSON.stringify(text)} as libnetmap does`, () => {
      assertMeans(text, result);
    });
  }
}

Deno.test("parsePortName() reads a host ring, flags without a letter and repeated flags", () => {
  assertMeans("netmap:eth0^3", { name: "eth0", mode: ONE_SW, ringIndex: 3 });
  assertMeans("netmap:eth0^/x", { name: "eth0", mode: SW, flags: { exclusive } });
  assertMeans("netmap:eth0*@1/rr", {
    name: "eth0",
    mode: NIC_SW,
    memoryId: 1,
    flags: { monitorRx },
  });
  assertMeans("netmap:eth0/@1", { name: "eth0", memoryId: 1 });
  assertMeans("netmap:eth0-4094", { name: "eth0", mode: ONE_NIC, ringIndex: 4094 });
  assertMeans("netmap:eth0-2/T@1", {
    name: "eth0",
    mode: ONE_NIC,
    ringIndex: 2,
    flags: { txOnly },
    memoryId: 1,
  });
});

Deno.test("parsePortName() reads conf keys, the specific ones over the general ones", () => {
  const config = { txSlots: 16, rxSlots: 16 };
  assertMeans("vale0:a@1@conf:slots=16", { name: "vale0:a", memoryId: 1, config });
  assertMeans("vale0:a@conf:tx_slots=7,slots=16,tx-rings=2", {
    name: "vale0:a",
    config: { txSlots: 7, rxSlots: 16, txRings: 2 },
  });
  assertMeans("vale0:a@conf:rings=65535,host-rings=1,host-rx-rings=2", {
    name: "vale0:a",
    config: { txRings: 65535, rxRings: 65535, hostTxRings: 1, hostRxRings: 2 },
  });
  assertMeans("vale0:a@conf:slots=16@conf:rx-rings=3,tx-slots=8", {
    name: "vale0:a",
    config: { txSlots: 8, rxSlots: 16, rxRings: 3 },
  });
  assertMeans("vale0:a@conf:", { name: "vale0:a" });
});

Deno.test("parsePortName() reads share, extmem and offset", () => {
  assertMeans("vale0:a@share=netmap:eth0", { name: "vale0:a", share: "eth0" });
  assertMeans("vale0:a@share:port=vale1:b{x@share=vale1:b{x", {
    name: "vale0:a",
    share: "vale1:b{x",
  });
  const sizes = { ifNum: 0, ifSize: 0, ringNum: 0, ringSize: 0, bufNum: 0, bufSize: 0 };
  assertMeans("netmap:eth0@extmem=/a,b", { name: "eth0", extmem: { file: "/a,b", ...sizes } });
  assertMeans("netmap:eth0@extmem:buf-num=4096,file=/dev/hugepages/x,ring_size=9", {
    name: "eth0",
    extmem: { ...sizes, file: "/dev/hugepages/x", bufNum: 4096, ringSize: 9 },
  });
  assertMeans("netmap:eth0@offset=64", { name: "eth0", offset: { initial: 64, bits: 0 } });
  assertMeans("netmap:eth0@offset:bits=16,initial=2", {
    name: "eth0",
    offset: { initial: 2, bits: 16 },
  });
});

Deno.test("parsePortName() reads plain ports of bridges as it would with the whole grammar", () => {
  for (const bridge of ["vale", "vale0", "vale_a9", `vale${"b".repeat(11)}`, "Vale0"]) {
    for (const name of ["a", "0", "_", "A_9", "p".repeat(15)]) {
      const text = `${bridge}:${name}`;
      if (bridge === "Vale0") assert.throws(() => parsePortName(text), SyntaxError);
      else assert.deepEqual(parsePortName(text), complete(readPortName(text), text));
    }
    assert.throws(() => parsePortName(`${bridge}:`), SyntaxError);
    assert.throws(() => parsePortName(`${bridge}:${"p".repeat(16)}`), SyntaxError);
    assert.throws(() => parsePortName(`${bridge}:a\n`), SyntaxError);
    assert.throws(() => parsePortName(`${bridge}${"c".repeat(12)}:a`), SyntaxError);
  }
});

Deno.test("parsePortName() tells bridge, interface and pipe apart", () => {
  const master = parsePortName("vale0:a{1");
  assert.equal(master.subsystem, "vale");
  assert.equal(master.bridge, "vale0");
  assert.equal(master.interface, "a");
  assert.deepEqual(master.pipe, { role: "master", id: "1" });

  const slave = parsePortName("netmap:eth0}in_2");
  assert.equal(slave.subsystem, "netmap");
  assert.equal(slave.bridge, undefined);
  assert.equal(slave.interface, "eth0");
  assert.deepEqual(slave.pipe, { role: "slave", id: "in_2" });

  assert.equal(parsePortName("netmap:vale0:a").subsystem, "vale");
  assert.equal(parsePortName("netmap:vale0:a").bridge, "vale0");
  assert.deepEqual(parsePortName("vale1:a:b").interface, "a:b");
});

Deno.test("parsePortName() refuses numbers that libnetmap cuts to 16 bits or takes for 0", () => {
  assertRefused("vale0:a@conf:rings=70000", 19, /"rings" must be 0 to 65535/);
  assertRefused("vale0:a@conf:rings=65536", 19);
  assertRefused("vale0:a@conf:rings=abc", 19, /decimal number/);
  assertRefused("vale0:a@conf:rings=0x10", 20, /decimal number/);
  assertRefused("vale0:a@conf:slots=16k", 21, /decimal number/);
  assertRefused("vale0:a@conf:slots=-1", 19);
  assertRefused("vale0:a@conf:slots=4294967296", 19);
  assertRefused("vale0:a@conf:slots=", 19, /value of "slots" is missing/);
  assertRefused("netmap:eth0@65536", 12, /1 to 65535/);
  assertRefused("netmap:eth0@0", 12, /1 to 65535/);
  assertRefused(`netmap:eth0@${"9".repeat(400)}`, 12);
  assertRefused("netmap:eth0-4095", 12, /0 to 4094/);
  assertRefused("netmap:eth0@offset=65537", 19);
  assertRefused("netmap:eth0@offset:initial=1,bits=65", 34);
});

Deno.test("parsePortName() refuses names that no kernel takes", () => {
  assertRefused("vale:", 5, /name of the port is missing/);
  assertRefused("vale0:", 6, /name of the port is missing/);
  assertRefused("vale0:^", 6);
  assertRefused("netmap:a b", 8, /" " cannot stand in the name of a network interface/);
  assertRefused("netmap:a\tb", 8);
  assertRefused("vale0:a\u0000b", 7);
  assertRefused("netmap:\ud800", 7);
  assertRefused("netmap:eth0:1", 11, /":" cannot stand/);
  assertRefused("netmap:vale0", 12, /":" is missing/);
  assertRefused("vale0", 5, /":" is missing/);
  assertRefused("vale-1:a", 4, /"-" cannot stand in the name of a bridge/);
  assertRefused(`netmap:${"a".repeat(36)}`, 7, /more than 15 bytes/);
  assertRefused("netmap:éééééééé", 7, /more than 15 bytes/);
  assertRefused(`vale0:${"a".repeat(16)}`, 6, /more than 15 bytes/);
  assertRefused(`vale${"0".repeat(12)}:a`, 0, /more than 15 bytes/);
  assertRefused(`netmap:a{${"b".repeat(62)}`, 9, /64 bytes, at most 63 fit/);
  assertMeans(`netmap:a{${"b".repeat(61)}`, { name: `a{${"b".repeat(61)}` });
  assertMeans(`vale${"0".repeat(11)}:${"a".repeat(15)}`, {
    name: `vale${"0".repeat(11)}:${"a".repeat(15)}`,
  });
  assertRefused("netmap:{0", 7);
  assertRefused("vale0:a{", 8, /name of the pipe is missing/);
  assertRefused("vale0:a{@1", 8, /name of the pipe is missing/);
  assertRefused("vale0:a{b.c", 9);
});

Deno.test("parsePortName() explains the usual mistakes", () => {
  assertRefused("vale0:a+conf:rings=2", 7, /write "@conf", not "\+conf"/);
  assertRefused("vale0:a{1+conf:tx-rings=2", 9, /write "@conf"/);
  assertRefused("netmap:br-lan", 10, /ip link set dev NAME name NEW/);
  assertRefused("vale0:a@conf:slots=16@1", 22, /memory region must stand before the options/);
  assertRefused("vale0:a@conf:3", 13, /one of rings, host-rings, slots, tx-rings/);
  assertRefused("vale0:a@conf", 12, /as in "@conf:rings=\.\.\."/);
  assertRefused("vale0:a@conf=3", 12, /as in "@conf:rings=\.\.\."/);
  assertRefused("vale0:a@conf:rings=1,rings=2", 21, /"rings" is given twice/);
  assertRefused("vale0:a@conf:tx-rings=1,tx_rings=2", 24, /given twice/);
  assertRefused("vale0:a@conf:rings", 18, /"=" and a value are missing/);
  assertRefused("vale0:a@conf:rings=1,", 21, /key is missing/);
  assertRefused("vale0:a@@conf:rings=1", 8);
  assertRefused("netmap:eth0-2/T@1{3}1", 17);
  assertRefused("netmap:eth0/", 12, /x, z, t, r, R and T/);
  assertRefused("netmap:eth0/q", 12);
  assertRefused("netmap:eth0^^", 12);
  assertRefused("vale0:a@share=", 14);
  assertRefused("vale0:a@share=eth0", 14, /must start with "netmap:"/);
  assertRefused("vale0:a@share=netmap:eth0-1", 25, /only the port/);
  assertRefused("vale0:a@share=vale0:b@share=vale0:c", 28, /shared with "vale0:b" already/);
  assertRefused("vale0:a@extmem:if-num=3", 15, /value of "file" is missing/);
  assertRefused("vale0:a@extmem=/a@extmem=/b", 18, /given twice/);
  assertRefused("vale0:a@offset:bits=3", 15, /value of "initial" is missing/);
  assertRefused("vale0:a@constructor=1", 8);
});

Deno.test("parsePortName() shows the end of a very long text", () => {
  const text = `netmap:eth0@extmem=/${"a".repeat(500)}@conf:slots=x`;
  assert.throws(() => parsePortName(text), (error) => {
    assert.ok(error instanceof SyntaxError);
    const [, line, caret] = error.message.split("\n");
    assert.ok(line.length < 100);
    assert.equal(line[caret.length - 1], "x");
    return true;
  });
});

Deno.test("parsePortName() throws a TypeError for what is not a string", () => {
  for (const value of [undefined, null, 1, {}]) {
    assert.throws(() => parsePortName(value as unknown as string), TypeError);
  }
});

Deno.test("formatPortName() writes the shortest name", () => {
  const names = [
    "netmap:eth0",
    "netmap:eth0^3/xzt@7",
    "vale0:a{1",
    "vale0:a@conf:slots=256",
    "vale0:a@1@conf:rings=2,tx-slots=8@share=netmap:eth0@extmem=/x@offset=2",
    "netmap:p}q*/rRT@conf:host-tx-rings=1@share=vale1:b@extmem:file=/x,if-num=1@offset:initial=2,bits=3",
  ];
  for (const name of names) assert.equal(formatPortName(parsePortName(name)), name);
  assert.equal(formatPortName(parsePortName("netmap:vale0:a/xx@01@conf:")), "vale0:a/x@1");
});

Deno.test("formatPortName() refuses parts that no name stands for", () => {
  const refused: PortParts[] = [
    { interface: "br-lan" },
    { interface: "eth0-1" },
    { interface: "vale0:a" },
    { interface: "" },
    { bridge: "br0", interface: "a" },
    { interface: "a", pipe: { role: "master", id: "" } },
    { interface: "a", mode: RegisterMode.NULL },
    { interface: "a", ringIndex: 1 },
    { interface: "a", mode: ONE_NIC, ringIndex: 4095 },
    { interface: "a", memoryId: 0 },
    { interface: "a", config: { txSlots: 1.5 } },
    { interface: "a", config: { txRings: -1 } },
    { interface: "a", share: "netmap:b" },
    { interface: "a", extmem: { file: "" } },
    { interface: "a", extmem: { file: "/x@y" } },
    { interface: "a", extmem: { file: "/x,y", ifNum: 1 } },
    { interface: "a", offset: { initial: NaN } },
  ];
  for (const parts of refused) {
    assert.throws(() => formatPortName(parts), {
      name: "RangeError",
      message: /^Cannot format port name: /,
    }, JSON.stringify(parts));
  }
});
