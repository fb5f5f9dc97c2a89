/**
 * `pkt-gen`: netmap's packet generator, with its options and its output lines, on every backend. See
 * pkt-gen(8); what differs stands in docs/differences.md.
 *
 * @module
 */

import { type Context, ExitStatus, UsageError } from "./context.ts";
import { readArguments } from "./getopt_command.ts";
import { readOptions } from "./pkt_gen/options.ts";
import { runPktGen } from "./pkt_gen/run.ts";
import type { CommandSpec } from "./table.ts";

/** `pkt-gen`. */
export const pktGenCommand: CommandSpec = {
  name: "pkt-gen",
  description: "Generate and receive packets: netmap's pkt-gen\n\n" +
    "Ends after -n packets, or with Ctrl-C, and sums up then.",
  usage: "-i <port> [-f tx | rx | ping | pong | txseq | rxseq] [options]",
  getopt: true,
  options: [
    {
      flags: "-i <port:string>",
      description: 'Port: "vale0:a", "netmap:eth0", "eth0", with all of libnetmap\'s notation;\n' +
        '"tap:x", "tap0": a TAP interface; "null": packets are made and thrown away',
      required: true,
    },
    {
      flags: "-f <function:string>",
      description: "tx: send, rx: receive, ping and pong: measure round trips,\n" +
        "txseq and rxseq: send and check numbered packets (default: rx)",
    },
    {
      flags: "-n <count:integer>",
      description: "Packets, or round trips; 0: until Ctrl-C (default: 0)",
    },
    {
      flags: "-l <bytes:integer>",
      description:
        "Packet size without CRC, 16 to 65536 (default: 60). A second -l is a smaller\n" +
        "one: sizes are random, from there to below the first, see -o 4096",
      collect: true,
    },
    {
      flags: "-b <packets:integer>",
      description: "Most packets in a batch (default: 512, ping and pong 1)",
    },
    { flags: "-4", description: "IPv4 (default)" },
    { flags: "-6", description: "IPv6" },
    {
      flags: "-d <range:string>",
      description: "Destination: address[:port][-address[:port]] (default: 10.1.0.1:1234);\n" +
        "IPv6: [group@][address]:port, where group 0 to 7 is the part that a range counts in",
    },
    { flags: "-s <range:string>", description: "Source, in the same way (default: 10.0.0.1:1234)" },
    {
      flags: "-D <mac:string>",
      description: "Destination MAC address, or range mac-mac (default: ff:ff:ff:ff:ff:ff)",
    },
    {
      flags: "-S <mac:string>",
      description: "Source MAC address, or range (default: the interface's own, or zeros)",
    },
    { flags: "-z", description: "Random source address and port" },
    { flags: "-Z", description: "Random destination address and port" },
    {
      flags: "-a <cpu:integer>",
      description: "CPU of the first thread; others take the next ones",
    },
    { flags: "-c <cpus:integer>", description: "CPUs to use with -a, 0: all (default: 1)" },
    { flags: "-p <threads:integer>", description: "Threads, each with one ring (default: 1)" },
    { flags: "-T <ms:integer>", description: "Milliseconds between reports (default: 1000)" },
    {
      flags: "-w <seconds:integer>",
      description: "Wait for the link before beginning (default: 2; VALE ports 0)",
    },
    {
      flags: "-W",
      description: "rx, rxseq: leave when packets have come and then none for a second",
    },
    {
      flags: "-R <pps:integer>",
      description: "Packets a second of each thread, 0: as many as possible (default: 0)",
    },
    { flags: "-X", description: "Show each packet" },
    {
      flags: "-H <bytes:integer>",
      description: "Virtio-net header in front of packets: 0, 10, 12 (default: as the port has it)",
    },
    { flags: "-P <file:file>", description: "tx: send the first packet of a capture file" },
    { flags: "-r", description: "tx: send whatever the buffers contain" },
    { flags: "-F <count:integer>", description: "Fragments of a packet, 1 to 63 (default: 1)" },
    {
      flags: "-M <bytes:integer>",
      description: "Most bytes of a fragment (default: those of a buffer)",
    },
    { flags: "-I", description: "tx: indirect buffers, on VALE ports of the kernel" },
    { flags: "-N", description: "Figures without K, M and G" },
    { flags: "-A", description: "Moving average and standard deviation in reports" },
    { flags: "-B", description: "Count 24 bytes of CRC and framing in bits a second" },
    {
      flags: "-C <config:string>",
      description: "tx_slots[,rx_slots[,tx_rings[,rx_rings]]] of a port that is made;\n" +
        '"vale0:a@conf:slots=256" says the same',
    },
    {
      flags: "-o <bits:integer>",
      description: "Sum of 4 or 8: copy the packet each time, 32: -I, 64: -X, 256: -r, 512: -z,\n" +
        "1024: -Z, 2048: -A, 4096: headers and checksums follow random sizes;\n" +
        "1, 2 and 16 have no effect",
      collect: true,
    },
    { flags: "-v", description: "Say more" },
    { flags: "-h", description: "Show this help" },
  ],
  examples: [
    ["Receive", "pkt-gen -i vale0:vi1 -f rx"],
    ["Send a million packets of 1500 bytes", "pkt-gen -i vale0:vi0 -f tx -n 1000000 -l 1500"],
    [
      "Send 1000 packets a second from 256 addresses",
      "pkt-gen -i vale0:vi0 -f tx -R 1000 " +
      "-s 10.0.0.0-10.0.0.255",
    ],
    ["Round trips", "pkt-gen -i vale0:b -f pong & pkt-gen -i vale0:a -f ping -n 10000"],
  ],
  action: (_, args, context) => pktGen(args, context),
};

async function pktGen(args: readonly string[], context: Context): Promise<number> {
  const read = readArguments(pktGenCommand, args, context);
  if (read === undefined) return ExitStatus.DONE;
  const { options, operands } = read;
  if (operands.length > 0) throw new UsageError(`Unexpected argument '${operands[0]}'`);
  await runPktGen(readOptions(options, navigator.hardwareConcurrency), context);
  return ExitStatus.DONE;
}
