// valet capture --filter: programs of libpcap run by our own machine, and the part of the syntax that needs none.

import assert from "node:assert/strict";
import { BpfProgram } from "../../cli/capture/bpf.ts";
import { compileFilter } from "../../cli/capture/filter.ts";
import { Libpcap } from "../../cli/capture/libpcap.ts";
import { parseOwnFilter } from "../../cli/capture/own_filter.ts";
import { PacketTemplate, PacketView, readCapture, writeCapture } from "../../mod.ts";
import { MemoryContext } from "./memory_context.ts";

const TUTORIAL = new URL("../data/tutorial.pcap", import.meta.url);

function hasLibpcap(): boolean {
  using libpcap = Libpcap.load();
  return libpcap !== undefined;
}

function hasTcpdump(): boolean {
  try {
    return new Deno.Command("tcpdump", { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

const libpcap = hasLibpcap();
const tcpdump = hasTcpdump();

/** Real traffic, and one of each kind that filters know. */
function packets(): Uint8Array[] {
  const udp = { src: "10.0.0.1:1234", dst: "10.1.0.9:53" };
  return [
    ...[...readCapture(Deno.readFileSync(TUTORIAL))].map(({ data }) => data.slice()),
    ...[
      PacketTemplate.udp(udp),
      PacketTemplate.udp({ ...udp, vlan: 7 }),
      PacketTemplate.tcp({ src: "10.0.0.1:40000", dst: "192.168.1.1:443" }),
      PacketTemplate.udp({ src: "[2001:db8::1]:53", dst: "[2001:db8::2]:1024" }),
      PacketTemplate.arp({ src: "10.0.0.1", dst: "10.0.0.2" }),
      PacketTemplate.udp({ ...udp, length: 1400 }),
    ].map((template) => template.next().slice()),
  ];
}

/** Filters that both understand, and mean the same by, as long as there are no VLAN tags. */
const COMMON = [
  "ip",
  "ip6",
  "arp",
  "tcp",
  "udp",
  "icmp",
  "port 53",
  "src port 53",
  "udp dst port 53",
  "tcp port 443 or arp",
  "portrange 1000-2000",
  "host 10.0.0.1",
  "src host 10.0.0.1 and not port 53",
  "dst 10.1.0.9",
  "net 10.0.0.0/8",
  "src net 10.1.0.0/16 or dst net 192.168.0.0/16",
  "ip6 host 2001:db8::1",
  "(udp or tcp) and not (port 53 or port 443)",
  "udp && !port 53 || arp",
  "broadcast",
  "multicast",
  "less 100",
  "greater 1000",
  "ether dst host ff:ff:ff:ff:ff:ff",
];

/** What only libpcap understands, or understands in its own way. */
const ONLY_LIBPCAP = [
  "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
  "ip[8] > 63 and len >= 60",
  "vlan 7 and udp",
  "icmp6", // ours also behind extension headers
  "ether proto 0x0806",
  "ip proto 17 and udp[4:2] * 2 > 100",
  "ip[2:2] / 4 > 20 and ip[2:2] % 2 = 0",
  "ether[12:2] >> 8 = 8 or ether[12:2] << 1 = 0x100c",
];

Deno.test({
  name: `BPF programs match what tcpdump matches${
    tcpdump && libpcap ? "" : " (skipped: there is no tcpdump, or no libpcap)"
  }`,
  ignore: !tcpdump || !libpcap,
  fn: () => {
    const file = Deno.makeTempFileSync({ suffix: ".pcap" }), all = packets();
    Deno.writeFileSync(file, writeCapture(all.map((data, i) => ({ data, seconds: i }))));
    try {
      using library = Libpcap.load();
      for (const text of [...COMMON, ...ONLY_LIBPCAP]) {
        const { stdout, stderr } = new Deno.Command("tcpdump", {
          args: ["-r", file, "-n", "-tt", text],
        }).outputSync();
        const wanted = [...new TextDecoder().decode(stdout).matchAll(/^(\d+)\.\d+ /gm)]
          .map(([, seconds]) => Number(seconds));
        assert.ok(wanted.length > 0, `${text}: ${new TextDecoder().decode(stderr)}`);
        const program = new BpfProgram(library!.compile(text, 262_144));
        const found = all.flatMap((data, i) => program.run(data) > 0 ? [i] : []);
        assert.deepEqual(found, wanted, text);
      }
    } finally {
      Deno.removeSync(file);
    }
  },
});

Deno.test({
  name: `valet's own filters match what libpcap's match${
    libpcap ? "" : " (skipped: there is no libpcap)"
  }`,
  ignore: !libpcap,
  fn: () => {
    using library = Libpcap.load();
    const all = packets().filter((data) => data[12] !== 0x81);
    for (const text of COMMON) {
      const program = new BpfProgram(library!.compile(text, 262_144));
      const own = parseOwnFilter(text), view = new PacketView();
      for (const data of all) {
        view.attach(new DataView(data.buffer), 0, data.length);
        assert.equal(own(view, data), program.run(data) > 0, `${text}: ${view}`);
      }
    }
  },
});

Deno.test("valet's own filters see VLANs, and what is behind their tags", () => {
  const data = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2", vlan: 7 }).next();
  const view = new PacketView().attach(new DataView(data.buffer, data.byteOffset), 0, data.length);
  for (const text of ["vlan", "vlan 7", "udp", "vlan 7 and port 2"]) {
    assert.ok(parseOwnFilter(text)(view, data), text);
  }
  for (const text of ["vlan 8", "not vlan"]) assert.ok(!parseOwnFilter(text)(view, data), text);
});

Deno.test("what is no filter is refused, and told what there is", () => {
  for (
    const text of [
      "",
      "udp and",
      "(udp",
      "udp)",
      "port",
      "port x",
      "host 1.2.3",
      "net 10.0.0.0",
      "net 10.0.0.0/33",
      "portrange 5",
      "ether host 1",
      "src",
      "less x",
      ...ONLY_LIBPCAP.filter((text) => !/^(vlan|icmp6)/.test(text)),
    ]
  ) {
    assert.throws(
      () => parseOwnFilter(text),
      /^SyntaxError: Cannot use the filter ".*": .*\nHint: Without libpcap it can have: /,
      text,
    );
  }
});

Deno.test("without libpcap a filter says what it can have, and works", () => {
  const context = new MemoryContext({ env: { VALET_LIBPCAP: "/no/such/libpcap.so" } });
  const filter = compileFilter("udp port 2", 65_535, context);
  assert.match(context.stderr.text, /^Without libpcap, filters can have: and, or, .*\nHint: .*/);
  const data = PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2" }).next();
  const view = new PacketView().attach(new DataView(data.buffer, data.byteOffset), 0, data.length);
  assert.equal(filter(view, data), true);
});

Deno.test("a BPF program gives up where a packet ends, and at a division by zero", () => {
  const load = { code: 0x30, jumpTrue: 0, jumpFalse: 0, k: 100 }; // ldb [100]
  const accept = { code: 0x06, jumpTrue: 0, jumpFalse: 0, k: 1 };
  const program = new BpfProgram([load, accept]);
  assert.equal(program.run(new Uint8Array(100)), 0);
  assert.equal(program.run(new Uint8Array(101)), 1);
  const divide = { code: 0x3c, jumpTrue: 0, jumpFalse: 0, k: 0 }; // div x
  assert.equal(new BpfProgram([divide, accept]).run(new Uint8Array(60)), 0);
});
