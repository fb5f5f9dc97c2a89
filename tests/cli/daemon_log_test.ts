// The daemon's log: levels, lines of JSON, lines for people.

import assert from "node:assert/strict";
import { formatJson, formatPlain, Log, type LogEntry, LogFile } from "../../cli/daemon/log.ts";

const ENTRY: LogEntry = {
  time: "2026-01-31T23:59:59.123Z",
  level: "warn",
  message: "Refused",
  fields: { ask: "x", error: "no = such\nthing", none: undefined, count: 3 },
};

Deno.test("formatJson() writes one line, in which time, level and message cannot be overwritten", () => {
  assert.equal(
    formatJson(ENTRY),
    '{"time":"2026-01-31T23:59:59.123Z","level":"warn","message":"Refused","ask":"x",' +
      '"error":"no = such\\nthing","count":3}\n',
  );
  const sly = formatJson({ ...ENTRY, fields: { level: "debug", message: "other" } });
  assert.deepEqual(JSON.parse(sly), { time: ENTRY.time, level: "warn", message: "Refused" });
});

Deno.test("formatPlain() quotes what is no single word", () => {
  assert.equal(
    formatPlain(ENTRY),
    '2026-01-31T23:59:59.123Z warn  Refused ask=x error="no = such\\nthing" count=3\n',
  );
});

Deno.test("a log writes what is as bad as its level or worse, to each sink", () => {
  const first: LogEntry[] = [], second: LogEntry[] = [];
  const log = new Log("warn", (entry) => first.push(entry), (entry) => second.push(entry));
  log.error("a");
  log.warn("b");
  log.info("c");
  log.level = "debug";
  log.debug("d", { x: 1 });
  assert.deepEqual(first.map(({ level, message }) => [level, message]), [
    ["error", "a"],
    ["warn", "b"],
    ["debug", "d"],
  ]);
  assert.deepEqual(second, first);
});

Deno.test("a log file is appended to, is its user's only, and says why it cannot be opened", () => {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/x.log`;
  for (let i = 0; i < 2; i++) {
    using file = new LogFile(path);
    file.sink(ENTRY);
  }
  assert.equal(Deno.readTextFileSync(path), formatJson(ENTRY).repeat(2));
  assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  assert.throws(
    () => new LogFile(`${folder}/none/x.log`),
    /^Error: Cannot write the log ".*x\.log": No such/,
  );
  Deno.removeSync(folder, { recursive: true });
});
