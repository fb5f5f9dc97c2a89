/** What the two scripts of a row through the daemon have in common. */

/** Who sends what to whom. */
export const FLOW = {
  instance: "bench",
  from: "vale0:from",
  to: "vale0:to",
  packet: {
    src: "10.0.0.1:1234",
    dst: "10.1.0.1:1234",
    srcMac: "02:00:00:00:00:01",
    dstMac: "02:00:00:00:00:02",
  },
} as const;

/** The file of the page that both have mapped. */
export function meetingPath(): string {
  return `${Deno.env.get("VALET_SOCKET")}.meeting`;
}
