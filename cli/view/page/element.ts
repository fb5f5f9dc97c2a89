/**
 * Elements of the page. Texts are set as texts, never as HTML: names come from whoever made a port.
 *
 * @module
 */

/// <reference no-default-lib="true" />
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/// <reference lib="esnext" />

/** Makes an element, with texts or elements in it. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className = "",
  ...children: (string | Node)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.append(...children);
  return made;
}

/** Makes an element of a drawing. */
export function drawing<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>>,
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** The element of page.html with this id. */
export function byId<Type extends HTMLElement>(id: string, type: new () => Type): Type {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`There is no such element: ${id}`);
  return found;
}

/** Changes a text, unless it is the same: what is selected stays selected. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** Puts children in this order; those that are there already, and are in place, are not touched. */
export function setChildren(parent: Element, children: readonly Element[]): void {
  const wanted = new Set<Element>(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, i) => {
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null);
  });
}

/** A name as somebody chose it: what is written from right to left in it stays in it. */
export function nameElement(name: string, className = ""): HTMLElement {
  return element("bdi", className, name);
}

/** The head of a column. Roles are said here and in rows, since on narrow screens they are no table to CSS. */
export function heading(text: string): HTMLTableCellElement {
  const made = element("th", "", text);
  made.scope = "col";
  made.role = "columnheader";
  return made;
}

/** A box that what is in it can be larger than; keys move it, too. */
export function scrolling(inside: HTMLElement, label: string): HTMLElement {
  const made = element("div", "scroll", inside);
  made.tabIndex = 0;
  made.role = "region";
  made.ariaLabel = label;
  return made;
}

/** 1234567 is "1 234 567", with spaces that do not break. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** "1 port", "2 ports" */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}
