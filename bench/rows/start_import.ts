/** start.import: what importing valet takes. */

import { Netmap } from "../../mod.ts";

if (typeof Netmap.open !== "function") throw new Error("Nothing was imported");
