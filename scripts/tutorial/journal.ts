/**
 * What the steps of the tutorial have shown, and the checks that they share.
 *
 * @module
 */

import {
  type Bridge,
  type Netmap,
  NetmapError,
  type PortCounters,
  type ProtocolCounts,
} from "../../mod.ts";
import type { Expectation, LearningBridge } from "./expect.ts";
import type { StepResult } from "./replay.ts";

/** A step of the tutorial, as `--json` shows it. */
export interface Step {
  /** "learning". */
  name: string;
  /** False when something was not as expected. */
  ok: boolean;
  /** Why the step was left out. */
  skipped?: string;
  /** Packets sent, by port. */
  sent: Record<string, number>;
  /** Packets received, by port. */
  received: Record<string, number>;
  /** Packets that had to be received, by port. */
  expected: Record<string, number>;
  /** What was received, by port and protocol. */
  protocols: Record<string, ProtocolCounts>;
}

/** Counters by port; undefined where the backend does not count. */
type Counters = Record<string, PortCounters> | undefined;

/** Keeps the steps and their faults. */
export class Journal {
  /** The steps so far. */
  readonly steps: Step[] = [];
  /** What was not as expected, a sentence each. */
  readonly faults: string[] = [];
  readonly #bridge: Bridge;
  #counters: Counters;

  /** For one bridge. */
  constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  /** Called before packets are sent whose drops `add()` is to check. */
  begin(): void {
    this.#counters = ifSupported(() => this.#bridge.counters());
  }

  /** Adds a step that has been done, with what is wrong about it. */
  add(name: string, { ports, faults }: StepResult, expected: Expectation): void {
    const by = <T>(value: (port: StepResult["ports"][number]) => T): Record<string, T> =>
      Object.fromEntries(ports.map((port) => [port.name, value(port)]));
    const wrong = [...faults, ...this.#wrongDrops(ports.map((port) => port.name), expected)];
    this.steps.push({
      name,
      ok: wrong.length === 0,
      sent: by((port) => port.sent),
      received: by((port) => port.received),
      expected: by((port) => port.expected),
      protocols: by((port) => port.counts),
    });
    this.faults.push(...wrong.map((fault) => `${name}: ${fault}`));
  }

  /** Adds a step that cannot be done here. */
  skip(name: string, skipped: string): void {
    this.steps.push({
      name,
      ok: true,
      skipped,
      sent: {},
      received: {},
      expected: {},
      protocols: {},
    });
  }

  /** Adds a fault to the step that was added last. */
  fault(name: string, fault: string): void {
    const step = this.steps.find((step) => step.name === name);
    if (step !== undefined) step.ok = false;
    this.faults.push(`${name}: ${fault}`);
  }

  /** The bridge counts too: it may have dropped what goes back where it came from, and nothing else. */
  #wrongDrops(names: readonly string[], { dropped }: Expectation): string[] {
    const before = this.#counters;
    const after = ifSupported(() => this.#bridge.counters());
    if (before === undefined || after === undefined) return [];
    const wrong: string[] = [];
    names.forEach((name, i) => {
      const causes = Object.entries(after[name].drops) as [keyof PortCounters["drops"], number][];
      for (const [cause, count] of causes) {
        const drops = count - before[name].drops[cause];
        const due = cause === "samePort" ? dropped[i] : 0;
        if (drops !== due) {
          wrong.push(`${name} dropped ${drops} packets (${cause}), expected ${due}`);
        }
      }
    });
    return wrong;
  }
}

/**
 * Compares the stations that the bridge has learned with those that it has to know.
 *
 * @returns undefined where the backend does not show its table
 */
export function tableFaults(bridge: Bridge, model: LearningBridge): string[] | undefined {
  const table = ifSupported(() => bridge.table());
  if (table === undefined) return undefined;
  const known = new Map(table.map(({ mac, port }) => [mac, port]));
  const wrong = model.table.filter(({ mac, port }) => known.get(mac) !== port).map((
    { mac, port },
  ) =>
    `station ${mac} is behind port ${port}, the bridge has ${known.get(mac) ?? "not learned it"}`
  );
  if (table.length > model.table.length) wrong.push(`the bridge knows ${table.length} stations`);
  return wrong;
}

/** Calls; undefined when this is something that the backend does not have. */
export function ifSupported<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof NetmapError && error.code === "EOPNOTSUPP") return undefined;
    throw error;
  }
}

/** The ports on a bridge. */
export function portsOn(netmap: Netmap, bridge: string): string[] {
  return netmap.ports().filter((port) => port.bridge === bridge).map((port) => port.name);
}
