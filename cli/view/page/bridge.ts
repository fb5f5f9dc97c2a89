/**
 * A bridge: a picture of its ports with lights, its table of ports, its hook and its forwarding table.
 *
 * @module
 */

/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="esnext" />

import { formatRate } from "../../../packet/format.ts";
import type { ViewBridge, ViewHook, ViewPort } from "../messages.ts";
import { HookElements, TableElements } from "./details.ts";
import {
  element,
  heading,
  nameElement,
  plural,
  scrolling,
  setChildren,
  setText,
} from "./element.ts";
import { PortElements } from "./port.ts";

/** What ports are sorted by. */
export type SortKey = "index" | "name" | "sent" | "received" | "lost";

/** Which ports are shown, and in what order. */
export interface Selection {
  /** Part of their names. */
  readonly filter: string;
  /** Names and indices as they are, rates with the largest first. */
  readonly sort: SortKey;
}

/** From so many ports on, jacks have no room for names. */
const CROWDED = 33;

const DECIDES = {
  learning: "learning bridge",
  native: "native lookup",
  script: "lookup of a script",
} as const;

let made = 0;

/** A bridge on the page. */
export class BridgeElements {
  /** All of it. */
  readonly node: HTMLElement;
  readonly #facts = element("p", "below facts-line");
  readonly #chip = element("span", "chip");
  readonly #jacks = element("ul", "jacks");
  readonly #rows = element("tbody");
  readonly #table: HTMLElement;
  readonly #scroll: HTMLElement;
  readonly #details = element("div");
  readonly #hook = new HookElements();
  readonly #stations: TableElements;
  readonly #none = element("p", "below", "No port has such a name.");
  readonly #ports = new Map<string, PortElements>();
  #bridge: ViewBridge;

  constructor(bridge: ViewBridge) {
    this.#bridge = bridge;
    const title = element("h2", "", nameElement(bridge.name || "On no bridge", "name"));
    title.id = `bridge${made++}`;
    const whose = bridge.name === "" ? "Interfaces on no bridge" : `Ports of ${bridge.name}`;
    this.#jacks.ariaLabel = `${whose}, by index`;
    const heads = ["Port", "Sent", "Received", "Lost"].map((text) => heading(text));
    const caption = element("caption", "hidden", whose);
    const head = element("tr", "", ...heads);
    head.role = "row";
    const groups = [element("thead", "", head), this.#rows];
    for (const group of groups) group.role = "rowgroup";
    this.#table = element("table", "ports", caption, ...groups);
    this.#table.role = "table";
    this.#stations = new TableElements(bridge.name);
    const plate = element("div", "plate", this.#chip, this.#jacks);
    this.#scroll = scrolling(this.#table, whose);
    const parts = [title, this.#facts, plate, this.#scroll, this.#none, this.#details];
    this.node = element("section", "bridge", ...parts);
    this.node.setAttribute("aria-labelledby", title.id);
  }

  /** Takes what is new, which is shown later. */
  take(bridge: ViewBridge): void {
    this.#bridge = bridge;
    const names = new Set(bridge.ports.map(({ name }) => name));
    for (const name of this.#ports.keys()) if (!names.has(name)) this.#ports.delete(name);
    for (const port of bridge.ports) {
      let elements = this.#ports.get(port.name);
      if (elements === undefined) this.#ports.set(port.name, elements = new PortElements(port));
      elements.take(port);
    }
  }

  /** Shows it. */
  show({ filter, sort }: Selection): void {
    const { hook, table, ports } = this.#bridge;
    const all = [...this.#ports.values()];
    for (const port of all) port.show();
    setText(this.#facts, factsOf(this.#bridge));
    setText(this.#chip, hook === undefined ? decides(this.#bridge) : chipOf(hook));
    this.#chip.classList.toggle("hooked", hook !== undefined);
    this.#chip.hidden = this.#chip.textContent === "";
    this.node.classList.toggle("crowded", ports.length >= CROWDED);
    setChildren(this.#jacks, sorted(all, "index").map(({ jack }) => jack));
    const shown = sorted(all, sort).filter(({ port }) =>
      port.name.toLowerCase().includes(filter) ||
      `${this.#bridge.name}:${port.name}`.toLowerCase().includes(filter)
    );
    setChildren(this.#rows, shown.map(({ row }) => row));
    this.#none.hidden = shown.length > 0;
    this.#table.classList.toggle("uncounted", ports.every((port) => port.counters === undefined));
    if (hook !== undefined) this.#hook.show(hook, "Hook");
    if (table !== undefined) this.#stations.show(table, this.#bridge);
    setChildren(this.#details, [
      ...hook === undefined ? [] : [this.#hook.node],
      ...table === undefined ? [] : [this.#stations.node],
    ]);
  }
}

function factsOf(bridge: ViewBridge): string {
  const facts = [plural(bridge.ports.length, "port"), decides(bridge)];
  const rates = bridge.ports.map((port) => port.rates).filter((it) => it !== undefined);
  if (rates.length > 0) {
    const sum = (key: keyof typeof rates[number]): number =>
      rates.reduce((sum, rate) => sum + rate[key], 0);
    facts.push(`in ${formatRate(sum("txPackets"))}`, `out ${formatRate(sum("rxPackets"))}`);
    facts.push(`lost ${formatRate(sum("dropped"))}`);
  }
  return facts.filter((fact) => fact !== "").join(" · ");
}

function decides({ name, lookup, hook }: ViewBridge): string {
  if (name === "") return "";
  if (lookup !== undefined) return hook === undefined ? DECIDES[lookup] : "";
  return hook === undefined ? "bridge of the kernel" : "";
}

/** "hook: acl.ts", and how it stands if it does not decide. */
function chipOf({ file, state }: ViewHook): string {
  return `hook: ${baseOf(file)}${state === "active" ? "" : `, ${state}`}`;
}

/** "/home/me/hooks/acl.ts" is "acl.ts". */
function baseOf(file: string): string {
  return file.slice(file.lastIndexOf("/") + 1);
}

function sorted(ports: readonly PortElements[], by: SortKey): PortElements[] {
  return [...ports].sort((a, b) =>
    compare(a.port, b.port, by) || indexOf(a.port) - indexOf(b.port)
  );
}

function indexOf({ index = 0 }: ViewPort): number {
  return index;
}

function compare(a: ViewPort, b: ViewPort, by: SortKey): number {
  if (by === "index") return 0;
  if (by === "name") return a.name.localeCompare(b.name, "en", { numeric: true });
  const key = ({ sent: "txPackets", received: "rxPackets", lost: "dropped" } as const)[by];
  return (b.rates?.[key] ?? 0) - (a.rates?.[key] ?? 0);
}
