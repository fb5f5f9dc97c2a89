/**
 * The Worker of bridge_test.ts: sets a compiled hook, and does nothing more.
 *
 * @module
 */

import { compile } from "../../hook/mod.ts";
import { Netmap } from "../../mod.ts";

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<{ instance: string; bridge: string }>) => Promise<void>) | null;
  postMessage(done: string): void;
};

scope.onmessage = async ({ data: { instance, bridge } }) => {
  const netmap = Netmap.open({ backend: "embedded", instance });
  // No other test has this one, so this Worker alone has loaded it
  netmap.bridge(bridge).lookup = await compile((packet) => packet.u32(14) === 77777 ? 0 : 1);
  scope.postMessage("set");
};
scope.postMessage("ready");
