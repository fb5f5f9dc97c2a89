/**
 * The backends that the suite is run for, and a scene for each test: a netmap, a bridge and interface
 * names that no other test uses.
 *
 * A behaviour that valet's engine has on purpose and the kernel has not is stated as both, with
 * `backend.either({ engine, kernel })`, and the number of the kernel's defect ("D1" ...) where it has one.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  type Bridge,
  type DropCause,
  Netmap,
  NetmapError,
  type Port,
  type PortCounters,
  type PortOptions,
} from "../../mod.ts";
import { useTestDaemon } from "./daemon.ts";

/** Where netmap may live. */
export type BackendName = "kernel" | "daemon" | "embedded";

/** Options of a test. */
export interface CaseOptions {
  /** Backends that the test is not for, each with the reason in words. */
  skip?: Partial<Record<BackendName, string>>;
}

/** The body of a test. */
export type CaseBody = (scene: Scene) => void | Promise<void>;

let count = 0;
/** Isolates of one process share the engine, and processes the kernel: names must differ. */
const seed: string = crypto.randomUUID().slice(0, 4);

function uniqueName(): string {
  return `${seed}${(count++).toString(36)}`;
}

/** What is there for one test; closing it closes all that was opened through it. */
export class Scene implements Disposable {
  /** The backend that the test runs on. */
  readonly backend: Backend;
  /** Name of the engine: nobody else's. The kernel ignores it. */
  readonly instance: string;
  /** "vale1a2b": nobody else's. */
  readonly bridgeName: string;
  /** The netmap. */
  readonly netmap: Netmap;
  readonly #interfaces: string[] = [];
  readonly #name = uniqueName();

  /** Made for each test. */
  constructor(backend: Backend) {
    this.backend = backend;
    this.instance = `contract ${this.#name}`;
    this.bridgeName = `vale${this.#name}`;
    this.netmap = Netmap.open({ backend: backend.name, instance: this.instance });
  }

  /** The bridge. */
  get bridge(): Bridge {
    return this.netmap.bridge(this.bridgeName);
  }

  /** Another netmap, with the same bridges and interfaces; to be closed by the test. */
  another(): Netmap {
    return Netmap.open({ backend: this.backend.name, instance: this.instance });
  }

  /** Opens a port of the bridge, with rings of 16 slots unless said otherwise. */
  port(name: string, options: PortOptions = {}): Port {
    return this.netmap.open(`${this.bridgeName}:${name}`, { slots: 16, ...options });
  }

  /** Opens `count` ports of the bridge: their indices are 0, 1 ... */
  ports(count: number, options: PortOptions = {}): Port[] {
    return Array.from({ length: count }, (_, i) => this.port(`p${i}`, options));
  }

  /** Bytes of a buffer, unless memory parameters say otherwise: valet's engine has a cache line more. */
  get bufferBytes(): number {
    return this.backend.either({ engine: 2112, kernel: 2048 });
  }

  /** Has buffers as long as netmap's in all regions from now on, for tests of where netmap puts what. */
  useNetmapSizes(): void {
    if (this.backend.isEngine) {
      this.netmap.setMemoryParameters({ bufSize: 2048, privBufSize: 2048 });
    }
  }

  /** A name for an interface that nobody else has. */
  interfaceName(label: string): string {
    return `${label}${this.#name}`;
  }

  /** Makes a persistent interface, which is removed with the scene if that can be done. */
  createInterface(label: string, slots = 16): string {
    const name = this.interfaceName(label);
    this.netmap.createInterface(name, { slots });
    this.#interfaces.push(name);
    return name;
  }

  /** Closes the ports, detaches and removes the interfaces. */
  [Symbol.dispose](): void {
    this.netmap.close();
    using netmap = this.another();
    for (const name of this.#interfaces) {
      // Tests may have done it themselves, and the kernel cannot always (D1, D3)
      quietly(() => netmap.bridge(this.bridgeName).detach(name));
      quietly(() => netmap.removeInterface(name));
    }
  }
}

function quietly(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof NetmapError)) throw error;
  }
}

/** A backend, as tests see it. */
export class Backend {
  /** Its name. */
  readonly name: BackendName;
  readonly #missing: string | undefined;
  /** Tests that would have run. */
  missed = 0;

  /** @param missing why it is not there; undefined when it is */
  constructor(name: BackendName, missing: string | undefined) {
    this.name = name;
    this.#missing = missing;
  }

  /** True where valet's own engine answers. */
  get isEngine(): boolean {
    return this.name !== "kernel";
  }

  /** Why it is not there; undefined when it is. */
  get missing(): string | undefined {
    return this.#missing;
  }

  /** What valet's engine does, or what the kernel does instead. */
  either<T>(values: { engine: T; kernel: T }): T {
    return this.isEngine ? values.engine : values.kernel;
  }

  /** A test, whose name is a sentence. */
  test(name: string, body: CaseBody): void;
  test(name: string, options: CaseOptions, body: CaseBody): void;
  test(name: string, second: CaseOptions | CaseBody, third?: CaseBody): void {
    const [{ skip = {} }, body] = typeof second === "function" ? [{}, second] : [second, third!];
    if (this.#missing !== undefined) {
      this.missed++;
      return;
    }
    const reason = skip[this.name];
    if (reason !== undefined) {
      Deno.test.ignore(`${this.name}: ${name} (skipped: ${reason})`, () => {});
      return;
    }
    Deno.test(`${this.name}: ${name}`, async () => {
      using scene = new Scene(this);
      await body(scene);
    });
  }
}

const noDaemon = await useTestDaemon();

function whyMissing(name: BackendName): string | undefined {
  if (name === "daemon" && noDaemon !== undefined) return noDaemon;
  try {
    Netmap.open({ backend: name, instance: `contract ${uniqueName()}` }).close();
    return undefined;
  } catch (error) {
    if (!(error instanceof NetmapError)) throw error;
    return error.message.split("\n")[0];
  }
}

const BACKENDS: readonly BackendName[] = ["kernel", "daemon", "embedded"];

/** Runs tests for each backend; of one that is not there, says how many were skipped and why. */
export function forEachBackend(tests: (backend: Backend) => void): void {
  for (const name of BACKENDS) {
    const backend = new Backend(name, whyMissing(name));
    tests(backend);
    if (backend.missing !== undefined) {
      const cases = backend.missed === 1 ? "1 test" : `${backend.missed} tests`;
      Deno.test.ignore(`${name}: ${cases} skipped: ${backend.missing}`, () => {});
    }
  }
}

/** Asserts that something fails with an error of netmap's. Returns the error. */
export function throwsCode(code: string, action: () => unknown): NetmapError {
  try {
    action();
  } catch (error) {
    if (!(error instanceof NetmapError)) throw error;
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`Nothing was thrown instead of ${code}`);
}

/** The name of the error that something fails with, "" if it does not fail. */
export function codeOf(action: () => unknown): string {
  try {
    action();
    return "";
  } catch (error) {
    if (!(error instanceof NetmapError)) throw error;
    return error.code;
  }
}

/** The drop causes of a port that are not 0. */
export function dropsOf(counters: PortCounters): Partial<Record<DropCause, number>> {
  return Object.fromEntries(Object.entries(counters.drops).filter(([, packets]) => packets > 0));
}

/** Asserts what a port has dropped, all causes; the kernel counts nothing, and is not asked. */
export function assertDrops(port: Port, expected: Partial<Record<DropCause, number>>): void {
  if (port.backend !== "kernel") assert.deepEqual(dropsOf(port.counters()), expected);
}

/** What is in something that may be missing. */
export function present<T>(value: T | undefined | null): T {
  assert.ok(value !== undefined && value !== null);
  return value;
}
