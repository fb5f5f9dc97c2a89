/**
 * pkt-gen in this process, on an engine of the test's own.
 */

import assert from "node:assert/strict";
import { getopt } from "../../cli/getopt.ts";
import { getoptString } from "../../cli/notation.ts";
import { pktGenCommand } from "../../cli/pkt_gen.ts";
import { type Options, readOptions } from "../../cli/pkt_gen/options.ts";
import { Netmap, type Port, type PortOptions } from "../../mod.ts";
import { type Outcome, RunningCommand } from "./running_command.ts";

export type { Outcome };

/** The words of a command line. */
export function words(line: string): string[] {
  return line.split(" ").filter((word) => word !== "");
}

/** What the command line says, without its `-i`; on a machine of 4 CPUs. */
export function optionsOf(line: string): Options {
  const { options } = getopt(words(`-i vale0:a ${line}`), getoptString(pktGenCommand));
  return readOptions(options, 4);
}

/** A pkt-gen that runs. */
export class Running extends RunningCommand {
  /** Starts it. */
  constructor(line: string, instance: string) {
    super(pktGenCommand, words(line), { program: "pkt-gen", instance });
  }

  /** Packets in the reports so far; they are exact with -N. */
  get reported(): number {
    const counts = this.err.matchAll(/main_thread \[2781\] \d+ pps [^(]*\((\d+) pkts/g);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Waits until so many packets are in the reports. */
  reports(packets: number): Promise<this> {
    return this.until(`it reports ${packets} packets`, () => this.reported >= packets);
  }

  /** Waits until its ports are open. */
  ready(): Promise<this> {
    return this.says(/Ready\.\.\./);
  }
}

let count = 0;

/** An engine of a test's own. */
export class PktGenScene implements Disposable {
  /** Its name. */
  readonly instance = `pkt-gen ${++count}`;
  /** For ports of the test itself. */
  readonly netmap: Netmap = Netmap.open({ backend: "embedded", instance: this.instance });

  /** Opens a port of the bridge vale0. */
  port(name: string, options: PortOptions = {}): Port {
    return this.netmap.open(`vale0:${name}`, options);
  }

  /** Starts a pkt-gen. */
  start(line: string): Running {
    return new Running(line, this.instance);
  }

  /** Runs a pkt-gen to its end. */
  run(line: string): Promise<Outcome> {
    return this.start(line).ended;
  }

  /** Runs a pkt-gen that has to succeed. */
  async ok(line: string): Promise<Outcome> {
    const outcome = await this.run(line);
    assert.equal(outcome.status, 0, outcome.err);
    return outcome;
  }

  /** Closes the test's ports. */
  [Symbol.dispose](): void {
    this.netmap.close();
  }
}

/** The figures of "Sent ..." or "Received ...". */
export function totals(out: string): { packets: number; bytes: number; events: number } {
  const match = /^(?:Sent|Received) (\d+) packets (\d+) bytes (\d+) events/m.exec(out);
  if (match === null) {
    assert.match(out, /^(Sent|Received) nothing\.$/m);
    return { packets: 0, bytes: 0, events: 0 };
  }
  return { packets: Number(match[1]), bytes: Number(match[2]), events: Number(match[3]) };
}
