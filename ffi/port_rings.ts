/**
 * Where a port's rings are.
 *
 * @module
 */

import type { Descriptor } from "./descriptor.ts";
import { INTERFACE } from "./layout.ts";
import type { PortName } from "./port_name.ts";
import type { Region } from "./region.ts";
import type { Ring, RingPlace } from "./ring.ts";

/** How many rings a port has in all, those that are not bound included. */
export interface RingCounts {
  /** Transmit rings. */
  readonly tx: number;
  /** Receive rings. */
  readonly rx: number;
  /** Transmit rings of the host's network stack. */
  readonly hostTx: number;
  /** Receive rings of the host's network stack. */
  readonly hostRx: number;
}

/** What a port is made of. */
export interface PortSetup {
  /** Bound to the port. */
  descriptor: Descriptor;
  /** The name it was opened with. */
  portName: PortName;
  /** Its memory. */
  region: Region;
  /** Number of that memory. */
  memoryId: number;
  /** Where in it the `netmap_if` is. */
  interfaceOffset: number;
  /** Buffers that it has beside those of its rings. */
  extraBuffers: number;
  /** The most bytes between the beginnings of a buffer and of its packet. */
  maxOffset: number;
}

/** "1 tx + 1 rx ring of 1024 slots". */
export function ringsText(tx: readonly Ring[], rx: readonly Ring[]): string {
  const [first] = [...tx, ...rx];
  if (first === undefined) return "no rings";
  const slots = [...tx, ...rx].every((ring) => ring.slots === first.slots)
    ? `${first.slots}`
    : `${tx[0]?.slots ?? 0} + ${rx[0]?.slots ?? 0}`;
  const s = tx.length === 1 && rx.length === 1 ? "" : "s";
  return `${tx.length} tx + ${rx.length} rx ring${s} of ${slots} slots`;
}

/** Where the bound rings are: the `netmap_if` lists TX, host TX, RX, host RX; 0 = not bound. */
export function ringPlaces(
  { descriptor, portName, region, memoryId, interfaceOffset: at, maxOffset }: PortSetup,
): { tx: RingPlace[]; rx: RingPlace[] } {
  const { view } = region;
  const count = (field: number): number => view.getUint32(at + field, true);
  const places = { tx: [] as RingPlace[], rx: [] as RingPlace[] };
  const memory = `${descriptor.engine} ${memoryId}`;
  let entry = at + INTERFACE.ringOffsets;
  const add = (to: RingPlace[], rings: number, host: boolean): void => {
    for (let i = 0; i < rings; i++, entry += 8) {
      const offset = Number(view.getBigInt64(entry, true));
      if (offset === 0) continue;
      to.push({ region, offset: at + offset, port: portName.name, host, memory, maxOffset });
    }
  };
  add(places.tx, count(INTERFACE.txRings), false);
  add(places.tx, count(INTERFACE.hostTxRings), true);
  add(places.rx, count(INTERFACE.rxRings), false);
  add(places.rx, count(INTERFACE.hostRxRings), true);
  return places;
}
