/**
 * A minimal TCP (RFC 9293) for user-level stacks: what comes out of order is not kept, what is lost is sent
 * again from there on (go back N), windows are not scaled, there is no congestion control, resets are
 * believed, and the checksums of what comes are not looked at. It does talk to Linux.
 *
 * An established connection can be handed to another stack: `state()`, and `Stack.adopt()`.
 *
 * @module
 */

import { TcpFlag } from "../../../mod.ts";
import { ByteBuffer } from "./byte_buffer.ts";

const { FIN, SYN, RST, PSH, ACK } = TcpFlag;

/** Bytes of data in a segment, at most. */
export const MSS = 1460;
const WINDOW = 65535;
/** Milliseconds until something is sent again, for the first time; each time it doubles, to the second. */
const TIMEOUT_MS = 100, TIMEOUT_MAX_MS = 3200;

/** The other end, and ours. */
export interface Ends {
  readonly localIp: number;
  readonly localPort: number;
  readonly remoteMac: number;
  readonly remoteIp: number;
  readonly remotePort: number;
}

/** All that a stack has to know to go on with an established connection. */
export interface TcpState extends Ends {
  /** Number of the next byte that we send. */
  readonly next: number;
  /** Number of the next byte that we expect. */
  readonly expected: number;
  /** Bytes that the other end takes. */
  readonly window: number;
  readonly mss: number;
}

/** A segment that came. */
export interface Segment {
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  /** The other end's limit, in a SYN; else undefined. */
  readonly mss: number | undefined;
  /** Not copied: it is gone after the call. */
  readonly data: Uint8Array;
}

/** What a connection tells its application. All are called while the stack polls. */
export interface Handlers {
  connected?(connection: Connection): void;
  /** Data came, in order; it is gone after the call. */
  data?(connection: Connection, bytes: Uint8Array): void;
  /** The other end sends no more. */
  ended?(connection: Connection): void;
  /** It is over, also when the other end has reset it. */
  closed?(connection: Connection): void;
}

/** Sends a segment. */
export type Transmit = (
  connection: Connection,
  sequence: number,
  flags: number,
  data: Uint8Array,
) => void;

/** How far b is behind a, around 2^32. */
const ahead = (a: number, b: number): number => (a - b) | 0;
const NOTHING = new Uint8Array();

/** A connection. */
export class Connection {
  readonly ends: Ends;
  readonly handlers: Handlers;
  readonly #transmit: Transmit;
  readonly #unacknowledged = new ByteBuffer();
  #state: "syn sent" | "syn received" | "open" | "closed" = "closed";
  /** Number of the oldest byte that is not acknowledged; of the next to send; and of the last sent so far. */
  #oldest: number;
  #next: number;
  #farthest: number;
  #expected = 0;
  #window: number;
  #mss = MSS;
  #isEnding = false;
  #isEndAcknowledged = false;
  #isEndReceived = false;
  #owesAck = false;
  #repeated = 0;
  #timeoutMs = TIMEOUT_MS;
  #progressAt = performance.now();

  private constructor(ends: Ends, handlers: Handlers, transmit: Transmit, next: number) {
    this.ends = ends;
    this.handlers = handlers;
    this.#transmit = transmit;
    this.#oldest = this.#next = this.#farthest = next;
    this.#window = MSS;
  }

  /** Begins one: with a SYN, or in answer to one. */
  static open(
    ends: Ends,
    handlers: Handlers,
    transmit: Transmit,
    first?: Segment,
  ): Connection {
    const connection = new Connection(ends, handlers, transmit, Math.random() * 2 ** 32 >>> 0);
    connection.#state = first === undefined ? "syn sent" : "syn received";
    if (first !== undefined) connection.#accept(first);
    connection.#begin();
    return connection;
  }

  /** Goes on with one that another stack has established. */
  static adopt(state: TcpState, handlers: Handlers, transmit: Transmit): Connection {
    const connection = new Connection(state, handlers, transmit, state.next);
    connection.#state = "open";
    connection.#expected = state.expected;
    connection.#window = state.window;
    connection.#mss = state.mss;
    connection.#owesAck = true;
    return connection;
  }

  /** What another stack needs to go on. There must be nothing under way: all was acknowledged. */
  state(): TcpState {
    if (this.#state !== "open" || this.#unacknowledged.length > 0 || this.#isEndReceived) {
      throw new Error("Cannot hand a connection on before all that was sent is acknowledged");
    }
    const { ends } = this;
    return {
      ...ends,
      next: this.#next,
      expected: this.#expected,
      window: this.#window,
      mss: this.#mss,
    };
  }

  /** Whether it is over. */
  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Number of the next byte that is expected: what our segments acknowledge. */
  get expected(): number {
    return this.#expected;
  }

  /** Bytes that we take. */
  get window(): number {
    return WINDOW;
  }

  /** Bytes that were given to `send()`, and that the other end has not acknowledged. */
  get waiting(): number {
    return this.#unacknowledged.length;
  }

  /** Sends; returns at once. */
  send(bytes: Uint8Array): void {
    this.#unacknowledged.append(bytes);
  }

  /** Says that there is no more to send, behind what was sent. */
  end(): void {
    this.#isEnding = true;
  }

  #beginAgain(): void {
    this.#next = this.#oldest;
    this.#begin();
  }

  #begin(): void {
    const isAnswer = this.#state === "syn received";
    this.#transmit(this, this.#next, isAnswer ? SYN | ACK : SYN, NOTHING);
    this.#farthest = this.#next = (this.#oldest + 1) >>> 0;
    this.#owesAck = false;
  }

  #accept({ sequence, window, mss }: Segment): void {
    this.#expected = (sequence + 1) >>> 0;
    this.#window = window;
    this.#mss = Math.min(MSS, mss ?? 536);
    this.#owesAck = true;
  }

  /** Takes a segment that came. */
  receive(segment: Segment): void {
    const { flags, acknowledgment } = segment;
    if (flags & RST) return this.#close();
    if (this.#state === "syn sent") {
      if ((flags & (SYN | ACK)) !== (SYN | ACK) || acknowledgment !== this.#next) return;
      this.#accept(segment);
    } else if (flags & SYN) {
      // Ours was lost, or the acknowledgment of theirs
      if (this.#state !== "syn received") this.#owesAck = true;
      else this.#beginAgain();
      return;
    }
    if (flags & ACK) this.#acknowledge(segment);
    if (this.#state === "open") this.#take(segment);
  }

  #acknowledge({ acknowledgment, window, data, flags }: Segment): void {
    const acknowledged = ahead(acknowledgment, this.#oldest);
    if (acknowledged < 0 || ahead(acknowledgment, this.#farthest) > 0) return;
    const isSame = acknowledged === 0 && window === this.#window && data.length === 0;
    this.#window = window;
    if (acknowledged === 0) {
      const isRepeated = isSame && !(flags & FIN) && ahead(this.#next, this.#oldest) > 0;
      if (isRepeated && ++this.#repeated === 3) this.#next = this.#oldest;
      return;
    }
    this.#repeated = 0;
    this.#timeoutMs = TIMEOUT_MS;
    this.#progressAt = performance.now();
    this.#oldest = acknowledgment;
    if (ahead(this.#next, acknowledgment) < 0) this.#next = acknowledgment;
    if (this.#state !== "open") {
      this.#state = "open"; // it was our SYN
      this.handlers.connected?.(this);
      return;
    }
    const bytes = Math.min(acknowledged, this.#unacknowledged.length);
    this.#unacknowledged.drop(bytes);
    // The end counts as a byte
    if (acknowledged > bytes) this.#isEndAcknowledged = true;
    if (acknowledged > bytes && this.#isEndReceived) this.#close();
  }

  #take({ sequence, data, flags }: Segment): void {
    if (data.length === 0 && !(flags & FIN)) return;
    this.#owesAck = true;
    const known = ahead(this.#expected, sequence);
    // Each of these counts for the other end, which sends again after three
    if (known < 0) this.#transmit(this, this.#next, ACK, NOTHING);
    if (known < 0 || known > data.length || this.#isEndReceived) return;
    if (data.length > known) {
      this.#expected = (sequence + data.length) >>> 0;
      this.handlers.data?.(this, data.subarray(known));
    }
    if (!(flags & FIN)) return;
    this.#expected = (this.#expected + 1) >>> 0;
    this.#isEndReceived = true;
    this.handlers.ended?.(this);
    if (this.#isEndAcknowledged) {
      this.#transmit(this, this.#next, ACK, NOTHING);
      this.#close();
    }
  }

  /** Sends what can be sent now, and again what was lost; to be called again and again. */
  poll(now: number): void {
    if (this.#state === "closed") return;
    const isWaiting = this.#next !== this.#oldest ||
      this.#state === "open" && this.#unacknowledged.length > 0;
    if (!isWaiting) this.#progressAt = now;
    const isLate = now - this.#progressAt > this.#timeoutMs;
    if (isLate) {
      this.#progressAt = now;
      this.#timeoutMs = Math.min(2 * this.#timeoutMs, TIMEOUT_MAX_MS);
      if (this.#state !== "open") return this.#beginAgain();
      this.#next = this.#oldest;
    }
    if (this.#state !== "open") return;
    // A window that stays closed is tried with a byte
    const room = isLate ? Math.max(this.#window, 1) : this.#window;
    this.#sendData(room);
    if (this.#owesAck) this.#transmit(this, this.#next, ACK, NOTHING);
    this.#owesAck = false;
  }

  #sendData(room: number): void {
    const total = this.#unacknowledged.length;
    while (!this.#isEndAcknowledged) {
      const sent = ahead(this.#next, this.#oldest);
      if (sent > total) return; // the end, too
      const length = Math.min(this.#mss, room - sent, total - sent);
      const isEnd = this.#isEnding && sent + Math.max(length, 0) === total;
      if (length <= 0 && !(isEnd && sent === total && room > sent)) return;
      const flags = ACK | (isEnd ? FIN : 0) | (sent + length === total ? PSH : 0);
      this.#transmit(this, this.#next, flags, this.#unacknowledged.read(sent, length));
      this.#owesAck = false;
      this.#next = (this.#next + length + (isEnd ? 1 : 0)) >>> 0;
      if (ahead(this.#next, this.#farthest) > 0) this.#farthest = this.#next;
    }
  }

  /** Ends it at once. */
  abort(): void {
    if (this.#state === "closed") return;
    this.#transmit(this, this.#next, RST | ACK, NOTHING);
    this.#close();
  }

  /** Forgets it without a word: another stack goes on with it. */
  abandon(): void {
    this.#state = "closed";
  }

  #close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.handlers.closed?.(this);
  }
}
