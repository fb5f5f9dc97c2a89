/** Rows of real network stacks that the switch joins. */

import type { GapRow, NetRow, RateRow } from "./row.ts";

const IPERF = "iperf3 between two network namespaces that";

/** Packets of 60 bytes from a port, through an interface, a wire, and another one, to a port. */
function throughNics(device: "af_xdp" | "af_packet" | "tap"): RateRow {
  const isTap = device === "tap";
  return {
    name: `nic.${isTap ? "" : "veth."}${device}.60`,
    about: "a port sends through " +
      (isTap ? "a TAP interface, a Linux bridge and another" : `a veth pair with ${device}`) +
      ", 60 bytes; rate received, by the clock on the wall",
    program: { scene: "nic", args: [device] },
    limit: "limit.60",
    needs: `valet.${device}`,
  };
}

/** All of them. */
export const NET_ROWS: readonly (NetRow | GapRow | RateRow)[] = [
  throughNics("af_xdp"),
  throughNics("af_packet"),
  throughNics("tap"),
  {
    name: "net.tcp.af_xdp",
    about:
      `${IPERF} valet joins over veth with AF_XDP: TCP; the limit is a Linux bridge. Beside it, ` +
      "vde_switch over TAP",
    join: "valet.af_xdp",
    iperf: [],
  },
  {
    name: "net.tcp.af_packet",
    about: "the same with AF_PACKET",
    join: "valet.af_packet",
    iperf: [],
  },
  { name: "net.tcp.tap", about: "the same with TAP", join: "valet.tap", iperf: [] },
  {
    name: "net.replay.100us",
    about: "valet replay, packets 100 us apart: how far received distances are from recorded ones",
    gap_us: 100,
  },
  {
    name: "net.replay.1ms",
    about: "the same, 1 ms apart: the thread still watches the clock",
    gap_us: 1000,
  },
  {
    name: "net.replay.5ms",
    about: "the same, 5 ms apart: the thread sleeps in between",
    gap_us: 5000,
  },
  ...(["af_xdp", "af_packet", "tap"] as const).flatMap((device): NetRow[] => [
    {
      name: `net.udp.${device}`,
      about: `net.tcp.${device} with UDP as fast as it is sent, 1400 bytes; rate received`,
      join: `valet.${device}`,
      iperf: ["-u", "-b", "0", "-l", "1400"],
      isExtra: true,
    },
    {
      name: `net.tcp8.${device}`,
      about: `net.tcp.${device} with eight connections`,
      join: `valet.${device}`,
      iperf: ["-P", "8"],
      isExtra: true,
    },
  ]),
];
