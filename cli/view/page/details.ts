/**
 * What is below the ports of a bridge: its hook, and its forwarding table.
 *
 * @module
 */

/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="esnext" />

import { formatDuration, formatRate } from "../../../packet/format.ts";
import type { ViewBridge, ViewHook, ViewTable } from "../messages.ts";
import {
  element,
  formatCount,
  heading,
  nameElement,
  plural,
  scrolling,
  setText,
} from "./element.ts";

/** A hook with its statistics. */
export class HookElements {
  /** All of it. */
  readonly node: HTMLElement;
  readonly #title = element("h3");
  readonly #facts = element("dl", "facts");

  constructor() {
    this.node = element("div", "hook", this.#title, this.#facts);
  }

  /** @param title "Hook" */
  show(hook: ViewHook, title: string): void {
    setText(this.#title, title);
    this.node.dataset.state = hook.state;
    const facts = factsOf(hook);
    const nodes = facts.flatMap(([name, value]) => [
      element("dt", "", name),
      element("dd", "", nameElement(value)),
    ]);
    const isSame = nodes.length === this.#facts.children.length &&
      nodes.every((node, i) => node.textContent === this.#facts.children[i].textContent);
    if (!isSame) this.#facts.replaceChildren(...nodes);
  }
}

function factsOf(hook: ViewHook): [string, string][] {
  const { file, form, state, since, packets, packetsPerSecond, errors, lastError } = hook;
  const { batches, busyMs, own, tables } = hook;
  const facts: [string, string][] = [
    ["file", file],
    ["form", form],
    ["state", since === "" ? state : `${state}, loaded ${new Date(since).toLocaleString()}`],
  ];
  const rate = packetsPerSecond === undefined ? "" : `, ${formatRate(packetsPerSecond)}`;
  facts.push(["packets", `${formatCount(packets)}${rate}`]);
  if (batches !== undefined && busyMs !== undefined && packets > 0) {
    const each = formatDuration(busyMs * 1e6 / packets);
    facts.push(["time", `${each} a packet, ${plural(batches, "call")}`]);
  }
  facts.push(["errors", errors === 0 ? "0" : `${errors}, the last: ${lastError ?? "not told"}`]);
  if (own !== undefined) facts.push(["stats()", own]);
  for (const table of tables) facts.push(["table", table]);
  return facts;
}

/** A forwarding table that can be folded. */
export class TableElements {
  /** All of it. */
  readonly node: HTMLDetailsElement = element("details", "stations");
  readonly #summary = element("summary");
  readonly #body = element("tbody");
  readonly #more = element("p", "below");
  readonly #age: HTMLTableCellElement;
  readonly #scroll: HTMLElement;

  /** @param bridge "vale0" */
  constructor(bridge: string) {
    this.#age = heading("Heard");
    const head = element("tr", "", heading("Station"), heading("Port"), this.#age);
    const caption = element("caption", "hidden", `Forwarding table of ${bridge}`);
    const table = element("table", "", caption, element("thead", "", head), this.#body);
    this.#scroll = scrolling(table, `Forwarding table of ${bridge}`);
    this.node.append(this.#summary, this.#scroll, this.#more);
    this.node.open = true;
  }

  /** Shows it; what is folded is not made. */
  show(table: ViewTable, { ports }: ViewBridge): void {
    const { stations, buckets, ageingMs, entries } = table;
    const forgets = ageingMs === 0 ? "" : `, silent ones go after ${ageingMs / 1000} s`;
    setText(
      this.#summary,
      `Forwarding table: ${plural(stations, "station")} of ${formatCount(buckets)}${forgets}`,
    );
    this.#age.hidden = ageingMs === 0;
    this.#scroll.hidden = stations === 0;
    if (!this.node.open) return;
    const names = new Map(ports.map((port) => [port.index, port.name]));
    const texts = entries.map(({ mac, port, ageMs }) => [
      mac,
      names.get(port) ?? "",
      `(${port})`,
      ageingMs === 0 ? "" : `${(ageMs / 1000).toFixed(1)} s ago`,
    ]);
    while (this.#body.rows.length > texts.length) this.#body.deleteRow(-1);
    texts.forEach(([mac, name, index, age], i) => {
      const row = this.#body.rows[i] ?? this.#body.appendChild(stationRow());
      setText(row.cells[0], mac);
      setText(row.cells[1].children[0], name);
      setText(row.cells[1].children[1], index);
      setText(row.cells[2], age);
      row.cells[2].hidden = ageingMs === 0;
    });
    const left = stations - entries.length;
    setText(this.#more, left > 0 ? `and ${plural(left, "station")} more` : "");
  }
}

function stationRow(): HTMLTableRowElement {
  const port = element("td", "", nameElement("", "name"), element("span", "index"));
  return element("tr", "", element("td", "mac"), port, element("td", "age"));
}
