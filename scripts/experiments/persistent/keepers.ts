/**
 * Ways to keep packets: in the file that they were received into, and by write(2).
 *
 * @module
 */

import { type Netmap, PacketStore, type Port } from "../../../mod.ts";

/** Takes packets from a port, and keeps them in some way. */
export interface Keeper extends Disposable {
  readonly port: Port;
  /** Takes and keeps what has come; how many packets. */
  take(): number;
}

/** Slots of the receiving port, which are enough for the largest batch twice. */
export const SLOTS = 160;
/** Packets that a file keeps. */
export const PACKETS = 2048;
/** A file that is written goes on at its beginning after so many bytes. */
const FILE_BYTES = 64 * 2 ** 20;

/** Looks at packets only: what the others cost on top of it is what keeping costs. */
function look(netmap: Netmap, name: string): Keeper {
  const port = netmap.open(name, { slots: SLOTS });
  return {
    port,
    take: () => {
      let count = 0;
      for (const _ of port.receive()) count++;
      return count;
    },
    [Symbol.dispose]: () => port.close(),
  };
}

/** Packets stay where they were received. The oldest are removed when the file is full. */
function inPlace(netmap: Netmap, name: string, path: string, isSynced: boolean): Keeper {
  const store = PacketStore.create(path, { packets: PACKETS, slots: SLOTS });
  const port = store.openPort(netmap, name);
  let oldest = 1;
  return {
    port,
    take: () => {
      while (store.room < SLOTS) store.remove(oldest++);
      const count = store.keepAll();
      if (isSynced && count > 0) store.sync();
      return count;
    },
    [Symbol.dispose]: () => store.close(),
  };
}

/** Packets are copied behind each other, with their lengths, and written with one call for a batch. */
function written(netmap: Netmap, name: string, path: string, isSynced: boolean): Keeper {
  const port = netmap.open(name, { slots: SLOTS });
  const file = Deno.openSync(path, { create: true, write: true });
  const buffer = new Uint8Array(SLOTS * 2048), view = new DataView(buffer.buffer);
  let written = 0;
  return {
    port,
    take: () => {
      let count = 0, length = 0;
      for (const packet of port.receive()) {
        view.setUint32(length, packet.length);
        buffer.set(packet.bytes(), length + 4);
        length += 4 + packet.length;
        count++;
      }
      if (count === 0) return 0;
      for (let at = 0; at < length;) at += file.writeSync(buffer.subarray(at, length));
      if (isSynced) file.syncDataSync();
      written += length;
      if (written > FILE_BYTES) written = file.seekSync(0, Deno.SeekMode.Start);
      return count;
    },
    [Symbol.dispose]: () => {
      file.close();
      port.close();
    },
  };
}

/** How to make each, by its name. What "machine" is in it is safe when the machine fails, not only the process. */
export const KEEPERS: Readonly<
  Record<string, (netmap: Netmap, name: string, path: string) => Keeper>
> = {
  "received only": look,
  "kept in place": (...args) => inPlace(...args, false),
  "write()": (...args) => written(...args, false),
  "kept in place, msync()": (...args) => inPlace(...args, true),
  "write(), fdatasync()": (...args) => written(...args, true),
};
