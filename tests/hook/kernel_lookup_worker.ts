/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** Replaces a bridge's program again and again, in a Worker: see kernel_lookup_test.ts. */

import { Netmap } from "../../mod.ts";
import { compile } from "../../hook/mod.ts";

const TIMES = 2000;

self.onmessage = async ({ data }: MessageEvent<string>): Promise<void> => {
  // Not closed here: that would take the program back
  const netmap = Netmap.open({ backend: "kernel" });
  const bridge = netmap.bridge(data);
  const hooks = [await compile(() => 1), await compile(() => 2)];
  bridge.lookup = hooks[0];
  self.postMessage(0);
  for (let i = 0; i < TIMES; i++) bridge.lookup = hooks[i % 2];
  self.postMessage(TIMES);
};
