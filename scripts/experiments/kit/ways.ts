/**
 * Ways that a virtual machine's packets may take to a port of the host's.
 *
 * @module
 */

import { type Netmap, PacketTemplate, type Port } from "../../../mod.ts";
import { GuestCard } from "./guest_card.ts";
import { Shuttle } from "./measure.ts";

/** Sends a batch, and says how many packets have come. */
export type Round = (batch: number) => number | Promise<number>;

/** Opens a way; what has to be ended is put on the stack. */
export type Way = (
  netmap: Netmap,
  bridge: string,
  ending: AsyncDisposableStack,
) => Round | Promise<Round>;

/** Longest wait for what is under way, in milliseconds. */
const PATIENCE_MS = 2000;
/** A sync loop by time looks so often, in microseconds. */
const SLEEP_US = 20;

const MACS = { srcMac: "02:00:00:00:00:0a", dstMac: "02:00:00:00:00:0b" } as const;
const packet = PacketTemplate.udp({ ...MACS, src: "10.0.0.1", dst: "10.0.0.2", length: 60 });

function shuttle(from: Port, to: Port): Round {
  const pair = new Shuttle(from, [to]);
  return (batch) => pair.round(packet, batch);
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
): Promise<Round> {
  const guest = ending.use(await GuestCard.plug(netmap, bridge));
  const peer = openPeer(netmap, bridge), frame = packet.next().slice();
  return async (batch) => {
    await guest.send(frame, batch);
    let received = 0;
    while (received < batch) {
      if (peer.poll("read", PATIENCE_MS) === 0) {
        throw new Error("A frame of the guest has not come");
      }
      for (const _ of peer.receive()) received++;
    }
    return received;
  };
}

/** The one whose rounds are promises, and that netmap's kernel module has not. */
export const CARD = `QEMU's card`;

/** All of them. */
export const WAYS: Readonly<Record<string, Way>> = {
  "pipe": pipe,
  "VALE port": vale,
  "sync loop by event": syncLoop("event"),
  "sync loop by time": syncLoop("time"),
  [CARD]: card,
};
