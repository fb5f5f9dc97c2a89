/**
 * `valet capture`: the packets of a port, as lines or as a file.
 *
 * @module
 */

import { NetmapError, parsePortName, type Port, summary } from "../mod.ts";
import { openOutput, type Output, type Rotation } from "./capture/files.ts";
import { compileFilter, type Filter } from "./capture/filter.ts";
import { plural } from "./columns.ts";
import { type Context, UsageError } from "./context.ts";
import { openNetmap } from "./open.ts";
import type { CommandSpec, OptionValues } from "./table.ts";

/** `valet capture` */
export const captureCommand: CommandSpec = {
  name: "capture",
  description: "Show the packets of a port, or write them to a file\n\n" +
    'A file "-" is standard output. A switch shows a port only what is meant for it: packets ' +
    "for all, and for stations that the bridge does not know. A monitor shows what another port " +
    'sends and receives: "vale0:a/rt". It ends with Ctrl-C, --count or --seconds.',
  arguments: "<port:string> [file:file]",
  options: [
    {
      flags: "-F, --filter <expression:string>",
      description: "Only packets that match, in tcpdump's syntax if libpcap is there",
    },
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
    {
      flags: "-C, --file-size <megabytes:number>",
      description: "Begin a new file after so many millions of bytes",
    },
    {
      flags: "-G, --file-seconds <seconds:number>",
      description: "Begin a new file after so many seconds; its name may have %Y %m %d %H %M %S",
    },
    {
      flags: "-W, --files <count:integer>",
      description: "With -C: go round in so many files; with -G: end after so many",
    },
  ],
  examples: [
    ["Watch", "valet capture vale0:tap"],
    ["Ten packets to a file", "valet capture -c 10 vale0:tap out.pcap"],
    ["Into Wireshark", "valet capture vale0:tap - | wireshark -k -i -"],
    ["What a port sends and receives, but only DNS", "valet capture -F 'port 53' vale0:a/rt"],
    ["The last hour, in files of a minute", "valet capture -G 60 vale0:tap 'out-%M.pcap'"],
  ],
  action: async (options, [name, file], context) => {
    const wanted = captureOptions(options, file);
    const { snapLength, format } = wanted;
    parsePortName(name); // a malformed command, before anything is started
    const filter = wanted.expression === undefined
      ? undefined
      : compileFilter(wanted.expression, snapLength, context);
    using netmap = await openNetmap(context);
    using port = netmap.open(name);
    const lostBefore = ringFull(port);
    let captured = 0;
    {
      using output = file === undefined
        ? lines(context)
        : openOutput(file, { format, snapLength, port: port.name }, wanted.rotation, context);
      captured = await capture(port, output, filter, wanted, context.signal);
    }
    const lost = ringFull(port) - lostBefore;
    context.stderr.write(
      `${plural(captured, "packet")} captured` +
        `${lost > 0 ? `, ${plural(lost, "packet")} lost: the ring was full` : ""}\n`,
    );
  },
};

/** Packets that the port's ring had no room for; 0 where nobody counts them. */
function ringFull(port: Port): number {
  if (port.backend === "kernel") return 0;
  const { monitorRx, monitorTx } = port.portName.flags;
  if (monitorRx || monitorTx) return 0; // what is counted is the port that is watched
  try {
    return port.counters().drops.ringFull;
  } catch (error) {
    if (error instanceof NetmapError && error.code === "EOPNOTSUPP") return 0;
    throw error;
  }
}

interface CaptureOptions {
  expression: string | undefined;
  count: number;
  snapLength: number;
  format: "pcap" | "pcapng";
  timeMs: number;
  rotation: Rotation;
}

function captureOptions(options: OptionValues, file: string | undefined): CaptureOptions {
  const { count = Infinity, snap, filter } = options;
  const { seconds = Infinity } = options;
  if (typeof count !== "number" || !(count >= 1)) {
    throw new UsageError(`Cannot use ${count} as --count: expected 1 or more`);
  }
  if (typeof snap !== "number" || !(Number.isInteger(snap) && snap >= 1 && snap <= 262_144)) {
    throw new UsageError(`Cannot use ${snap} as --snap: expected 1 to 262144 bytes`);
  }
  const format = options.format ?? (/\.pcap\d*$/.test(file ?? "") ? "pcap" : "pcapng");
  if (format !== "pcap" && format !== "pcapng") {
    throw new UsageError(`Cannot use "${format}" as --format: it is "pcap" or "pcapng"`);
  }
  if (typeof seconds !== "number" || !(seconds > 0)) {
    throw new UsageError(`Cannot use ${seconds} as --seconds: expected more than 0`);
  }
  return {
    expression: typeof filter === "string" ? filter : undefined,
    count,
    snapLength: snap,
    format,
    timeMs: seconds * 1000,
    rotation: rotationOf(options, file),
  };
}

function rotationOf(options: OptionValues, file: string | undefined): Rotation {
  const value = (name: string, key: string): number => {
    const given = options[key] ?? Infinity;
    if (typeof given === "number" && given > 0) return given;
    throw new UsageError(`Cannot use ${given} as --${name}: expected more than 0`);
  };
  const megabytes = value("file-size", "fileSize"), seconds = value("file-seconds", "fileSeconds");
  const files = value("files", "files");
  const isRotated = megabytes !== Infinity || seconds !== Infinity;
  if (isRotated && file === undefined) throw new UsageError("-C and -G need a file to write to");
  if (files !== Infinity && !isRotated) {
    throw new UsageError("-W goes with -C or -G: nothing else begins a new file");
  }
  return { bytes: megabytes * 1e6, ms: seconds * 1000, files };
}

async function capture(
  port: Port,
  output: Output,
  filter: Filter | undefined,
  { count, timeMs }: CaptureOptions,
  signal: AbortSignal,
): Promise<number> {
  const timeUp = new AbortController();
  const timer = timeMs === Infinity ? undefined : setTimeout(() => timeUp.abort(), timeMs);
  const ended = AbortSignal.any([signal, timeUp.signal]);
  let captured = 0, isFull = false;
  try {
    for await (const batch of port.batches({ signal: ended })) {
      const nowMs = performance.timeOrigin + performance.now();
      for (const packet of batch) {
        const bytes = packet.bytes();
        if (filter !== undefined && !filter(packet, bytes)) continue;
        isFull = !output.write(bytes, nowMs);
        if (isFull || ++captured === count) break;
      }
      output.flush();
      if (isFull || captured === count) break;
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
    write: (data, timeMs) => {
      text += `${timeOfDay(timeMs)} ${summary(data)}\n`;
      return true;
    },
    flush: () => {
      if (text !== "") stdout.write(text);
      text = "";
    },
    [Symbol.dispose]: () => {},
  };
}

/** "23:59:59.123456" in local time. */
function timeOfDay(timeMs: number): string {
  const micros = Math.floor(timeMs * 1000 % 1_000_000);
  return `${new Date(timeMs).toTimeString().slice(0, 8)}.${String(micros).padStart(6, "0")}`;
}
