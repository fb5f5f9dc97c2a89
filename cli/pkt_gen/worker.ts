/**
 * A thread of pkt-gen: a Worker that opens its port, says so, and does its function when it is told to begin.
 *
 * @module
 */

import {
  Netmap,
  NetmapError,
  type Port,
  type PortOptions,
  RegisterMode,
  type Ring,
  Tap,
} from "../../mod.ts";
import { pinThread } from "./affinity.ts";
import { failureText } from "../port_hints.ts";
import type { Command, Job, News, OpenedPort } from "./job.ts";
import { receiveNothing, transmitNowhere } from "./null_device.ts";
import { cpuOf, type FunctionName } from "./options.ts";
import { ping } from "./ping.ts";
import { pong } from "./pong.ts";
import { receive } from "./rx.ts";
import { receiveSequence, transmitSequence } from "./sequence.ts";
import { receiveOnTap, transmitOnTap } from "./tap_device.ts";
import { Thread } from "./thread.ts";
import { transmit } from "./tx.ts";

/** A function on an open port. */
type PortFunction = (thread: Thread, port: Port, headerBytes: number) => void;

const FUNCTIONS: Readonly<Record<FunctionName, PortFunction>> = {
  tx: transmit,
  rx: receive,
  ping,
  pong,
  txseq: transmitSequence,
  rxseq: receiveSequence,
};

/** What is open, and ready to be used. */
interface Opened {
  readonly about: OpenedPort;
  readonly run: (thread: Thread) => void;
  readonly close: () => void;
}

/** Opens what the job names. */
function open(job: Job): Opened {
  const { device } = job.options;
  if (device === "null") return openNull(job);
  if (device === "netmap") return openNetmapPort(job);
  return openTap(job);
}

function openNull(job: Job): Opened {
  const { run, threads } = job.options;
  return {
    about: {
      rings: { tx: threads, rx: threads, hostTx: 0, hostRx: 0 },
      headerBytes: 0,
      layout: [],
      warning: undefined,
      tapName: undefined,
    },
    run: run === "tx" ? transmitNowhere : receiveNothing,
    close: () => {},
  };
}

function openTap({ options }: Job): Opened {
  const tap = Tap.open(options.name);
  return {
    about: {
      rings: { tx: 1, rx: 1, hostTx: 0, hostRx: 0 },
      headerBytes: 0,
      layout: [],
      warning: undefined,
      tapName: tap.name,
    },
    run: (thread) => (options.run === "tx" ? transmitOnTap : receiveOnTap)(thread, tap),
    close: () => tap.close(),
  };
}

function openNetmapPort(job: Job): Opened {
  const { options, backend, instance } = job;
  const netmap = Netmap.open({ backend, instance });
  try {
    const port = netmap.open(options.name, portOptions(job));
    const { headerBytes, warning } = virtioHeader(port, options.headerBytes);
    return {
      about: {
        rings: port.ringCounts,
        headerBytes,
        layout: layoutOf(port),
        warning,
        tapName: undefined,
      },
      run: (thread) => FUNCTIONS[options.run](thread, port, headerBytes),
      close: () => netmap.close(),
    };
  } catch (error) {
    netmap.close();
    throw error;
  }
}

function portOptions({ options, ring, thread }: Job): PortOptions {
  const { shape, run } = options;
  return {
    acceptHeader: true,
    noTxPoll: thread > 0 && (run === "rx" || run === "rxseq"),
    ...(shape === undefined ? {} : {
      txSlots: shape.txSlots,
      rxSlots: shape.rxSlots,
      txRings: shape.txRings,
      rxRings: shape.rxRings,
    }),
    ...(ring === undefined ? {} : {
      ring: ring.index,
      mode: ring.host ? RegisterMode.ONE_SW : RegisterMode.ONE_NIC,
    }),
  };
}

/** Sets the length of the header, or asks for it. */
function virtioHeader(
  port: Port,
  wanted: number,
): { headerBytes: number; warning: string | undefined } {
  if (wanted !== 0) {
    port.headerLength = wanted;
    return { headerBytes: wanted, warning: undefined };
  }
  try {
    return { headerBytes: port.headerLength, warning: undefined };
  } catch (error) {
    if (!(error instanceof NetmapError)) throw error;
    return { headerBytes: 0, warning: "Unable to get virtio-net header length" };
  }
}

function layoutOf({ txRings, rxRings, memoryId, ringCounts }: Port): string[] {
  const ringText = (kind: string, { index, offset, slots }: Ring): string =>
    `   ${kind}${index} at offset 0x${offset.toString(16)} slots ${slots}`;
  return [
    `ntxqs ${ringCounts.tx} nrxqs ${ringCounts.rx} memid ${memoryId}`,
    ...txRings.map((ring) => ringText("TX", ring)),
    ...rxRings.map((ring) => ringText("RX", ring)),
  ];
}

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<Command>) => void) | null;
  postMessage(news: News): void;
  close(): void;
};

const tell = (news: News): void => scope.postMessage(news);

let opened: Opened | undefined;
let job: Job | undefined;

/** Does the function, from beginning to end. */
function work(thread: Thread): void {
  const { options, thread: index } = thread.job;
  if (options.cpu !== undefined) pinThread(cpuOf(index, options, navigator.hardwareConcurrency));
  thread.startMs = thread.nowMs;
  opened?.run(thread);
  thread.publish();
  opened?.close();
  tell({ is: "done", startMs: thread.startMs, endMs: thread.endMs || thread.nowMs });
}

scope.onmessage = ({ data: command }) => {
  try {
    if (command.do === "open") {
      job = command.job;
      opened = open(job);
      tell({ is: "open", ...opened.about });
    } else if (job !== undefined) {
      work(new Thread(job, tell));
    }
  } catch (error) {
    opened?.close();
    tell({ is: "failed", message: failureText(error, job?.backend === "kernel") });
  }
};

tell({ is: "ready" });
