/**
 * A port: its jack in the picture of the bridge, and its row in the table.
 *
 * @module
 */

/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="esnext" />

import { formatRate } from "../../../packet/format.ts";
import type { ViewCounters, ViewPort, ViewRates } from "../messages.ts";
import { element, formatCount, nameElement, setText } from "./element.ts";
import { Sparkline } from "./sparkline.ts";

/** Shown as "- pps". */
const NO_RATES: ViewRates = {
  txPackets: NaN,
  txBits: NaN,
  rxPackets: NaN,
  rxBits: NaN,
  dropped: NaN,
};

/** A rate with its drawing and what lies behind it, in a cell. */
class Meter {
  readonly cell: HTMLTableCellElement;
  readonly sparkline: Sparkline;
  readonly #rate = element("strong", "rate");
  readonly #bits = element("span");
  readonly #total = element("span", "total");

  constructor(what: string, className: string) {
    this.sparkline = new Sparkline(what, className);
    const below = element("span", "below", this.#bits, this.#total);
    const texts = element("div", "texts", this.#rate, below);
    this.cell = element("td", className, element("div", "meter", texts, this.sparkline.node));
    this.cell.role = "cell";
  }

  /** Shows what was added last, and in all. */
  show(rate: string, bits: string, total: string): void {
    setText(this.#rate, rate);
    setText(this.#bits, bits);
    setText(this.#total, total);
    this.sparkline.draw();
  }
}

/** A port on the page. */
export class PortElements {
  /** Its row in the table. */
  readonly row: HTMLTableRowElement;
  /** Its jack in the picture. */
  readonly jack: HTMLLIElement;
  readonly #facts = element("span", "below");
  readonly #sent = new Meter("Sent", "sent");
  readonly #received = new Meter("Received", "received");
  readonly #lost = new Meter("Lost", "lost");
  readonly #lights = ["sent", "received", "lost"].map((name) => element("i", `light ${name}`));
  readonly #index = element("span", "index");
  #port: ViewPort;

  constructor(port: ViewPort) {
    this.#port = port;
    const head = element("th", "port", nameElement(port.name, "name"), this.#facts);
    head.scope = "row";
    head.role = "rowheader";
    this.row = element("tr", "", head, this.#sent.cell, this.#received.cell, this.#lost.cell);
    this.row.role = "row";
    const lights = element("span", "lights", ...this.#lights);
    lights.ariaHidden = "true";
    this.jack = element("li", "jack", lights, this.#index, nameElement(port.name, "name"));
  }

  /** What it is now. */
  get port(): ViewPort {
    return this.#port;
  }

  /** Takes what is new, which is shown later. */
  take(port: ViewPort): void {
    this.#port = port;
    if (port.rates === undefined) return;
    this.#sent.sparkline.add(port.rates.txPackets);
    this.#received.sparkline.add(port.rates.rxPackets);
    this.#lost.sparkline.add(port.rates.dropped);
  }

  /** Shows it. */
  show(): void {
    const { index, counters, rates } = this.#port;
    setText(this.#index, String(index ?? ""));
    setText(this.#facts, factsOf(this.#port));
    if (counters !== undefined) this.#showCounters(counters, rates);
    this.#lightUp(rates);
    const place = index === undefined ? "" : `, port ${index}`;
    this.jack.title = `${this.#port.name}${place}: ${activity(rates)}`;
  }

  #showCounters(counters: ViewCounters, rates: ViewRates | undefined): void {
    const { txPackets, rxPackets, dropped, causes } = counters;
    const { txPackets: txRate, txBits, rxPackets: rxRate, rxBits, dropped: lossRate } = rates ??
      NO_RATES;
    const inAll = (packets: number): string => `${formatCount(packets)} in\u00a0all`;
    this.#sent.show(formatRate(txRate), formatRate(txBits, "bit/s"), inAll(txPackets));
    this.#received.show(formatRate(rxRate), formatRate(rxBits, "bit/s"), inAll(rxPackets));
    const why = causes.map(([cause, packets]) => `${cause} ${formatCount(packets)}`).join(", ");
    this.#lost.show(formatRate(lossRate), "", dropped === 0 ? "none so far" : why);
    this.row.classList.toggle("loses", (rates?.dropped ?? 0) > 0);
  }

  #lightUp(rates: ViewRates | undefined): void {
    const values = [rates?.txPackets ?? 0, rates?.rxPackets ?? 0, rates?.dropped ?? 0];
    this.#lights.forEach((light, i) => {
      light.style.opacity = String(brightness(values[i]));
    });
  }
}

/** "index 0, nic (af_packet), 1 open" */
function factsOf({ index, counters }: ViewPort): string {
  const place = index === undefined ? "" : `index ${index}`;
  if (counters === undefined) return place;
  const { kind, device, opens } = counters;
  return `${place}${place === "" ? "" : " · "}${kind}${
    device === undefined ? "" : ` (${device})`
  } · ${opens}\u00a0open`;
}

function activity(rates: ViewRates | undefined): string {
  if (rates === undefined) return "no rates yet";
  const { txPackets, rxPackets, dropped } = rates;
  return `sends ${formatRate(txPackets)}, receives ${formatRate(rxPackets)}` +
    (dropped > 0 ? `, loses ${formatRate(dropped)}` : "");
}

/** From 0 to 1: each thousandfold is as much brighter. */
function brightness(packetsPerSecond: number): number {
  if (packetsPerSecond <= 0) return 0.12;
  return Math.min(1, 0.4 + Math.log10(1 + packetsPerSecond) / 10);
}
