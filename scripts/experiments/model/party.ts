/**
 * One of the two threads of `pair.ts`: it produces, or consumes, at its end of a pipe.
 *
 * @module
 */
/// <reference lib="deno.worker" />

import { quantile } from "../../../bench/statistics.ts";
import { type BackendName, Netmap, type Port } from "../../../mod.ts";
import { waitedMs } from "../kit/clock.ts";

/** What the script sets; times are in microseconds. */
export interface Setting {
  /** Work on a message, at least: looking at the ring and syncing it come on top. */
  readonly wP: number;
  readonly wC: number;
  /** Messages that the ring holds. */
  readonly length: number;
  /** Free slots at which a sleeping producer is notified. Default: 1. */
  readonly kC?: number | undefined;
  /** What notifying costs, and waking up takes, in addition: as if there were a virtual machine. */
  readonly nP?: number | undefined;
  readonly nC?: number | undefined;
  readonly sP?: number | undefined;
  readonly sC?: number | undefined;
  /** How long to sleep when there is nothing to do, instead of being notified. */
  readonly yP?: number | undefined;
  readonly yC?: number | undefined;
}

/** What a thread is told. */
export interface Task {
  /**
   * "work" on messages; do that "alone", in turns; see what it costs to "wake" a consumer with a message, or a
   * producer by a "release" of slots; or compare the threads' "clock".
   */
  readonly kind: "work" | "alone" | "wake" | "release" | "clock";
  readonly setting: Setting;
  /** How many, or how often. */
  readonly messages: number;
  /** Whether work leaves the CPU to others: a daemon is a third party, for maybe two CPUs. */
  readonly isWaiting: boolean;
  readonly backend: BackendName;
  readonly instance: string;
  /** The pipe's names. */
  readonly ends: { readonly producer: string; readonly consumer: string };
  readonly shared: SharedArrayBuffer;
}

/** What a thread has seen; times are in microseconds of its own clock. */
export interface Seen {
  /** Starts of messages, or ends; times of one; ends of notifications, or of waking up. */
  readonly times: Float64Array<ArrayBuffer>;
  readonly naps: number;
  /** Mean length of a nap that nobody ended. */
  readonly napUs: number;
  /** Lower quartile of the times that notifications took. */
  readonly notifyUs: number;
  /** How long the thread could have run, but other programs had the CPU; and how long all took. */
  readonly waitedUs: number;
  readonly elapsedUs: number;
}

/** Words that both share: how many are ready, who sleeps, and whose turn it is. */
const READY = 0, ASLEEP = { producer: 1, consumer: 2 }, TURN = 3;
/** Bytes of them. */
export const SHARED_BYTES = 64;

/** Nobody waits longer without looking again, in milliseconds. */
const PATIENCE_MS = 1000;
/** Messages that a party works on alone, before it is the other's turn. */
export const ALONE = 8;
/** A party sleeps for so long before the other wakes it, where that is measured. */
const NAP_US = 50;

/** A sleep takes about so much longer than it should, in microseconds: that of a wait is not slept. */
const LATE_US = 80;
/** What is slept on: nobody changes it. */
const NOBODY = new Int32Array(new SharedArrayBuffer(4));

const FRAME = new Uint8Array(60);

function now(): number {
  return performance.now() * 1000;
}

/** Works for so many microseconds. */
function spin(us: number): void {
  const end = now() + us;
  while (now() < end);
}

/** The same, but most of it is slept: others have the CPU meanwhile. */
function wait(us: number): void {
  const end = now() + us;
  if (us > LATE_US) Atomics.wait(NOBODY, 0, 0, (us - LATE_US) / 1000);
  while (now() < end);
}

/** Puts a message into the ring, once there is a slot for it. */
function put(port: Port): void {
  if (!port.txRings[0].put(FRAME)) throw new Error("Cannot produce: the ring is full");
}

class Party {
  readonly #port: Port;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #task: Task;
  readonly #times: Float64Array<ArrayBuffer>;
  readonly #notifications: number[] = [];
  readonly #waitedBefore: number;
  readonly #start: number;
  /** Lets time pass, so many microseconds of it. */
  readonly #spend: (us: number) => void;
  #naps = 0;
  #napUs = 0;

  constructor(port: Port, task: Task) {
    this.#port = port;
    this.#task = task;
    this.#words = new Int32Array(task.shared);
    this.#times = new Float64Array(task.messages);
    this.#spend = task.isWaiting ? wait : spin;
    Atomics.add(this.#words, READY, 1);
    while (Atomics.load(this.#words, READY) < 2);
    this.#waitedBefore = waitedMs();
    this.#start = now();
  }

  seen(): Seen {
    return {
      times: this.#times,
      naps: this.#naps,
      napUs: this.#naps === 0 ? NaN : this.#napUs / this.#naps,
      waitedUs: (waitedMs() - this.#waitedBefore) * 1000,
      elapsedUs: now() - this.#start,
      notifyUs: this.#notifications.length === 0 ? 0 : quantile(this.#notifications, 0.25),
    };
  }

  produce(): void {
    const { setting, messages } = this.#task, [ring] = this.#port.txRings;
    for (let i = 0; i < messages; i++) {
      while (ring.space === 0) this.#wait("producer");
      this.#times[i] = now();
      this.#spend(setting.wP);
      this.#queue();
    }
  }

  consume(): void {
    const { setting: { wC, kC = 1 }, messages } = this.#task, [ring] = this.#port.rxRings;
    for (let i = 0, held = 0; i < messages; i++) {
      while (ring.space === 0) {
        held = 0; // waiting gives slots back
        this.#wait("consumer");
      }
      this.#spend(wC);
      ring.advance(1);
      held++;
      if (!this.#isAsleep("producer") || held >= kC) {
        this.#release();
        held = 0;
      }
      this.#times[i] = now();
    }
    this.#port.rxSync();
  }

  /** Works on a few messages, and measures that, while the other only looks whose turn it is. */
  workAlone(who: "producer" | "consumer"): void {
    const { setting, messages } = this.#task, isProducer = who === "producer";
    const count = Math.min(ALONE, setting.length), [ring] = this.#port.rxRings;
    for (let i = 0; i < messages; i++) {
      const turn = 2 * i + (isProducer ? 0 : 1);
      // Not by looking all the time: a daemon may need the CPU
      for (let now = 0; (now = Atomics.load(this.#words, TURN)) !== turn;) {
        Atomics.wait(this.#words, TURN, now, PATIENCE_MS);
      }
      if (isProducer) this.#port.txSync();
      while (!isProducer && ring.space < count) this.#port.rxSync();
      const start = now();
      for (let k = 0; k < count; k++) {
        this.#spend(isProducer ? setting.wP : setting.wC);
        if (isProducer) this.#queue();
        else {
          ring.advance(1);
          this.#release();
        }
      }
      this.#times[i] = (now() - start) / count;
      Atomics.add(this.#words, TURN, 1);
      Atomics.notify(this.#words, TURN);
    }
  }

  /** Wakes the consumer, again and again. */
  wakeConsumer(): void {
    for (let i = 0; i < this.#task.messages; i++) {
      this.#untilAsleep("consumer", i);
      this.#timed(() => this.#queue());
      this.#times[i] = now();
    }
  }

  /** Is woken by messages. */
  beWoken(): void {
    for (let i = 0; i < this.#task.messages; i++) {
      this.#beWoken("consumer", i);
      this.#port.rxRings[0].advance(1);
      this.#port.rxSync();
      Atomics.store(this.#words, TURN, i + 1);
    }
  }

  /** Wakes the producer, again and again, whose ring is full. */
  wakeProducer(): void {
    const { setting: { kC = 1 }, messages } = this.#task;
    for (let i = 0; i < messages; i++) {
      this.#untilAsleep("producer", i);
      this.#port.rxSync();
      this.#port.rxRings[0].advance(kC);
      this.#timed(() => this.#release());
      this.#times[i] = now();
    }
  }

  /** Fills the ring, and is woken by free slots. */
  beReleased(): void {
    for (let i = 0; i < this.#task.messages; i++) {
      while (this.#port.txRings[0].space > 0) {
        put(this.#port);
        this.#port.txSync();
      }
      this.#beWoken("producer", i);
      Atomics.store(this.#words, TURN, i + 1);
    }
  }

  /** Both take turns, and look at their clocks: odd turns are the consumer's. */
  compareClocks(mine: number): void {
    for (let i = 0; i < this.#task.messages; i++) {
      while (Atomics.load(this.#words, TURN) !== 2 * i + mine);
      this.#times[i] = now();
      Atomics.store(this.#words, TURN, 2 * i + mine + 1);
    }
  }

  #queue(): void {
    put(this.#port);
    if (this.#isAsleep("consumer")) this.#spend(this.#task.setting.nP ?? 0);
    this.#port.txSync();
  }

  #release(): void {
    if (this.#isAsleep("producer")) this.#spend(this.#task.setting.nC ?? 0);
    this.#port.rxSync();
  }

  #isAsleep(who: "producer" | "consumer"): boolean {
    return Atomics.load(this.#words, ASLEEP[who]) === 1;
  }

  #wait(who: "producer" | "consumer"): void {
    const { setting } = this.#task, isProducer = who === "producer";
    const sleepUs = isProducer ? setting.yP : setting.yC;
    if (sleepUs === undefined) {
      this.#naps++;
      this.#sleep(who);
      return;
    }
    if (isProducer) this.#port.txSync();
    else this.#port.rxSync();
    if ((isProducer ? this.#port.txRings : this.#port.rxRings)[0].space > 0) return;
    const start = now();
    Atomics.wait(NOBODY, 0, 0, sleepUs / 1000);
    this.#naps++;
    this.#napUs += now() - start;
  }

  /** Sleeps until notified, and takes the time that waking up takes. */
  #sleep(who: "producer" | "consumer"): void {
    const { sP = 0, sC = 0 } = this.#task.setting, isProducer = who === "producer";
    Atomics.store(this.#words, ASLEEP[who], 1);
    this.#port.poll(isProducer ? "write" : "read", PATIENCE_MS);
    Atomics.store(this.#words, ASLEEP[who], 0);
    this.#spend(isProducer ? sP : sC);
  }

  #beWoken(who: "producer" | "consumer", i: number): void {
    const [ring] = who === "producer" ? this.#port.txRings : this.#port.rxRings;
    do this.#sleep(who); while (ring.space === 0);
    this.#times[i] = now();
  }

  #untilAsleep(who: "producer" | "consumer", i: number): void {
    while (Atomics.load(this.#words, TURN) !== i || !this.#isAsleep(who));
    spin(NAP_US);
  }

  #timed(action: () => void): void {
    const start = now();
    action();
    this.#notifications.push(now() - start);
  }
}

function perform(task: Task): Seen {
  using netmap = Netmap.open({ backend: task.backend, instance: task.instance });
  const isProducer = self.name === "producer";
  using port = netmap.open(isProducer ? task.ends.producer : task.ends.consumer, {
    slots: task.setting.length + 1,
  });
  const party = new Party(port, task);
  if (task.kind === "clock") party.compareClocks(isProducer ? 0 : 1);
  else if (task.kind === "alone") party.workAlone(isProducer ? "producer" : "consumer");
  else if (task.kind === "work") isProducer ? party.produce() : party.consume();
  else if (task.kind === "wake") isProducer ? party.wakeConsumer() : party.beWoken();
  else isProducer ? party.beReleased() : party.wakeProducer();
  return party.seen();
}

if (self.name === "producer" || self.name === "consumer") {
  self.onmessage = ({ data }: MessageEvent<Task>): void => self.postMessage(perform(data));
}
