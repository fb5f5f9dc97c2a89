/**
 * `valet capture`: the packets of a port, as lines or as a file.
 *
 * @module
 */

import { PcapngWriter, PcapWriter, type Port, summary } from "../mod.ts";
import { plural } from "./columns.ts";
import { type Context, UsageError } from "./context.ts";
import { openNetmap } from "./open.ts";
import type { CommandSpec, OptionValues } from "./table.ts";

/** Where captured packets go. */
interface Output {
  /** Adds a packet. */
  write(data: Uint8Array, timeMs: number): void;
  /** Hands on what was added: after each batch, so that readers of a pipe see it. */
  flush(): void;
}

/** `valet capture` */
export const captureCommand: CommandSpec = {
  name: "capture",
  description: "Show the packets of a port, or write them to a file\n\n" +
    'A file "-" is standard output. A switch shows a port only what is meant for it: packets ' +
    "for all, and for stations that the bridge does not know. A monitor shows what an open port " +
    'receives ("vale0:a/r"), sends ("/t"), or both ("/rt"). It ends with Ctrl-C, --count or ' +
    "--seconds.",
  arguments: "<port:string> [file:file]",
  options: [
    { flags: "-c, --count <packets:integer>", description: "End after so many packets" },
    {
      flags: "-s, --snap <bytes:integer>",
      description: "Most bytes of a packet to keep",
      default: 262_144,
    },
    {
      flags: "-f, --format <format:string>",
      description: "pcap or pcapng; else the file's name tells",
    },
    { flags: "-t, --seconds <seconds:number>", description: "End when so many seconds are over" },
  ],
  examples: [
    ["Watch", "valet capture vale0:tap"],
    ["Watch what somebody else's port sends and receives", "valet capture vale0:a/rt"],
    ["Ten packets to a file", "valet capture -c 10 vale0:tap out.pcap"],
    ["Into Wireshark", "valet capture vale0:tap - | wireshark -k -i -"],
  ],
  action: async (options, [name, file], context) => {
    const { count, snapLength, format, timeMs } = captureOptions(options, file);
    using netmap = await openNetmap(context);
    using port = netmap.open(name);
    const isKernel = netmap.backend === "kernel";
    const lostBefore = isKernel ? 0 : port.counters().drops.ringFull;
    using target = file === undefined ? undefined : openTarget(file, context);
    const output = target === undefined
      ? lines(context)
      : binary(target.file, format === "pcap" ? pcap(snapLength) : pcapng(port, snapLength));
    const captured = await capture(port, output, count, timeMs, context.signal);
    const lost = isKernel ? 0 : port.counters().drops.ringFull - lostBefore;
    context.stderr.write(
      `${plural(captured, "packet")} captured` +
        `${lost > 0 ? `, ${plural(lost, "packet")} lost: the ring was full` : ""}\n`,
    );
  },
};

interface CaptureOptions {
  count: number;
  snapLength: number;
  format: "pcap" | "pcapng";
  timeMs: number;
}

function captureOptions(options: OptionValues, file: string | undefined): CaptureOptions {
  const { count = Infinity, snap, format = file?.endsWith(".pcap") ? "pcap" : "pcapng" } = options;
  const { seconds = Infinity } = options;
  if (typeof count !== "number" || !(count >= 1)) {
    throw new UsageError(`Cannot use ${count} as --count: expected 1 or more`);
  }
  if (typeof snap !== "number" || !(Number.isInteger(snap) && snap >= 1 && snap <= 262_144)) {
    throw new UsageError(`Cannot use ${snap} as --snap: expected 1 to 262144 bytes`);
  }
  if (format !== "pcap" && format !== "pcapng") {
    throw new UsageError(`Cannot use "${format}" as --format: it is "pcap" or "pcapng"`);
  }
  if (typeof seconds !== "number" || !(seconds > 0)) {
    throw new UsageError(`Cannot use ${seconds} as --seconds: expected more than 0`);
  }
  return { count, snapLength: snap, format, timeMs: seconds * 1000 };
}

async function capture(
  port: Port,
  output: Output,
  count: number,
  timeMs: number,
  signal: AbortSignal,
): Promise<number> {
  const timeUp = new AbortController();
  const timer = timeMs === Infinity ? undefined : setTimeout(() => timeUp.abort(), timeMs);
  const ended = AbortSignal.any([signal, timeUp.signal]);
  let captured = 0;
  try {
    for await (const batch of port.batches({ signal: ended, limit: count })) {
      const timeMs = performance.timeOrigin + performance.now();
      for (const packet of batch) {
        output.write(packet.bytes(), timeMs);
        if (++captured === count) break;
      }
      output.flush();
      if (captured === count) break;
    }
  } catch (error) {
    if (!ended.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
  output.flush();
  return captured;
}

/** One line a packet, as `tcpdump -n` shows it. */
function lines({ stdout }: Context): Output {
  let text = "";
  return {
    write: (data, timeMs) => text += `${timeOfDay(timeMs)} ${summary(data)}\n`,
    flush: () => {
      if (text !== "") stdout.write(text);
      text = "";
    },
  };
}

/** "23:59:59.123456" in local time. */
function timeOfDay(timeMs: number): string {
  const micros = Math.floor(timeMs * 1000 % 1_000_000);
  return `${new Date(timeMs).toTimeString().slice(0, 8)}.${String(micros).padStart(6, "0")}`;
}

function binary(file: Deno.FsFile | typeof Deno.stdout, writer: PcapWriter | PcapngWriter): Output {
  return {
    write: (data, timeMs) => {
      const seconds = Math.floor(timeMs / 1000);
      const nanoseconds = Math.floor((timeMs % 1000) * 1e6);
      writer.write({ data, seconds, nanoseconds });
    },
    flush: () => {
      const bytes = writer.take();
      for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
    },
  };
}

function pcap(snapLength: number): PcapWriter {
  return new PcapWriter({ snapLength });
}

function pcapng(port: Port, snapLength: number): PcapngWriter {
  const interfaces = [{ name: port.name, snapLength }];
  return new PcapngWriter({ interfaces, application: "valet capture" });
}

interface Target extends Disposable {
  file: Deno.FsFile | typeof Deno.stdout;
}

function openTarget(file: string, context: Context): Target {
  if (file === "-") {
    if (context.stdout.isTerminal) {
      throw new UsageError("Cannot write a capture to a terminal: give a file, or a pipe");
    }
    return { file: Deno.stdout, [Symbol.dispose]: () => {} };
  }
  const path = context.path(file);
  try {
    const opened = Deno.openSync(path, { write: true, create: true, truncate: true });
    return { file: opened, [Symbol.dispose]: () => opened.close() };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot write the capture "${path}": ${why}`, { cause });
  }
}
