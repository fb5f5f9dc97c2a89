// Shows that memory can be taken away from all views of it.

import assert from "node:assert/strict";
import { Region } from "../../ffi/region.ts";

/** Memory that regions were made of: an address does not keep it. */
const kept: Uint8Array[] = [];

/** A region over memory of this program. */
function testRegion(length: number): { region: Region; memory: Uint8Array<ArrayBuffer> } {
  const memory = new Uint8Array(length);
  kept.push(memory);
  const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory));
  return { region: new Region(BigInt(address), length), memory };
}

Deno.test("a region's views are of one memory", () => {
  const { region, memory } = testRegion(64);
  region.u32[1] = 0x04030201;
  assert.deepEqual([...memory.subarray(4, 8)], [1, 2, 3, 4]);
  assert.equal(region.u8[5], 2);
  assert.equal(region.u16[3], 0x0403);
  assert.equal(region.view.getUint32(4), 0x01020304);
  assert.equal(region.length, 64);
  region.close();
});

Deno.test("close() makes all views empty, also those that were made from them", () => {
  const { region, memory } = testRegion(64);
  memory.fill(7);
  const part = region.u8.subarray(8, 16);
  const view = new DataView(region.buffer, 8);
  region.close();
  assert.equal(region.closed, true);
  assert.equal(part.length, 0);
  assert.equal(part[0], undefined);
  assert.equal(region.u32[0], undefined);
  assert.throws(() => view.getUint8(0), TypeError);
  part[0] = 1; // goes nowhere
  assert.ok(memory.every((byte) => byte === 7));
});

Deno.test("close() can be called twice", () => {
  const { region } = testRegion(64);
  region.close();
  region.close();
  assert.equal(region.closed, true);
});

Deno.test("a region of odd length has views of whole numbers", () => {
  const { region } = testRegion(7);
  assert.equal(region.u16.length, 3);
  assert.equal(region.u32.length, 1);
  region.close();
});

Deno.test("a region at address 0 is refused", () => {
  assert.throws(() => new Region(0n, 64), RangeError);
});
