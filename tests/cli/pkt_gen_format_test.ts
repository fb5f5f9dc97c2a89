// The lines of pkt-gen, letter by letter those of netmap 89607e14.
import assert from "node:assert/strict";
import { logLine } from "../../cli/log_line.ts";
import {
  bucketsText,
  dumpText,
  MovingStats,
  norm,
  packetRate,
  reportText,
  summaryText,
} from "../../cli/pkt_gen/format.ts";

const USUAL = { scaled: true, framingBits: 0 };

Deno.test("norm() scales by 1000, with three digits and a space before the unit", () => {
  const rows: [value: number, scaled: string, plain: string][] = [
    [0, "0.000 ", "0 "],
    [59, "59.000 ", "59 "],
    [999.9994, "999.999 ", "1000 "],
    [1000, "1.000 K", "1000 "],
    [19_973, "19.973 K", "19973 "],
    [349_467, "349.467 K", "349467 "],
    [14_880_952, "14.881 M", "14880952 "],
    [9.6e9, "9.600 G", "9600000000 "],
    [1e12, "1.000 T", "1000000000000 "],
    [1e16, "10000.000 T", "10000000000000000 "],
  ];
  for (const [value, scaled, plain] of rows) {
    assert.equal(norm(value, true), scaled);
    assert.equal(norm(value, false), plain);
  }
});

Deno.test("log lines begin with three digits of seconds and six of microseconds", () => {
  assert.equal(
    logLine("main_thread [2781]", "text", 1_732_310_832_900.868),
    "832.900868 main_thread [2781] text\n",
  );
  assert.equal(logLine("main [1]", "", 1_000_000_000_005.012), "000.005012 main [1] \n");
});

Deno.test("the report of an interval is netmap's", () => {
  const report = {
    packets: 20_000,
    bytes: 1_200_000,
    events: 40,
    microseconds: 1_001_357,
    minSpace: 0,
  };
  assert.equal(packetRate(report), 19_973);
  assert.equal(
    reportText(report, "", USUAL),
    "19.973 Kpps (20.000 Kpkts 9.587 Mbps in 1001357 usec) 500.00 avg_batch 0 min_space",
  );
  // Observed: -A, -N, and nothing at all
  assert.equal(
    reportText(report, "[avg/std 19.973 K/0.000  pps]", USUAL),
    "19.973 Kpps [avg/std 19.973 K/0.000  pps](20.000 Kpkts 9.587 Mbps in 1001357 usec) " +
      "500.00 avg_batch 0 min_space",
  );
  assert.equal(
    reportText(
      { packets: 660, bytes: 39_600, events: 10, microseconds: 50_589, minSpace: 99999 },
      "",
      { scaled: false, framingBits: 0 },
    ),
    "13046 pps (660 pkts 6262231 bps in 50589 usec) 66.00 avg_batch 99999 min_space",
  );
  assert.equal(
    reportText({ packets: 0, bytes: 0, events: 0, microseconds: 50_996, minSpace: 0 }, "", USUAL),
    "0.000 pps (0.000 pkts 0.000 bps in 50996 usec) 0.00 avg_batch 0 min_space",
  );
  assert.equal(
    reportText({ packets: 3, bytes: 180, events: 1, microseconds: 51_232, minSpace: 0 }, "", USUAL),
    "59.000 pps (3.000 pkts 28.107 Kbps in 51232 usec) 3.00 avg_batch 0 min_space",
  );
});

Deno.test("-B adds 24 bytes a packet to the bits", () => {
  const report = { packets: 1000, bytes: 60_000, events: 1, microseconds: 1_000_000, minSpace: 0 };
  assert.match(
    reportText(report, "", { scaled: true, framingBits: 192 }),
    /1\.000 Kpkts 672\.000 Kbps/,
  );
  assert.match(
    summaryText("Sent", report, 1, { scaled: true, framingBits: 192 }),
    /Bandwidth: 480\.000 Kbps \(raw 672\.000 Kbps\)/,
  );
});

Deno.test("the summary is netmap's", () => {
  assert.equal(
    summaryText("Sent", { packets: 3000, bytes: 180_000, events: 46 }, 0.15252, USUAL),
    "Sent 3000 packets 180000 bytes 46 events 60 bytes each in 0.15 seconds.\n" +
      "Speed: 19.670 Kpps Bandwidth: 9.441 Mbps (raw 9.441 Mbps). Average batch: 65.22 pkts\n",
  );
  assert.match(
    summaryText("Received", { packets: 5, bytes: 300, events: 1 }, 0, USUAL),
    /^Received 5 packets 300 bytes 1 events 60 bytes each in 0\.00 seconds\.\nSpeed: 5\.000 Mpps/,
  );
  assert.equal(
    summaryText("Sent", { packets: 0, bytes: 0, events: 0 }, 1, USUAL),
    "Sent nothing.\n",
  );
  assert.equal(
    summaryText("Received", { packets: 0, bytes: 0, events: 0 }, 0, USUAL),
    "Received nothing.\n",
  );
});

Deno.test("-A takes mean and deviation over the rates that are not 0", () => {
  const stats = new MovingStats(true);
  assert.equal(stats.add(0), "[avg/std 0.000 /0.000  pps]");
  // As observed: 15.616, 20.428 and 20.717 Kpps
  assert.equal(stats.add(15_616), "[avg/std 15.616 K/0.000  pps]");
  assert.equal(stats.add(20_428), "[avg/std 18.022 K/2.406 K pps]");
  assert.equal(stats.add(20_717), "[avg/std 18.920 K/2.339 K pps]");
  assert.equal(stats.add(1888), "[avg/std 14.662 K/7.648 K pps]");
  for (let i = 0; i < 15; i++) stats.add(500);
  assert.equal(stats.add(500), "[avg/std 500.000 /0.000  pps]");
});

Deno.test("-X shows a slot as netmap does", () => {
  const bytes = Uint8Array.fromHex(
    "ffffffffffff00000000000008004510002e00004000401126ad0a0000010a01" +
      "000104d204d2001a15806e65746d617020706b742d67656e20444952",
  );
  assert.equal(
    dumpText({ ring: 0x7f6c6b871000n, slot: 0, buffer: 1026, flags: 0, bytes }),
    "ring 0x7f6c6b871000 cur     0 [buf   1026 flags 0x0000 len    60]\n" +
      "    0: ff ff ff ff ff ff 00 00 00 00 00 00 08 00 45 10 ..............E.\n" +
      "   16: 00 2e 00 00 40 00 40 11 26 ad 0a 00 00 01 0a 01 ....@.@.&.......\n" +
      "   32: 00 01 04 d2 04 d2 00 1a 15 80 6e 65 74 6d 61 70 ..........netmap\n" +
      "   48: 20 70 6b 74 2d 67 65 6e 20 44 49 52 \n",
  );
  assert.match(
    dumpText({ ring: 1n, slot: 1023, buffer: 20481, flags: 0x320, bytes: new Uint8Array(0) }),
    /^ring 0x1 cur {2}1023 \[buf {2}20481 flags 0x0320 len {5}0\]\n$/,
  );
});

Deno.test("ping's histogram is netmap's", () => {
  // Observed on netmap: k: 32768 .. 2097152
  const buckets = new Array(64).fill(0);
  [1, 6126, 1429, 139, 10, 4, 2].forEach((count, i) => buckets[15 + i] = count);
  assert.equal(
    bucketsText(buckets),
    "k: 32768 .. 2097152\n\t     1  6126  1429   139    10     4     2",
  );
  assert.equal(bucketsText([0, 0, 3, 0]), "k: 4 .. 4\n\t     3");
});
