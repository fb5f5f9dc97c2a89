/** A Worker that opens a port of an engine and sends when it is told to. */

import { Netmap, NetmapError, type Port } from "../../mod.ts";

interface Message {
  open?: string;
  instance?: string;
  send?: Uint8Array<ArrayBuffer>;
  count?: number;
  close?: boolean;
}

const worker = self as unknown as {
  onmessage: (event: MessageEvent<Message>) => void;
  postMessage: (message: unknown) => void;
};
let netmap: Netmap | undefined;
let port: Port | undefined;

function answer(message: Message): unknown {
  const { open, send, count = 0 } = message;
  if (open !== undefined) {
    netmap = Netmap.open({ backend: "embedded", instance: message.instance });
    port = netmap.open(open, { slots: 256 });
    return { ports: netmap.ports().map((entry) => entry.name) };
  }
  if (send !== undefined) {
    for (let i = 0; i < count; i++) {
      new DataView(send.buffer).setUint32(14, i);
      port!.send(send);
    }
    return { counters: port!.counters() };
  }
  netmap!.close();
  return {};
}

worker.onmessage = ({ data }): void => {
  try {
    worker.postMessage(answer(data));
  } catch (error) {
    if (!(error instanceof NetmapError)) throw error;
    worker.postMessage({ error: error.code, message: error.message });
  }
};
