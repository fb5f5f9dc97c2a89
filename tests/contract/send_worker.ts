/**
 * The Worker of workers_test.ts: sends frames with tags `first`, `first` + 1 ... from a port of its own.
 *
 * @module
 */

import { Netmap } from "../../mod.ts";
import { frame } from "./frames.ts";

/** What the Worker is told. */
export interface SendJob {
  /** "kernel" or "embedded". */
  backend: "kernel" | "embedded" | "daemon";
  /** The engine. */
  instance: string;
  /** The port to open. */
  port: string;
  /** Source address. */
  from: string;
  /** Destination address; of all ports when absent. */
  to?: string;
  /** Tag of the first frame. */
  first: number;
  /** Frames to send. */
  count: number;
  /** Frames between two syncs. */
  batch: number;
  /** Begins so many milliseconds after it was told to. */
  delayMs?: number;
  /** Opens, sends a batch and closes again and again instead. */
  reopen?: boolean;
}

/** What it says when it is done. */
export interface SendReport {
  /** Frames that its ports have counted as sent; 0 on the kernel. */
  sent: number;
  /** Frames that its ports have dropped. */
  dropped: number;
}

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<SendJob>) => Promise<void>) | null;
  postMessage(report: SendReport | "ready"): void;
  close(): void;
};

function send(netmap: Netmap, job: SendJob, first: number, count: number): SendReport {
  using port = netmap.open(job.port, { slots: 512 });
  const { from, to, batch } = job;
  for (let i = 0; i < count; i += batch) {
    const frames = Array.from(
      { length: Math.min(batch, count - i) },
      (_, k) => frame({ from, ...(to === undefined ? {} : { to }), tag: first + i + k }),
    );
    port.sendMany(frames, { batch });
  }
  if (job.backend === "kernel") return { sent: 0, dropped: 0 };
  const { txPackets, dropped } = port.counters();
  return { sent: txPackets, dropped };
}

scope.onmessage = async ({ data: job }) => {
  await new Promise((resolve) => setTimeout(resolve, job.delayMs ?? 0));
  using netmap = Netmap.open({ backend: job.backend, instance: job.instance });
  const report = { sent: 0, dropped: 0 };
  const each = job.reopen ? job.batch : job.count;
  for (let i = 0; i < job.count; i += each) {
    const { sent, dropped } = send(netmap, job, job.first + i, Math.min(each, job.count - i));
    report.sent += sent;
    report.dropped += dropped;
  }
  netmap.close();
  scope.postMessage(report);
};
scope.postMessage("ready");
