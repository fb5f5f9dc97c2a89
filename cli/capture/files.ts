/**
 * The files that `valet capture` writes: one, or as many as -C, -G and -W make, named as tcpdump names them.
 *
 * @module
 */

import { PcapngWriter, PcapWriter } from "../../mod.ts";
import { type Context, UsageError } from "../context.ts";

/** Where captured packets go. */
export interface Output extends Disposable {
  /** Adds a packet; returns false when no more are wanted. */
  write(data: Uint8Array, timeMs: number): boolean;
  /** Hands on what was added: after each batch, so that readers of a pipe see it. */
  flush(): void;
}

/** When the next file begins. */
export interface Rotation {
  /** When a file has more than so many bytes; Infinity: never. */
  readonly bytes: number;
  /** When a file is so old; Infinity: never. */
  readonly ms: number;
  /** How many files there are at most: by size the first is written again, by time it ends. */
  readonly files: number;
}

/** How files are written. */
export interface FileOptions {
  /** "pcap" or "pcapng". */
  readonly format: "pcap" | "pcapng";
  /** Most bytes of a packet to keep. */
  readonly snapLength: number;
  /** Name of the port, which pcapng keeps. */
  readonly port: string;
}

type Sink = Pick<Deno.FsFile, "writeSync">;

/** Opens what packets are written to. "-" is standard output. */
export function openOutput(
  file: string,
  options: FileOptions,
  rotation: Rotation,
  context: Context,
): Output {
  const isRotated = rotation.bytes !== Infinity || rotation.ms !== Infinity;
  if (file !== "-") return new Files(context.path(file), options, rotation);
  if (isRotated) throw new UsageError("Cannot rotate standard output: -C and -G need a file");
  if (context.stdout.isTerminal) {
    throw new UsageError("Cannot write a capture to a terminal: give a file, or a pipe");
  }
  return new OneFile(Deno.stdout, options, () => {});
}

/** One file, or standard output. */
class OneFile implements Output {
  readonly #sink: Sink;
  readonly #writer: PcapWriter | PcapngWriter;
  readonly #close: () => void;
  /** Bytes written. */
  size = 0;

  constructor(sink: Sink, { format, snapLength, port }: FileOptions, close: () => void) {
    this.#sink = sink;
    this.#close = close;
    this.#writer = format === "pcap" ? new PcapWriter({ snapLength }) : new PcapngWriter({
      interfaces: [{ name: port, snapLength }],
      application: "valet capture",
    });
  }

  write(data: Uint8Array, timeMs: number): boolean {
    const seconds = Math.floor(timeMs / 1000);
    const nanoseconds = Math.floor((timeMs % 1000) * 1e6);
    this.#writer.write({ data, seconds, nanoseconds });
    return true;
  }

  flush(): void {
    const bytes = this.#writer.take();
    for (let done = 0; done < bytes.length;) done += this.#sink.writeSync(bytes.subarray(done));
    this.size += bytes.length;
  }

  [Symbol.dispose](): void {
    try {
      this.flush();
    } finally {
      this.#close();
    }
  }
}

/** Files that follow each other. */
class Files implements Output {
  readonly #pattern: string;
  readonly #options: FileOptions;
  readonly #rotation: Rotation;
  #current: OneFile;
  /** Files begun, and those of them since the time has begun one. */
  #count = 1;
  #countOfTime = 0;
  #sinceMs: number;

  constructor(pattern: string, options: FileOptions, rotation: Rotation) {
    this.#pattern = pattern;
    this.#options = options;
    this.#rotation = rotation;
    this.#sinceMs = performance.timeOrigin + performance.now();
    this.#current = this.#open();
  }

  write(data: Uint8Array, timeMs: number): boolean {
    const { bytes, ms, files } = this.#rotation;
    if (timeMs - this.#sinceMs >= ms) {
      if (bytes === Infinity && this.#count >= files) return false;
      this.#sinceMs += Math.floor((timeMs - this.#sinceMs) / ms) * ms;
      this.#countOfTime = 0;
      this.#next();
    } else if (bytes !== Infinity) {
      this.#current.flush();
      if (this.#current.size > bytes) {
        this.#countOfTime++;
        this.#next();
      }
    }
    return this.#current.write(data, timeMs);
  }

  flush(): void {
    this.#current.flush();
  }

  [Symbol.dispose](): void {
    this.#current[Symbol.dispose]();
  }

  #next(): void {
    this.#current[Symbol.dispose]();
    this.#count++;
    this.#current = this.#open();
  }

  #open(): OneFile {
    const path = this.#name();
    try {
      const opened = Deno.openSync(path, { write: true, create: true, truncate: true });
      return new OneFile(opened, this.#options, () => opened.close());
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`Cannot write the capture "${path}": ${why}`, { cause });
    }
  }

  /** "out.pcap", "out.pcap1"; with a limit "out.pcap00", "out.pcap01". */
  #name(): string {
    const { bytes, ms, files } = this.#rotation;
    const name = ms === Infinity ? this.#pattern : formatTime(this.#pattern, this.#sinceMs);
    if (bytes === Infinity) return name;
    if (files === Infinity) return this.#countOfTime === 0 ? name : `${name}${this.#countOfTime}`;
    const number = ms === Infinity ? this.#countOfTime % files : this.#countOfTime;
    return `${name}${String(number).padStart(String(files - 1).length, "0")}`;
  }
}

/** strftime(3), what file names need of it. */
export function formatTime(pattern: string, timeMs: number): string {
  const date = new Date(timeMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())] as const;
  const time = [two(date.getHours()), two(date.getMinutes()), two(date.getSeconds())] as const;
  const values: Readonly<Record<string, string>> = {
    Y: `${day[0]}`,
    y: two(day[0] % 100),
    m: day[1],
    d: day[2],
    H: time[0],
    M: time[1],
    S: time[2],
    F: day.join("-"),
    T: time.join(":"),
    s: `${Math.floor(timeMs / 1000)}`,
    "%": "%",
  };
  return pattern.replace(/%(.)/g, (text, letter: string) => {
    const value = values[letter];
    if (value !== undefined) return value;
    throw new UsageError(
      `Cannot use "${text}" in a file's name: there are %Y %m %d %H %M %S %F %T %s`,
    );
  });
}
