/**
 * Receivers that are killed: a process receives packets into a file, and says which of them are kept, until
 * SIGKILL hits it; who has killed it then looks whether all of that is in the file, and goes on with it.
 *
 *     deno run --allow-ffi scripts/experiments/persistent/killed.ts FILE BACKEND INSTANCE PORT SENDER FIRST
 *
 * writes lines to stdout: "open" before it opens the port, "kept N" when all packets up to number N are kept,
 * "remove N" before it removes packets up to number N.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type BackendName,
  Netmap,
  NetmapError,
  PacketStore,
  PacketTemplate,
} from "../../../mod.ts";

/** Packets that the file has room for. */
const ROOM = 1024;
/** So many packets are sent at once, at most. */
const BATCH = 32;
/** Ethernet, IPv4 and UDP headers; the packet's number follows. */
const HEADERS = 42;

/** A packet of some number: its length and each of its bytes follow from that. */
export function frameOf(number: number): Uint8Array<ArrayBuffer> {
  let state = Math.imul(number, 0x9e3779b1) | 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const payload = new Uint8Array(18 + next() % 1400), view = new DataView(payload.buffer);
  view.setUint32(0, number);
  for (let at = 4; at + 4 <= payload.length; at += 4) view.setUint32(at, next());
  return PacketTemplate.udp({ src: "10.0.0.1:1", dst: "10.0.0.2:2", payload }).next().slice();
}

/** What a run of the receiver is given. */
export interface Receiver {
  /** The file. */
  readonly path: string;
  readonly backend: BackendName;
  readonly instance: string;
  /** Port that receives, and port that sends: "vale0:log". */
  readonly port: string;
  readonly sender: string;
  /** Number of the first packet. */
  readonly first: number;
}

/** Receives until it is killed. */
function receive({ path, backend, instance, port, sender, first }: Receiver): never {
  const say = (text: string): void => {
    Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  };
  using netmap = Netmap.open({ backend, instance });
  using store = PacketStore.open(path);
  // Numbers of the store, which count on, and of the packets differ by so much
  const stored = store.packets(), offset = (stored.at(-1)?.number ?? 0) + 1 - first;
  let oldest = stored[0]?.number ?? first + offset;
  say("open");
  using receiving = store.openPort(netmap, port);
  using sending = netmap.open(sender, { slots: 2 * BATCH });
  for (let next = first;;) {
    // Before, not after: who was killed with a full file left no room for what is sent now
    if (store.room < BATCH) {
      const end = next + offset - ROOM / 2;
      say(`remove ${end - 1 - offset}`);
      while (oldest < end) store.remove(oldest++);
    }
    const count = 1 + Math.floor(Math.random() * BATCH);
    sending.sendMany(Array.from({ length: count }, (_, i) => frameOf(next + i)));
    for (let kept = 0; kept < count;) {
      const some = store.keepAll();
      if (some === 0) receiving.poll("read", 1000);
      kept += some;
    }
    next += count;
    say(`kept ${next - 1}`);
  }
}

/** What was found after some kills. */
export interface Kills {
  kills: number;
  /** Packets that had been said to be kept, and not to be removed. */
  acknowledged: number;
  /** Of these, how many were not in the file. */
  lost: number;
  /** Packets with other bytes than they were sent with, or there twice, and damaged entries. */
  corrupt: number;
}

/** A file that receivers are killed over. */
export class Victim implements Disposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "valet persistent " });
  /** The file. */
  readonly path = `${this.#folder}/packets`;
  /** Numbers of packets that have to be there. */
  readonly #expected = new Set<number>();
  #first = 1;
  readonly result: Kills = { kills: 0, acknowledged: 0, lost: 0, corrupt: 0 };

  constructor() {
    PacketStore.create(this.path, { packets: ROOM, slots: 4 * BATCH }).close();
  }

  /** Has a receiver killed, and looks what is there. Every fourth time it is killed while it opens its port. */
  async kill(receiver: Pick<Receiver, "backend" | "instance" | "port" | "sender">): Promise<void> {
    const isEarly = this.result.kills++ % 4 === 3;
    const script = fileURLToPath(import.meta.url);
    const { backend, instance, port, sender } = receiver;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--allow-ffi", script, this.path, backend, instance]
        .concat(port, sender, `${this.#first}`),
      stdin: "null",
      stdout: "piped",
    }).spawn();
    let text = "", isCounting = false;
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (isCounting || !text.includes(isEarly ? "open\n" : "kept ")) continue;
      isCounting = true;
      sleep(Math.random() * (isEarly ? 3 : 40)).then(() => child.kill("SIGKILL"));
    }
    const { signal } = await child.status;
    if (signal !== "SIGKILL") throw new Error("The receiver ended before it was killed");
    this.#hear(text);
    await this.look();
  }

  /** Takes in what it has said; a line that was cut says nothing. */
  #hear(text: string): void {
    for (const line of text.split("\n").slice(0, -1)) {
      const [what, number] = [line.split(" ")[0], Number(line.split(" ")[1])];
      if (what === "kept") { while (this.#first <= number) this.#expected.add(this.#first++); }
      if (what !== "remove") continue;
      for (const one of this.#expected) if (one <= number) this.#expected.delete(one);
    }
  }

  /** Looks whether all is there that has to be. */
  async look(): Promise<void> {
    const { result } = this, found = new Set<number>();
    using store = await openWhenFree(this.path);
    result.corrupt += store.damaged;
    for (const { bytes } of store.packets()) {
      const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(HEADERS);
      const sent = frameOf(number);
      const isSame = bytes.length === sent.length && bytes.every((byte, i) => byte === sent[i]);
      if (!isSame || found.has(number)) result.corrupt++;
      found.add(number);
    }
    result.acknowledged += this.#expected.size;
    result.lost += this.#expected.difference(found).size;
    // Packets that were kept and not spoken of yet are there as well, and have to stay
    for (const number of found) {
      this.#expected.add(number);
      this.#first = Math.max(this.#first, number + 1);
    }
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** A daemon may need a moment to see that its client has died. */
async function openWhenFree(path: string): Promise<PacketStore> {
  for (const end = Date.now() + 10_000;; await sleep(5)) {
    try {
      return PacketStore.open(path);
    } catch (error) {
      if (!(error instanceof NetmapError) || error.code !== "EBUSY" || Date.now() > end) {
        throw error;
      }
    }
  }
}

if (import.meta.main) {
  const [path, backend, instance, port, sender, first] = Deno.args;
  receive({ path, backend: backend as BackendName, instance, port, sender, first: Number(first) });
}
