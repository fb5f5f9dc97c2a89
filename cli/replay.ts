/**
 * `valet replay`: sends the packets of a capture, when they were recorded or at a rate of their own.
 *
 * @module
 */

import { formatRate, parsePortName } from "../mod.ts";
import { plural } from "./columns.ts";
import { type Context, UsageError } from "./context.ts";
import { openNetmap } from "./open.ts";
import { Shared } from "./pkt_gen/job.ts";
import { type Pace, parseBandwidth, parseDelay, parseLoss, parseRate } from "./replay/models.ts";
import type { ReplayFigures, ReplayJob, ReplayNews } from "./replay/worker.ts";
import type { CommandSpec, OptionValues } from "./table.ts";

const MOST_BATCH = 8192;

/** `valet replay` */
export const replayCommand: CommandSpec = {
  name: "replay",
  description: "Send the packets of a capture file, at the times of their recording\n\n" +
    "It reads pcap and pcapng. -B, -D and -L emulate a link as netmap's nmreplay does; -f and -i " +
    "are its names for file and port. A thread of its own sends: it sleeps until a millisecond " +
    "before a packet is due, and watches the clock from there on.",
  arguments: "[file:file] [port:string]",
  options: [
    { flags: "-f, --file <file:file>", description: "The capture, as nmreplay has it" },
    { flags: "-i, --interface <port:string>", description: "The port, as nmreplay has it" },
    { flags: "-s, --speed <factor:number>", description: "So many times as fast as recorded" },
    { flags: "--pps <packets:number>", description: "So many packets a second instead" },
    { flags: "--rate <bits:string>", description: 'So many bit/s instead: "10M"' },
    {
      flags: "-B, --bandwidth <model:string>",
      description: "real[,speed]; [constant,]bps; ether,bps, which counts the framing too",
    },
    {
      flags: "-D, --delay <model:string>",
      description: "[constant,]t; uniform,min,max; exp,min,average. Units: s m u n",
    },
    {
      flags: "-L, --loss <model:string>",
      description: "[plr,]p: of packets; ber,p: of bits",
    },
    { flags: "--seed <number:integer>", description: "Of delays and losses: the same each time" },
    {
      flags: "-l, --loop <times:integer>",
      description: "Send the capture so often, 0: until Ctrl-C",
      default: 1,
    },
    {
      flags: "-b, --batch <packets:integer>",
      description: "Most packets, due at the same time, to send at once",
      default: 128,
    },
    {
      flags: "-w, --wait <seconds:number>",
      description: "Wait for the link before; else 2, at ports of bridges 0",
    },
    { flags: "-C, --cpu <cpu:integer>", description: "CPU that the sending thread stays on" },
    { flags: "--json", description: "Print the figures as JSON" },
  ],
  examples: [
    ["As it was recorded", "valet replay capture.pcap vale0:a"],
    ["Ten times as fast, again and again", "valet replay -s 10 -l 0 capture.pcap vale0:a"],
    [
      "Over a slow and lossy link",
      "valet replay -B 10M -D exp,20m,25m -L 0.01 capture.pcap vale0:a",
    ],
  ],
  action: async (options, args, context) => {
    const job = readJob(options, args, context);
    using netmap = await openNetmap(context);
    const shared = Shared.create(1);
    const figures = await send(
      { ...job, backend: netmap.backend, instance: context.instance, shared: shared.buffer },
      shared,
      context.signal,
    );
    report(figures, Boolean(options.json), context);
  },
};

type Wanted = Omit<ReplayJob, "backend" | "instance" | "shared">;

function readJob(options: OptionValues, args: readonly string[], context: Context): Wanted {
  // As nmreplay names them, or in their places
  const places = [...args];
  const file = options.file ?? places.shift(), port = options.interface ?? places.shift();
  if (typeof file !== "string" || typeof port !== "string") {
    throw new UsageError("It takes a capture file and a port: valet replay capture.pcap vale0:a");
  }
  if (places.length > 0) throw new UsageError(`Unexpected argument "${places[0]}"`);
  const { bridge } = parsePortName(port);
  const number = (name: string, least: number, most: number, fallback: number): number => {
    const value = options[name] ?? fallback;
    if (typeof value === "number" && value >= least && value <= most) return value;
    throw new UsageError(`Cannot use ${value} as --${name}: expected ${least} to ${most}`);
  };
  const loops = number("loop", 0, Number.MAX_SAFE_INTEGER, 1);
  const text = (name: string): string | undefined => options[name] as string | undefined;
  const delay = text("delay"), loss = text("loss");
  return {
    file: context.path(file),
    port,
    schedule: {
      pace: readPace(options),
      delay: delay === undefined ? undefined : parseDelay(delay),
      loss: loss === undefined ? undefined : parseLoss(loss),
      loops: loops === 0 ? Infinity : loops,
      seed: number("seed", 0, 2 ** 32 - 1, crypto.getRandomValues(new Uint32Array(1))[0]),
    },
    batch: number("batch", 1, MOST_BATCH, 128),
    waitSeconds: number("wait", 0, 86400, bridge === undefined ? 2 : 0),
    cpu: options.cpu === undefined
      ? undefined
      : number("cpu", 0, navigator.hardwareConcurrency - 1, 0),
  };
}

/** Only one of the options that say when. */
function readPace(options: OptionValues): Pace {
  const given = ["speed", "pps", "rate", "bandwidth"].filter((name) => options[name] !== undefined);
  if (given.length > 1) {
    throw new UsageError(`--${given[0]} and --${given[1]} say different things: give one of them`);
  }
  const { speed = 1, pps, rate, bandwidth } = options;
  if (typeof bandwidth === "string") return parseBandwidth(bandwidth);
  if (typeof rate === "string") {
    return { kind: "bits", perSecond: parseRate(rate), framingBytes: 0 };
  }
  if (pps !== undefined && !(typeof pps === "number" && pps > 0)) {
    throw new UsageError(`Cannot use ${pps} as --pps: expected more than 0`);
  }
  if (typeof pps === "number") return { kind: "packets", perSecond: pps };
  if (typeof speed !== "number" || !(speed > 0)) {
    throw new UsageError(`Cannot use ${speed} as --speed: expected more than 0`);
  }
  return { kind: "recorded", speed };
}

/** Has a Worker send it all. */
async function send(job: ReplayJob, shared: Shared, signal: AbortSignal): Promise<ReplayFigures> {
  const done = Promise.withResolvers<ReplayFigures>();
  const worker = new Worker(new URL("./replay/worker.ts", import.meta.url), { type: "module" });
  const stop = (): void => shared.stop();
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  worker.onmessage = ({ data: news }: MessageEvent<ReplayNews>) => {
    if (news.is === "ready") worker.postMessage(job);
    else if (news.is === "done") done.resolve(news.figures);
    else done.reject(new Error(news.message));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    done.reject(new Error(event.message));
  };
  try {
    return await done.promise;
  } finally {
    signal.removeEventListener("abort", stop);
    worker.terminate();
  }
}

function report(figures: ReplayFigures, isJson: boolean, { stdout, stderr }: Context): void {
  const { lateText, late, ...counts } = figures;
  if (isJson) {
    stdout.write(`${JSON.stringify({ ...counts, lateNs: late })}\n`);
    return;
  }
  const { packets, bytes, lost, seconds, cut } = figures;
  const rate = (value: number, unit?: string): string =>
    formatRate(seconds > 0 ? value / seconds : 0, unit);
  stderr.write(
    `${plural(packets, "packet")} sent, ${plural(bytes, "byte")} in ${seconds.toFixed(3)} s: ` +
      `${rate(packets)}, ${rate(bytes * 8, "bit/s")}\n` +
      (lost > 0 ? `${plural(lost, "packet")} lost, as --loss says\n` : "") +
      (cut > 0 ? `${plural(cut, "packet")} of the file were cut short when recorded\n` : "") +
      `Late by: ${lateText}\n`,
  );
}
