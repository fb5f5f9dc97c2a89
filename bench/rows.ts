/** The rows of the benchmark. */

import type { MemoryRow, MomentRow, Row, StartRow } from "./row.ts";
import { API_ROWS } from "./rows_api.ts";
import { DAEMON_ROWS } from "./rows_daemon.ts";
import { ENGINE_ROWS } from "./rows_engine.ts";
import { NET_ROWS } from "./rows_net.ts";

const OTHERS: readonly (StartRow | MomentRow | MemoryRow)[] = [
  {
    name: "start.vale_ctl",
    about:
      "time that vale-ctl takes to list no ports (backend embedded); the limit is an empty script",
    run: ["cli/main.ts", "vale-ctl"],
    below_ms: 150,
  },
  {
    name: "start.import",
    about: "time that a script takes which imports mod.ts and does nothing",
    run: ["bench/rows/start_import.ts"],
    below_ms: 100,
  },
  {
    name: "start.script",
    about: "time that a script takes which opens two ports and sends a packet",
    run: ["bench/rows/start_script.ts"],
  },
  {
    name: "start.first_packet",
    about: "in a script that has been started: from opening two ports to the first packet received",
    moment: "start_first_packet",
    below_ms: 10,
  },
  {
    name: "memory.port.default",
    about: "memory touched by opening a port, mean of 100",
    slots: 0,
    ports: 100,
    below: 1e6,
  },
  {
    name: "memory.port.256",
    about: "the same with 256 slots a ring, mean of 1000",
    slots: 256,
    ports: 1000,
    below: 1e5,
  },
];

/** All rows, in the order in which they are measured. */
export const ROWS: readonly Row[] = [
  ...ENGINE_ROWS,
  ...API_ROWS,
  ...DAEMON_ROWS,
  ...NET_ROWS,
  ...OTHERS,
];

/** Whether a row is measured only when it is asked for. */
export function isExtra(row: Row): boolean {
  return "isExtra" in row && row.isExtra === true;
}
