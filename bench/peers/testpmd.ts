/** DPDK's testpmd: a program that forwards between two ports, on one thread. */

import { hasProgram } from "../net/command.ts";
import { Service } from "../net/service.ts";
import { lastCpu } from "./thread.ts";

/** The other end of a vhost-user port tries once a second, and more rarely where CPUs are busy. */
const PATIENCE_MS = 60_000;

/** How it is to run. */
export interface TestpmdOptions {
  /** Its memory. */
  huge: string;
  /** "io" passes packets on as they are, "mac" writes new Ethernet addresses. */
  forward: "io" | "mac";
  /** Its two ports: devices of DPDK. */
  devices: readonly string[];
  /** The CPU of the thread that forwards. Default: the last one. */
  cpu?: number;
}

/** Why it cannot run, in words. */
export function testpmdMissing(): string | undefined {
  return hasProgram("dpdk-testpmd")
    ? undefined
    : "there is no dpdk-testpmd (Debian: dpdk-dev, librte-net-null23, librte-net-af-packet23, " +
      "librte-net-vhost23, librte-mempool-ring23)";
}

/** A running one. */
export class Testpmd implements AsyncDisposable {
  /** Its process. */
  readonly service: Service;

  private constructor(service: Service) {
    this.service = service;
  }

  /** Starts it; it does not forward yet. */
  static async start(
    { huge, forward, devices, cpu = lastCpu() }: TestpmdOptions,
  ): Promise<Testpmd> {
    const prefix = `valet-bench-${crypto.randomUUID().slice(0, 8)}`;
    const service = new Service([
      ...["stdbuf", "-oL", "dpdk-testpmd"], // its stdout is a pipe: whole lines, at once
      ...["--lcores", `0@0,1@${cpu}`, "--main-lcore=0"],
      ...[
        "--no-pci",
        "--single-file-segments",
        `--huge-dir=${huge}`,
        `--file-prefix=${prefix}`,
        "-m",
        "128",
      ],
      ...devices.map((device) => `--vdev=${device}`),
      "--",
      ...["-i", "--nb-cores=1", `--forward-mode=${forward}`, "--total-num-mbufs=16384"],
      "--no-lsc-interrupt",
    ]);
    try {
      await service.prints(/testpmd> /, 0, PATIENCE_MS);
    } catch (error) {
      await service[Symbol.asyncDispose]();
      throw error;
    }
    return new Testpmd(service);
  }

  /** Gives it a command. Returns what it prints up to what the pattern says. */
  async command(text: string, until: RegExp): Promise<string> {
    const from = this.service.output.length;
    await this.service.write(text);
    const { index, 0: end } = await this.service.prints(until, from);
    return this.service.output.slice(from, from + index + end.length);
  }

  /** Has it forward; "tx_first N": packets of its own before, N bursts a port. */
  async forward(how = ""): Promise<void> {
    await this.command(`start ${how}`, /packets\/burst|RX queue number/);
  }

  /** Packets that it has sent on all ports. */
  async sent(): Promise<number> {
    return packetsSent(await this.command("show port stats all", /port 1 [^]*?Tx-pps[^]*?#{40}/));
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.service.resume();
    await this.service.write("quit").catch(() => {});
    await this.service[Symbol.asyncDispose]();
  }
}

/** Packets sent on all ports, as `show port stats all` says. */
export function packetsSent(text: string): number {
  const counts = [...text.matchAll(/^\s*TX-packets: (\d+)/gm)].map(([, n]) => Number(n));
  if (counts.length === 0) throw new Error(`No packets are told of in "${text}"`);
  return counts.reduce((sum, count) => sum + count);
}
