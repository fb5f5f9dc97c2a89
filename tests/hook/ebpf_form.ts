/** Runs hooks as eBPF in the running kernel: BPF_PROG_TEST_RUN. */

import { existsSync } from "node:fs";
import { bpfProblem, type BpfProgram } from "../../hook/bpf.ts";
import { toEbpf } from "../../hook/ebpf.ts";
import { MODULE_RING_SHIFT, ModuleCopy, ModuleResult, resultOf } from "../../hook/ebpf_result.ts";
import { loadEbpf } from "../../hook/ebpf_load.ts";
import type { HookProgram } from "../../hook/ir.ts";
import { DROP } from "../../mod.ts";
import { type Decisions, type FrameSet, noDecisions } from "./forms.ts";
import type { Frame, Random } from "./frames.ts";

/** Source ports that can be tried: receive queues of an interface. */
const PORTS = 254;
/** BPF_PROG_TEST_RUN takes no less, and shows programs no more than this in one piece. */
const BYTES_MIN = 14, BYTES_MAX = 3400;
/** A number that all numbers of rings divide. */
const RINGS = 720_720;

/** What the kernel module tells programs of a frame, besides port and bytes. */
interface Context {
  readonly ring: number;
  readonly fragments: number;
  readonly length: number;
  readonly interfaceIndex: number;
}

function context(ring: number, fragments = 0, length = 0): Context {
  return { ring, fragments, length, interfaceIndex: length << 13 | fragments << 6 | (ring + 1) };
}

const LOOPBACK = context(0);
/** The first ones may be numbers of interfaces that the machine has. */
const OTHERS: readonly Context[] = [
  context(3),
  context(15),
  context(40),
  context(1, 2, 1600),
  context(0, 63, 120_000),
];

const problem = bpfProblem();

/** A test that needs eBPF; where it is not permitted, the title says so. */
export function ebpfTest(
  name: string,
  body: (context: Deno.TestContext) => void | Promise<void>,
  missing: string | undefined = undefined,
): void {
  const [reason] = (problem ?? missing ?? "").split("\n");
  const title = reason === "" ? name : `${name} (skipped: ${reason})`;
  Deno.test({ name: title, ignore: reason !== "", fn: body });
}

/** Why there are no interfaces to try several ports and rings with, in words. */
export function interfacesProblem(): string | undefined {
  using interfaces = new Interfaces();
  return interfaces.problem;
}

function removeInterface(name: string): void {
  new Deno.Command("ip", { args: ["link", "del", name] }).outputSync();
}

/** Removes the interfaces of test processes that were killed. */
function removeLeftOver(): void {
  for (const { name } of Deno.readDirSync("/sys/class/net")) {
    const pid = /^vt[0-9a-z]+_([0-9a-z]+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${parseInt(pid, 36)}`)) removeInterface(name);
  }
}

/**
 * Interfaces that have the numbers which the kernel module gives programs. Without the permission to
 * make them, there is the loopback: port 0, ring 0, frames of one fragment.
 */
export class Interfaces implements Disposable {
  readonly #names: string[] = [];
  readonly contexts: Context[] = [LOOPBACK];
  /** Why there is nothing but the loopback. */
  readonly problem: string | undefined;

  constructor() {
    removeLeftOver();
    for (const other of OTHERS) {
      const name = `vt${other.interfaceIndex.toString(36)}_${Deno.pid.toString(36)}`;
      const problem = this.#add(name, other.interfaceIndex);
      if (/File exists/.test(problem ?? "")) continue;
      if (problem !== undefined) {
        this.problem = problem;
        break;
      }
      this.#names.push(name);
      this.contexts.push(other);
    }
  }

  #add(name: string, index: number): string | undefined {
    const made =
      `link add name ${name} index ${index} numrxqueues ${PORTS} type veth peer name p${name}`;
    try {
      const { success, stderr } = new Deno.Command("ip", { args: made.split(" ") }).outputSync();
      return success ? undefined : new TextDecoder().decode(stderr);
    } catch (error) {
      return String(error);
    }
  }

  /** Frames that can be tried: those given, but in one of the contexts. */
  fit(frames: readonly Frame[], random: Random): Frame[] {
    return frames
      .filter(({ bytes }) => bytes.length >= BYTES_MIN && bytes.length <= BYTES_MAX)
      .map((frame) => {
        const { ring, fragments, length, interfaceIndex } = random.pick(this.contexts);
        const { bytes } = frame;
        return {
          bytes,
          length: length || bytes.length,
          fragments: fragments || 1,
          ring,
          // The loopback has one queue
          port: interfaceIndex === LOOPBACK.interfaceIndex ? 0 : random.below(PORTS),
        };
      });
  }

  /** The context of a frame that `fit()` has made. */
  contextOf({ ring, fragments }: Frame): Context {
    return this.contexts.find((one) => one.ring === ring && (one.fragments || 1) === fragments)!;
  }

  [Symbol.dispose](): void {
    for (const name of this.#names) removeInterface(name);
  }
}

/** What a program makes of frames, as the kernel module understands it. */
export function runEbpf(program: BpfProgram, set: FrameSet, interfaces: Interfaces): Decisions {
  const { frames } = set;
  const decisions = noDecisions(frames.length);
  const changed = frames.map((frame, i) => {
    const { interfaceIndex } = interfaces.contextOf(frame);
    const bytes = frame.bytes.slice();
    const { result } = program.run(bytes, { interfaceIndex, queue: frame.port });
    const isCopied = (result & ModuleCopy.FLAG) !== 0;
    const ring = result >>> (isCopied ? ModuleCopy.RING_SHIFT : MODULE_RING_SHIFT);
    decisions.ports[i] = result & ModuleResult.MASK;
    decisions.rings[i] = ring === 0 ? frame.ring : ring - 1;
    decisions.copies[i] = isCopied ? result >>> ModuleCopy.PORT_SHIFT & 0xff : DROP;
    return bytes;
  });
  return { ...decisions, bytes: set.gathered(changed) };
}

/** Decisions as the kernel module understands them. */
export function asModule({ ports, rings, copies, bytes }: Decisions): Decisions {
  return {
    ports: ports.map(resultOf),
    rings: rings.map((ring) => ring % RINGS),
    copies: copies.map((port) => port === DROP ? DROP : Math.min(port, ModuleCopy.NO_PORT)),
    bytes,
  };
}

/** Fails where a hook decides otherwise as eBPF. */
export function assertEbpf(
  program: HookProgram,
  set: FrameSet,
  expected: Decisions,
  interfaces: Interfaces,
  what: string,
): void {
  using loaded = loadEbpf(toEbpf(program));
  set.assertSame(runEbpf(loaded, set, interfaces), asModule(expected), what);
}
