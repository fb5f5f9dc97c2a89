import { TWO_32 } from "./bytes.ts";
import type { Variation } from "./variation.ts";

const COUNT = 0, RANDOM = 1, LIST = 2;

/** A running variation: numbers only, one class for all kinds, so that `next()` stays inlined. */
export class Sequence {
  /** The smallest value that can come. */
  readonly low: number;
  /** The largest value that can come. */
  readonly high: number;
  #kind: number;
  #value = 0;
  #first: number;
  #step = 0;
  #count = Infinity;
  #limit: number;
  #span = 0;
  #seed = 0;
  #state = 0;
  #index = 0;
  #tick = 0;
  #every: number;
  #list: Float64Array = new Float64Array(0);

  /**
   * @param values the variation's values as numbers.
   * @param bits size of the field: values wrap around or are refused at 2^bits.
   * @param salt stands for the seed when the variation has none.
   * @param name of the field, for error texts.
   */
  constructor(variation: Variation, values: number[], bits: number, salt: number, name: string) {
    const { kind, every, step, count } = variation;
    const limit = 2 ** bits;
    for (const value of values) checkValue(value, limit, name);
    const [first, last] = values;
    this.#every = every;
    this.#first = first;
    this.#limit = limit;
    let low = values.reduce((a, b) => Math.min(a, b));
    let high = values.reduce((a, b) => Math.max(a, b));
    if (kind === "list") {
      this.#kind = LIST;
      this.#list = Float64Array.from(values);
      this.#count = values.length;
    } else if (kind === "random") {
      this.#kind = RANDOM;
      if (last < first) {
        throw new RangeError(`Cannot vary ${name}: minimum ${first} is above maximum ${last}`);
      }
      this.#span = last - first + 1;
      this.#seed = variation.seed ?? salt;
    } else {
      this.#kind = COUNT;
      this.#step = kind === "range" ? Math.sign(last - first) : step;
      this.#count = kind === "range" ? high - low + 1 : count ?? Infinity;
      if (this.#count === Infinity) {
        this.#step %= limit;
        [low, high] = step === 0 ? [first, first] : [0, limit - 1];
      } else {
        const end = first + this.#step * (this.#count - 1);
        checkValue(end, limit, name);
        [low, high] = first < end ? [first, end] : [end, first];
      }
    }
    this.low = low;
    this.high = high;
    this.reset();
  }

  /** Starts again at the first value. */
  reset(): void {
    this.#tick = this.#index = 0;
    this.#state = this.#seed | 0;
    this.#value = this.#first;
    if (this.#kind === RANDOM) this.#draw();
  }

  /** The value for the next packet. */
  next(): number {
    const value = this.#value;
    if (++this.#tick >= this.#every) {
      this.#tick = 0;
      this.#advance();
    }
    return value;
  }

  /** The values for the next packets, so many; of those of 48 bits the low 32. */
  fill(values: Uint32Array, count: number): void {
    const isCounting = this.#kind === COUNT && this.#every === 1 && this.#limit <= TWO_32;
    if (!isCounting) {
      for (let i = 0; i < count; i++) values[i] = this.next();
      return;
    }
    // In integers of 32 bits, which are right modulo 2^32: 1 ns a packet, with next() it is 8
    const mask = (this.#limit - 1) | 0, step = this.#step | 0, first = this.#first | 0;
    let value = this.#value | 0;
    for (let i = 0; i < count;) {
      const left = this.#count - this.#index;
      const end = left > count - i ? count : (i + left) | 0;
      this.#index += end - i;
      for (; i < end; i = (i + 1) | 0) {
        values[i] = value;
        value = (value + step) & mask;
      }
      if (this.#index < this.#count) continue;
      this.#index = 0;
      value = first;
    }
    this.#value = value >>> 0;
  }

  #advance(): void {
    if (this.#kind === RANDOM) {
      this.#draw();
    } else if (++this.#index >= this.#count) {
      this.#index = 0;
      this.#value = this.#first;
    } else if (this.#kind === LIST) {
      this.#value = this.#list[this.#index];
    } else {
      const value = this.#value + this.#step;
      // Only without a count can this happen; |step| is then below the limit
      if (value >= this.#limit) this.#value = value - this.#limit;
      else this.#value = value < 0 ? value + this.#limit : value;
    }
  }

  #draw(): void {
    const span = this.#span;
    this.#value = this.#first + Math.floor(
      span <= TWO_32
        ? this.#bits() * (span / TWO_32)
        : ((this.#bits() >>> 11) * TWO_32 + this.#bits()) * (span / 2 ** 53),
    );
  }

  /** 32 random bits: a Weyl sequence through MurmurHash3's finaliser, which is a bijection. */
  #bits(): number {
    let z = this.#state = (this.#state + 0x9e37_79b9) | 0;
    z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35);
    return (z ^ (z >>> 16)) >>> 0;
  }
}

function checkValue(value: number, limit: number, name: string): void {
  if (!Number.isInteger(value) || value < 0 || value >= limit) {
    throw new RangeError(
      `Cannot set ${name} to ${value}: expected a whole number from 0 to ${limit - 1}`,
    );
  }
}
