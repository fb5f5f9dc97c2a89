/**
 * A session with vale-ctl, line by line, and what netmap's own vale-ctl prints on the kernel at each.
 *
 * Recorded with netmap 89607e14 on Linux 6.1. `#` stands for a number. Exit statuses are corrected ones: netmap's
 * is 1 for every failure and for a successful listing.
 */

/** One command and what comes of it. */
export interface Step {
  /** Arguments. */
  readonly args: readonly string[];
  /** stdout: its lines. */
  readonly out: readonly string[];
  /** stderr: its first line; a hint has to follow if the status is not 0. */
  readonly err: string;
  /** Exit status. */
  readonly status: number;
}

const ENGINE_ONLY = Symbol("engine only");

type Expectation = {
  out?: string[];
  err?: string;
  status?: number;
  only?: typeof ENGINE_ONLY;
};

const OLD = "Invalid argument";

/**
 * The session, with names that nobody else uses.
 *
 * @param seed a few letters
 * @param isKernel on netmap in the kernel; valet's engine otherwise
 */
export function session(seed: string, isKernel: boolean): Step[] {
  const [b0, b1, none] = [`vale${seed}0`, `vale${seed}1`, `vale${seed}9`];
  const [v0, v1, v2] = [`v${seed}0`, `v${seed}1`, `v${seed}2`];
  const steps: Step[] = [];
  const step = (line: string, expected: Expectation = {}): void => {
    if (expected.only === ENGINE_ONLY && isKernel) return;
    const { out = [], err = "", status = err === "" ? 0 : 1 } = expected;
    steps.push({ args: line === "" ? [] : line.split(" "), out, err, status });
  };
  const shape = (tx: number, rx: number, txRings: number, rxRings: number): string[] => [
    `tx_slots:   ${tx}`,
    `rx_slots:   ${rx}`,
    `tx_rings:   ${txRings}`,
    `rx_ring:    ${rxRings}`,
    "mem_id:     #",
  ];

  step("");
  step(`-n ${v0}`);
  step(`-v -n ${v1} -C 256`, { out: shape(256, 256, 1, 1) });
  step(`-n${v2} -C256,512,2,3 -v`, { out: shape(256, 512, 2, 3) });
  step(`-n ${v2}`, { err: `failed to create ${v2}: File exists` });
  step(`-n ${b0}:x`, { err: `failed to create ${b0}:x: ${OLD}` });
  step("-n abcdefghijklmnopqrst", { err: `failed to create abcdefghijklmnopqrst: ${OLD}` });
  step("-n vxyz -m 60001", { err: `failed to create vxyz: ${OLD}` });

  step(`-v -a ${b0}:${v0}`, { out: ["port_index: 0"] });
  step(`-va ${b0}:${v1}`, { out: ["port_index: 1"] });
  step(`-a ${b0}:${v1}`, { err: `failed to attach ${b0}:${v1}: Device or resource busy` });
  step(`-a ${b0}:nosuch`, { err: `failed to attach ${b0}:nosuch: ${OLD}` });
  step(`-a ${b0}:`, { err: `failed to attach ${b0}:: ${OLD}` });
  step(`-a ${v2}`, { err: `failed to attach ${v2}: ${OLD}`, status: 2 });
  step(`-a foo:${v2}`, { err: `failed to attach foo:${v2}: ${OLD}`, status: 2 });
  step(`-h ${b1}:${v2}`);
  step("", {
    out: [
      `${b0}:${v0} bridge_idx # port_idx 0`,
      `${b0}:${v1} bridge_idx # port_idx 1`,
      `${b1}:${v2} bridge_idx # port_idx 0`,
    ],
  });
  step(`-d ${b1}:${v2}`);

  step(`-l ${b0}:${v1}`, { out: ["bridge_idx: #", "port_idx:   1"] });
  step(`-l ${b0}:nosuch`, { err: `failed to list ${b0}:nosuch: No such device or address` });
  step(`-l ${none}:${v0}`, { err: `failed to list ${none}:${v0}: No such file or directory` });
  step("-l eth0", { err: "vale-ctl: invalid vale port name: 'eth0'", status: 2 });

  step("-g nosuch", { err: "failed to obtain info for nosuch: No such device or address" });
  step(`-g ${v2}`, {
    out: [
      `memsize:    ${isKernel ? 18837504 : 19542016}`,
      "tx_slots:   256",
      "rx_slots:   512",
      "tx_rings:   2",
      "rx_rings    3",
      "mem_id:     #",
    ],
  });
  step(`-g ${none}:eph`, {
    out: [
      `memsize:    ${isKernel ? 42369024 : 43810816}`,
      "tx_slots:   1024",
      "rx_slots:   1024",
      "tx_rings:   1",
      "rx_rings    1",
      "mem_id:     #",
    ],
  });

  step(`-d ${b0}:nosuch`, { err: `failed to detach ${b0}:nosuch: No such device or address` });
  step(`-d ${none}:${v0}`, { err: `failed to detach ${none}:${v0}: No such device or address` });
  step(`-d ${v0}`, { err: `failed to detach ${v0}: ${OLD}`, status: 2 });
  step(`-r ${v0}`, { err: `failed to remove ${v0}: Device or resource busy` });
  step(`-p ${b0}:nosuch -C 1,0,1`, {
    err: `failed to enable polling on ${b0}:nosuch: No such device or address`,
  });
  step(`-P ${b0}:nosuch`, {
    err: `failed to disable polling on ${b0}:nosuch: No such device or address`,
  });
  // The last action counts; the one before is not even tried
  step(`-n ${v2} -v -d ${b0}:${v1}`, { out: ["port_index: 1"] });
  step(`-d ${b0}:${v0}`);
  step("");
  for (const name of [v0, v1, v2]) step(`-r ${name}`);
  step(`-r ${v2}`, { err: `failed to remove ${v2}: No such device or address` });

  step(`-n ${v0} -C 1,2,3,4,5 -v`, { out: shape(1, 2, 3, 4), err: "ignored config: 5", status: 0 });
  step(`-n ${v1} -m netmap:${v0} -v`, { out: shape(1024, 1024, 1, 1), only: ENGINE_ONLY });
  step(`-r ${v1}`, { only: ENGINE_ONLY });
  step(`-n ${v1} -m netmap:nosuch`, {
    err: "cannot get info for 'netmap:nosuch': No such device or address",
  });
  step(`-r ${v0}`);
  return steps;
}

/** A text as a pattern: `#` stands for a number. */
export function pattern(text: string): RegExp {
  const literal = text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${literal.replaceAll("#", "\\d+")}$`);
}
