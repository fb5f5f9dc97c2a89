/**
 * The page of `valet view`: takes what the server tells, and shows it.
 *
 * @module
 */

/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />

import { formatRate } from "../../../packet/format.ts";
import type { ViewHook, ViewState } from "../messages.ts";
import { BridgeElements, type Selection, type SortKey } from "./bridge.ts";
import { HookElements } from "./details.ts";
import { byId, element, plural, setChildren, setText } from "./element.ts";

const connection = byId("connection", HTMLElement);
const summary = byId("summary", HTMLElement);
const notice = byId("notice", HTMLElement);
const main = byId("bridges", HTMLElement);
const waiting = byId("waiting", HTMLElement);
const filter = byId("filter", HTMLInputElement);
const sort = byId("sort", HTMLSelectElement);
const pause = byId("pause", HTMLButtonElement);

const NO_BRIDGES = "No bridges yet: one is made with its first port. Try: pkt-gen -i vale0:a -f rx";
const ENDED = '"valet view" has ended. Start it again, and open the address that it prints.';

const bridges = new Map<string, BridgeElements>();
const empty = element("p", "empty", NO_BRIDGES);
let latest: ViewState | undefined;
let isPaused = false, isScheduled = false, hasEnded = false;

const events = new EventSource("events");
events.addEventListener("state", ({ data }: MessageEvent<string>) => take(JSON.parse(data)));
events.addEventListener("end", end);
events.addEventListener("error", () => {
  if (hasEnded) return;
  if (events.readyState === EventSource.CLOSED) end();
  else say("lost", "Connection lost, trying again …");
});

filter.addEventListener("input", schedule);
sort.addEventListener("change", schedule);
document.addEventListener("visibilitychange", schedule);
pause.addEventListener("click", () => {
  isPaused = !isPaused;
  pause.ariaPressed = String(isPaused);
  schedule();
});

function end(): void {
  hasEnded = true;
  events.close();
  say("lost", "Ended");
  warn(ENDED);
}

function take(state: ViewState): void {
  latest = state;
  const names = new Set(state.bridges.map(({ name }) => name));
  // While a daemon is away its bridges stay, greyed
  if (state.problem === undefined) {
    for (const name of bridges.keys()) if (!names.has(name)) bridges.delete(name);
  }
  for (const bridge of state.bridges) {
    let elements = bridges.get(bridge.name);
    if (elements === undefined) {
      bridges.set(bridge.name, elements = new BridgeElements(bridge));
    }
    elements.take(bridge);
  }
  schedule();
}

/** Shows it with the next picture of the browser, if anybody sees that. */
function schedule(): void {
  if (isScheduled || document.hidden) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    show();
  });
}

function show(): void {
  if (latest === undefined || hasEnded) return;
  const { problem, backend = "", hookProblem, counts } = latest;
  if (problem !== undefined) {
    say("lost", backend === "" ? "Waiting for the daemon" : "Waiting");
    warn(problem);
    main.classList.add("stale");
    showWaiting([]);
    return;
  }
  say(isPaused ? "paused" : "live", isPaused ? `Paused, ${backend}` : `Live, ${backend}`);
  if (isPaused) return;
  warn(
    !counts
      ? "netmap's kernel module counts no packets and shows no table: ports and hooks are all it tells."
      : hookProblem === undefined
      ? ""
      : `Hooks as they were: ${hookProblem}`,
  );
  main.classList.remove("stale");
  const selection: Selection = {
    filter: filter.value.trim().toLowerCase(),
    sort: sort.value as SortKey,
  };
  for (const bridge of bridges.values()) bridge.show(selection);
  const nodes = [...bridges.values()].map(({ node }) => node);
  setChildren(main, nodes.length === 0 ? [empty] : nodes);
  setText(summary, summaryOf(latest));
  showWaiting(latest.waiting);
}

function summaryOf({ bridges, timeMs }: ViewState): string {
  const ports = bridges.flatMap((bridge) => bridge.ports);
  const sent = ports.reduce((sum, { rates }) => sum + (rates?.txPackets ?? 0), 0);
  const time = new Date(timeMs).toLocaleTimeString();
  const rate = ports.some(({ rates }) => rates !== undefined) ? `${formatRate(sent)} · ` : "";
  const named = bridges.filter(({ name }) => name !== "").length;
  return `${plural(named, "bridge")} · ${plural(ports.length, "port")} · ${rate}${time}`;
}

function showWaiting(hooks: readonly ViewHook[]): void {
  waiting.hidden = hooks.length === 0;
  waiting.replaceChildren(...hooks.map((hook) => {
    const elements = new HookElements();
    elements.show(hook, `Hook for ${hook.bridge}, which does not exist yet`);
    return elements.node;
  }));
}

/** How it stands, in few words. */
function say(state: "live" | "paused" | "lost", text: string): void {
  connection.dataset.state = state;
  setText(connection, text);
}

/** What has to be known; nothing hides it. */
function warn(text: string): void {
  notice.hidden = text === "";
  setText(notice, text);
}
