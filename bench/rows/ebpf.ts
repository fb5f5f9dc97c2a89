/**
 * ebpf.hook.60: the lookup of engine.hook.ts.60 as eBPF, run by the kernel on one packet again and again
 * (BPF_PROG_TEST_RUN), without a switch around it. 1000 / Mpps are nanoseconds a packet.
 */

import { bpfProblem, compile } from "../../hook/mod.ts";
import { BROADCAST, EtherType, type LookupPacket, PacketTemplate } from "../../mod.ts";
import { now, serve } from "./native.ts";

/** Runs between two looks at the clock. */
const RUNS = 200_000;

function nextPort(packet: LookupPacket): number {
  return packet.etherType === EtherType.IPV4 ? packet.port + 1 : BROADCAST;
}

const problem = bpfProblem();
if (problem !== undefined) throw new Error(problem);
const program = (await compile(nextPort)).kernel();
const frame = PacketTemplate.udp({ src: "10.0.0.1", dst: "10.0.0.2", length: 60 }).next().slice();

serve((seconds) => {
  const start = now();
  let runs = 0, end = start;
  do {
    program.run(frame, { repeat: RUNS });
    runs += RUNS;
    end = now();
  } while (end - start < seconds);
  return runs / (end - start) / 1e6;
});
