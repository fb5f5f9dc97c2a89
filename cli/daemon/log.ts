/**
 * The daemon's log: what happened, when, how bad it is, and the facts as fields.
 *
 * @module
 */

/** Levels, the worst first. */
export const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;

/** How bad it is: "error", "warn", "info", "debug". */
export type LogLevel = typeof LOG_LEVELS[number];

/** Facts that belong to a message: values that JSON has. */
export type LogFields = Readonly<Record<string, unknown>>;

/** One line of the log. */
export interface LogEntry {
  /** When: "2026-01-31T23:59:59.123Z". */
  readonly time: string;
  /** How bad it is. */
  readonly level: LogLevel;
  /** What happened: capital first letter, no final period. */
  readonly message: string;
  /** The facts. */
  readonly fields: LogFields;
}

/** Where entries go. */
export type LogSink = (entry: LogEntry) => void;

/** A log with a level, below which nothing is written, and any number of sinks. */
export class Log {
  readonly #sinks: readonly LogSink[];
  /** The mildest level that is written. */
  level: LogLevel;

  /** @param sinks each gets every entry */
  constructor(level: LogLevel, ...sinks: LogSink[]) {
    this.level = level;
    this.#sinks = sinks;
  }

  /** Something failed that was asked for, or the daemon ends because of it. */
  error(message: string, fields?: LogFields): void {
    this.write("error", message, fields);
  }

  /** Something is not as it should be; the daemon goes on. */
  warn(message: string, fields?: LogFields): void {
    this.write("warn", message, fields);
  }

  /** Something that changes what the daemon does. */
  info(message: string, fields?: LogFields): void {
    this.write("info", message, fields);
  }

  /** Everything else. */
  debug(message: string, fields?: LogFields): void {
    this.write("debug", message, fields);
  }

  /** An entry of any level. */
  write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(this.level)) return;
    const entry = { time: new Date().toISOString(), level, message, fields };
    for (const sink of this.#sinks) sink(entry);
  }
}

/** An entry as a line of JSON: `time`, `level`, `message`, then the fields. */
export function formatJson({ time, level, message, fields }: LogEntry): string {
  const own = { time, level, message };
  return `${JSON.stringify({ ...own, ...fields, ...own })}\n`;
}

/** An entry as a line for people. */
export function formatPlain({ time, level, message, fields }: LogEntry): string {
  const facts = Object.entries(fields).filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${plainValue(value)}`);
  return `${time} ${level.padEnd(5)} ${message}${facts.join("")}\n`;
}

function plainValue(value: unknown): string {
  return typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** Whether a text is a level. */
export function isLogLevel(text: unknown): text is LogLevel {
  return LOG_LEVELS.some((level) => level === text);
}

/** A sink that appends lines of JSON to a file, readable by this user only; to be closed. */
export class LogFile implements Disposable {
  readonly #file: Deno.FsFile;
  /** The file's path. */
  readonly path: string;

  /** @throws {Error} if the file cannot be written; the message says why */
  constructor(path: string) {
    try {
      this.#file = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`Cannot write the log "${path}": ${why}`, { cause });
    }
    this.path = path;
  }

  /** Writes an entry. */
  readonly sink: LogSink = (entry) => {
    writeAll(this.#file, formatJson(entry));
  };

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/**
 * A line in one write, so that lines of several processes do not mix; a full disk loses lines only.
 */
function writeAll(file: Deno.FsFile, line: string): void {
  try {
    const bytes = new TextEncoder().encode(line);
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
  } catch {
    // There is no better place to say so
  }
}
