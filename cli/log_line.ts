/**
 * Lines on stderr as netmap's programs write them: they begin with the time of day in seconds (its last
 * three digits and six decimals), and with function and line of netmap's source. Scripts cut these three
 * words off.
 *
 * Pure.
 *
 * @module
 */

/**
 * A line for stderr.
 *
 * @param where function and line in netmap's program: "main_thread [2781]"
 * @param nowMs milliseconds since 1970
 */
export function logLine(where: string, text: string, nowMs: number): string {
  const microseconds = Math.floor(nowMs * 1000);
  const seconds = String(Math.floor(microseconds / 1e6) % 1000).padStart(3, "0");
  return `${seconds}.${String(microseconds % 1e6).padStart(6, "0")} ${where} ${text}\n`;
}

/** Milliseconds since 1970, with a fraction. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
