// Shows that the memory of a port is known before it is opened.

import assert from "node:assert/strict";
import { type PortMemory, portMemory } from "../../mod.ts";
import { testNetmap } from "./scene.ts";

Deno.test("portMemory() gives what netmap's kernel module was seen to take", () => {
  const of = (slots?: number): PortMemory =>
    portMemory({ txSlots: slots, rxSlots: slots, bufferBytes: 2048 });
  assert.deepEqual(of(), { buffers: 20482, bytes: 42369024 });
  assert.deepEqual(of(256), { buffers: 5122, bytes: 10911744 });
  assert.deepEqual(of(16), { buffers: 4098, bytes: 8814592 });
});

Deno.test("portMemory() is what the engine takes", () => {
  using netmap = testNetmap();
  const shapes = [
    {},
    { txSlots: 256, rxSlots: 256 },
    { txSlots: 16, rxSlots: 16 },
    { txSlots: 4096, rxSlots: 4096 },
    { txSlots: 100, rxSlots: 2000 },
    { txSlots: 1300, rxSlots: 17, txRings: 3, rxRings: 2 },
    { txRings: 16, rxRings: 16, txSlots: 64, rxSlots: 64 },
  ];
  for (const [i, shape] of shapes.entries()) {
    using port = netmap.open(`vale0:p${i}`, shape);
    const pools = netmap.poolsInfo(port.name);
    assert.deepEqual(
      portMemory(shape),
      { buffers: pools.buffers.count, bytes: pools.memoryBytes },
      JSON.stringify(shape),
    );
  }
});
