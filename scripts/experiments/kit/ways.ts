/**
 * Ways that a virtual machine's packets may take to a port of the host's.
 *
 * @module
 */

import { type Netmap, PacketTemplate, type Port } from "../../../mod.ts";
import { GuestCard } from "./guest_card.ts";
import { Shuttle } from "./measure.ts";
import { SendingGuest } from "./sending_guest.ts";

/** A way that is open. */
export interface Path {
  /** Sends a batch, and says how many packets have come. */
  readonly round?: (batch: number) => number;
  /** The same, where that has to be awaited. */
  readonly roundAsync?: (batch: number) => Promise<number>;
  /** CPU time that another process has used for it, in milliseconds. */
  readonly otherCpuMs?: () => number;
}

/** Opens a way; what has to be ended is put on the stack. */
export type Way = (
  netmap: Netmap,
  bridge: string,
  ending: AsyncDisposableStack,
) => Path | Promise<Path>;

/** Longest wait for what is under way, in milliseconds. */
const PATIENCE_MS = 2000;
/** A sync loop by time looks so often, in microseconds. */
const SLEEP_US = 20;

const MACS = { srcMac: "02:00:00:00:00:0a", dstMac: "02:00:00:00:00:0b" } as const;
const packet = PacketTemplate.udp({ ...MACS, src: "10.0.0.1", dst: "10.0.0.2", length: 60 });

function shuttle(from: Port, to: Port): Path {
  const pair = new Shuttle(from, [to]);
  return { round: (batch) => pair.round(packet, batch) };
}

/** Opens the port where all packets go, and has the bridge learn where it is. */
function openPeer(netmap: Netmap, bridge: string): Port {
  const peer = netmap.open(`${bridge}:peer`);
  peer.send(PacketTemplate.arp({ srcMac: MACS.dstMac, src: "10.0.0.2", dst: "10.0.0.2" }));
  return peer;
}

const pipe: Way = (netmap, bridge) =>
  shuttle(netmap.open(`${bridge}:guest{1`), netmap.open(`${bridge}:guest}1`));

const vale: Way = (netmap, bridge) =>
  shuttle(netmap.open(`${bridge}:guest`), openPeer(netmap, bridge));

function syncLoop(wakeup: "event" | "time"): Way {
  return (netmap, bridge, ending) => {
    const guest = netmap.open(`${bridge}:guest`, { exclusive: true });
    ending.use(guest.startSyncLoop({ wakeup, sleepUs: SLEEP_US }));
    return shuttle(guest, openPeer(netmap, bridge));
  };
}

async function card(
  netmap: Netmap,
  bridge: string,
  ending: AsyncDisposableStack,
): Promise<Path> {
  const guest = ending.use(await GuestCard.plug(netmap, bridge));
  const peer = openPeer(netmap, bridge), frame = packet.next().slice();
  return {
    roundAsync: async (batch) => {
      await guest.send(frame, batch);
      let received = 0;
      while (received < batch) received += take(peer);
      return received;
    },
  };
}

/** Waits until frames of a guest come; how many. */
function take(peer: Port): number {
  if (peer.poll("read", PATIENCE_MS) === 0) throw new Error("No frame of the guest has come");
  let count = 0;
  for (const _ of peer.receive()) count++;
  return count;
}

/** A real guest, which sends all the time by itself; its kernel hands over so many packets at a time. */
export function realGuest(root: string): Way {
  return async (netmap, bridge, ending) => {
    const guest = ending.use(await SendingGuest.boot(netmap, bridge, root));
    const peer = openPeer(netmap, bridge);
    let sent = 0;
    return {
      roundAsync: async (batch) => {
        if (batch !== sent) await guest.send(MACS.dstMac, batch);
        sent = batch;
        return take(peer);
      },
      otherCpuMs: () => guest.cpuMs(),
    };
  };
}

/** Where frames come through a socket, which netmap's kernel module has not. */
export const CARD = "QEMU's card, scripted", GUEST = "QEMU's card, a real guest";

/** All of them. */
export const WAYS: Readonly<Record<string, Way>> = {
  "pipe": pipe,
  "VALE port": vale,
  "sync loop by event": syncLoop("event"),
  "sync loop by time": syncLoop("time"),
  [CARD]: card,
};
