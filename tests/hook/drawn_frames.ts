/** Frames that fast-check draws, and makes smaller when they show a fault. */

import fc from "fast-check";
import { type Frame, randomFrames } from "./frames.ts";

const word = fc.oneof(fc.nat(7), fc.integer({ min: 0, max: 0xffff_ffff }));

/** A frame of headers, with some bytes changed, cut somewhere, from any port and ring. */
export const drawnFrame: fc.Arbitrary<Frame> = fc.record({
  seed: fc.nat(),
  edits: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
  cut: fc.option(fc.nat()),
  rest: fc.oneof(fc.constant(0), fc.nat(3000)),
  port: word,
  ring: word,
}).map(({ seed, edits, cut, rest, port, ring }) => {
  const { bytes } = randomFrames(1, seed)[0];
  for (const [at, value] of edits) {
    if (bytes.length > 0) bytes[at % bytes.length] = value;
  }
  const kept = cut === null ? bytes : bytes.slice(0, cut % (bytes.length + 1));
  const length = kept.length + rest;
  return { bytes: kept, length, fragments: rest === 0 ? 1 : 2, port, ring };
});
