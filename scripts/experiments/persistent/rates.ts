/**
 * How many packets a second are received and kept, in each way.
 *
 * @module
 */

import { PacketTemplate } from "../../../mod.ts";
import { effortOf, type Lab, measureRate, significant } from "../kit/mod.ts";
import type { Kills } from "./killed.ts";
import { KEEPERS, PACKETS } from "./keepers.ts";

/** A measured point, or what some kills have left. */
export type Point = {
  how: string;
  bytes?: number;
  batch?: number;
  kpps?: number;
  low_kpps?: number;
  high_kpps?: number;
} & Partial<Kills>;

/** Sizes of packets. */
export const BYTES = [60, 1514];

/** All ways, sizes and batches. */
export function* rates(lab: Lab): Generator<Point> {
  const folder = Deno.makeTempDirSync({ prefix: "valet persistent " });
  const effort = effortOf(lab);
  const netmap = lab.open(), bridge = lab.bridge();
  const batches = lab.pick([1, 8, 64], [1, 2, 4, 8, 16, 32, 64]);
  const settings = Object.keys(KEEPERS).flatMap((how) =>
    BYTES.flatMap((bytes) => batches.map((batch) => ({ how, bytes, batch })))
  );
  try {
    using sender = netmap.open(`${bridge}:sender`);
    let file = 0;
    for (const { how, bytes, batch } of lab.steps(settings, ({ how }) => how)) {
      using keeper = KEEPERS[how](netmap, `${bridge}:log${++file}`, `${folder}/${file}`);
      const packet = PacketTemplate.udp({ src: "10.0.0.1", dst: "10.0.0.2", length: bytes });
      const round = (count: number): number => {
        sender.send(packet, { count });
        let kept = keeper.take();
        while (kept < count && keeper.port.poll("read", 1000) !== 0) kept += keeper.take();
        return kept;
      };
      // The first packet in each page of a file waits for that page; a log of fixed size has it then
      for (let kept = 0; !how.includes("sync") && kept < 2 * PACKETS;) kept += round(64);
      const rate = measureRate(() => round(batch), effort);
      const [kpps, low_kpps, high_kpps] = [rate.median, rate.low, rate.high].map((one) =>
        significant(one / 1000)
      );
      yield { how, bytes, batch, kpps, low_kpps, high_kpps };
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
