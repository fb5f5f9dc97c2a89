/**
 * The lookup lab: write a hook, have it run in each form, and compare: in a script, the REPL, or a notebook.
 *
 * ```ts
 * import { compareForms } from "./mod.ts";
 *
 * console.log(await compareForms((packet) => packet.isIpv4 ? packet.port + 1 : 254));
 * ```
 *
 * @module
 */

import { compile, type HookConstants, hookFromC } from "../../../hook/mod.ts";
import {
  type BackendName,
  type BatchLookup,
  type Bridge,
  DROP,
  type Lookup,
  type LookupTable,
  Netmap,
  NetmapError,
  PacketTemplate,
  type Port,
} from "../../../mod.ts";
import { type Estimate, measureRate, rateColumns, significant } from "../kit/mod.ts";
import { Comparison, type FormRow, type LookupForm } from "./comparison.ts";

export { COLUMNS, Comparison, type FormRow, type LookupForm } from "./comparison.ts";

/** What hooks are compared with. */
export interface CompareOptions {
  /**
   * What port 0 sends, in batches of 256: at most as many frames, of at most 2048 bytes. A hook that rewrites
   * packets gets them back as it has left them. Default: UDP packets of 60 bytes.
   */
  readonly traffic?: readonly Uint8Array[] | undefined;
  /** Ports of the switch, 2 to 16. Default: 3. */
  readonly ports?: number | undefined;
  /** What the function names, as for `compile()`. */
  readonly constants?: HookConstants | undefined;
  /** The same. They are cleared, then filled by `prepare`, before each form. */
  readonly tables?: Readonly<Record<string, LookupTable>> | undefined;
  /** Puts into the tables what has to be there. */
  readonly prepare?: (() => void) | undefined;
  /** The same hook in C, against `c/valet_hook.h`. */
  readonly c?: string | undefined;
  /** Forms to time. Default: all that there are. */
  readonly forms?: readonly LookupForm[] | undefined;
  /** Milliseconds of a repetition, and how many there are. Default: 50, and 7. */
  readonly lengthMs?: number | undefined;
  readonly repetitions?: number | undefined;
  /** Title of table and plot. Default: the function's name. */
  readonly title?: string | undefined;
  /** Default: an engine of its own in this process. */
  readonly netmap?: Netmap | undefined;
  /** Name of the bridge; nobody else may use it. Default: "vale0". */
  readonly bridge?: string | undefined;
}

const PACKETS = 256, PORTS_MAX = 16;
/** Longest wait for what may still come, in milliseconds. */
const SETTLE_MS = 50;
const DEFAULT_TRAFFIC = [
  PacketTemplate.udp({ src: "10.0.0.1", dst: "10.0.0.2", length: 60 }).next(),
];

/** Forms that run on a backend. Machine code can be set only where the packets are forwarded. */
const FORMS: Readonly<Record<BackendName, readonly LookupForm[]>> = {
  embedded: ["V8", "V8, batch", "machine code", "C"],
  daemon: ["V8", "V8, batch"],
  kernel: ["eBPF"],
};

/** The function, asked about each packet of a batch. */
function batched(hook: Lookup): BatchLookup {
  return (batch) => {
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.packet(i), { ring } = packet;
      batch.setDestination(i, hook(packet));
      if (packet.ring !== ring) batch.setRing(i, packet.ring);
      if (packet.copyTo === DROP) continue;
      batch.setCopy(i, packet.copyTo);
      packet.copyTo = DROP;
    }
  };
}

/** Sets the hook in one of its forms. */
async function set(
  bridge: Bridge,
  form: LookupForm,
  hook: Lookup,
  { constants, tables, c }: CompareOptions,
): Promise<void> {
  if (form === "V8, batch") bridge.setLookup(batched(hook), { batch: true });
  else if (form === "V8") bridge.lookup = hook;
  else if (form === "C") bridge.lookup = await hookFromC({ source: c! });
  else bridge.lookup = await compile(hook, { constants, tables });
}

/** Sends 256 packets of the traffic, and takes them; how many packets each port has received. */
class Round {
  readonly #ports: readonly Port[];
  readonly counts: number[];
  #expected: number | undefined;

  /** Fills the slots of the sender: they are sent again and again, which costs least. */
  constructor(ports: readonly Port[], traffic: readonly Uint8Array[]) {
    this.#ports = ports;
    this.counts = ports.map(() => 0);
    const [ring] = ports[0].txRings;
    for (let slot = 0; slot < ring.slots; slot++) {
      const frame = traffic[slot % PACKETS % traffic.length];
      ring.bytes(slot).set(frame);
      ring.setLength(slot, frame.length);
    }
  }

  /** Returns how many packets were sent. */
  run(): number {
    const [ring] = this.#ports[0].txRings;
    while (ring.space < PACKETS) this.#ports[0].txSync();
    ring.advance(PACKETS);
    this.#ports[0].txSync();
    this.counts.fill(0);
    let all = this.#take();
    // Where another process forwards, the first round tells what comes
    while (all < (this.#expected ?? Infinity)) {
      const before = all;
      if (this.#expected === undefined) this.#ports[1].poll("read", SETTLE_MS);
      all += this.#take();
      if (all === before && this.#expected === undefined) break;
    }
    this.#expected ??= all;
    return PACKETS;
  }

  #take(): number {
    let all = 0;
    for (let i = 0; i < this.#ports.length; i++) {
      let count = 0;
      for (const _ of this.#ports[i].receive()) count++;
      this.counts[i] += count;
      all += count;
    }
    return all;
  }

  toString(): string {
    return this.counts.flatMap((count, i) => count === 0 ? [] : [`${i}: ${count}`]).join(", ") ||
      "nobody";
  }
}

/**
 * Times a hook in each of its forms.
 *
 * @param hook the function, as `bridge.lookup` takes it
 * @throws {RangeError} if there are too many frames, or ports
 * @throws {NetmapError} if there is but one form, and it does not run
 * @throws {HookSyntaxError} if it is not in the subset of `compile()`: leave the form "machine code" out
 */
export async function compareForms(
  hook: Lookup,
  options: CompareOptions = {},
): Promise<Comparison> {
  const { traffic = DEFAULT_TRAFFIC, ports: count = 3, lengthMs = 50, repetitions = 7 } = options;
  if (traffic.length === 0 || traffic.length > PACKETS) {
    throw new RangeError(`Cannot send ${traffic.length} frames: expected 1 to ${PACKETS}`);
  }
  if (!(count >= 2 && count <= PORTS_MAX)) {
    throw new RangeError(`Cannot use ${count} ports: expected 2 to ${PORTS_MAX}`);
  }
  using own = options.netmap === undefined
    ? Netmap.open({ backend: "embedded", instance: `lab ${crypto.randomUUID().slice(0, 8)}` })
    : undefined;
  const netmap = options.netmap ?? own!, name = options.bridge ?? "vale0";
  using closing = new DisposableStack();
  const ports = Array.from(
    { length: count },
    (_, i) => closing.use(netmap.open(`${name}:p${i}`, { slots: 2 * PACKETS })),
  );
  using bridge = netmap.bridge(name);
  const rates: [LookupForm, Estimate, string][] = [], missing: string[] = [];
  const forms = options.forms ?? FORMS[netmap.backend];
  for (const form of forms) {
    if (form === "C" && options.c === undefined) continue;
    for (const table of Object.values(options.tables ?? {})) table.clear();
    options.prepare?.();
    try {
      await set(bridge, form, hook, options);
    } catch (error) {
      if (!(error instanceof NetmapError)) throw error;
      // What runs nowhere is an error; of several forms one may be missing
      if (forms.length === 1) throw error;
      missing.push(`${form}: ${error.message.split("\n")[0]}`);
      continue;
    }
    const round = new Round(ports, traffic);
    round.run();
    const received = `${round}`;
    rates.push([form, measureRate(() => round.run(), { lengthMs, repetitions }), received]);
  }
  const fastest = Math.max(...rates.map(([, { median }]) => median));
  const rows = rates.map(([form, rate, received]): FormRow => ({
    form,
    ...rateColumns(rate),
    packet_ns: significant(1e9 / rate.median),
    more_ns: significant(1e9 / rate.median - 1e9 / fastest, 3),
    received,
  }));
  return new Comparison(options.title ?? (hook.name || "hook"), rows, missing);
}
