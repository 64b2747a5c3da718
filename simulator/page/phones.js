// The phones that got messages last, as a listbox: one stop for Tab, arrows move and choose.

import { byId, el, fill, keepFocus } from "./dom.js";
import { clock, word } from "./words.js";

export class Phones {
  /** choose: called with a number when one is chosen. */
  constructor({ choose }) {
    this.choose = choose;
    this.phones = [];
    this.number = null;
    this.list = byId("numbers");
    this.field = byId("find-number");
    this.list.addEventListener("keydown", (event) => this.move(event));
    this.list.addEventListener("click", (event) => this.pick(event.target.closest("[role=option]")));
    this.field.addEventListener("input", () => this.render());
    byId("find").addEventListener("submit", (event) => this.find(event));
  }

  show(phones) {
    this.phones = phones;
    this.render();
  }

  select(number) {
    this.number = number;
    this.mark();
  }

  render() {
    const sought = this.sought();
    const found = this.phones.filter((phone) => phone.number.includes(sought));
    keepFocus(() => fill(this.list, found, (phone) => phone.number, option));
    byId("no-numbers").hidden = this.phones.length > 0;
    this.mark();
  }

  mark() {
    const options = [...this.list.children];
    const stop = options.find((each) => each.dataset.key === this.number) ?? options[0];
    for (const each of options) {
      each.setAttribute("aria-selected", String(each.dataset.key === this.number));
      each.tabIndex = each === stop ? 0 : -1;
    }
  }

  move(event) {
    const options = [...this.list.children];
    const at = options.indexOf(event.target.closest("[role=option]"));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: options.length - 1, Enter: at, " ": at }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.pick(options[Math.min(Math.max(to, 0), options.length - 1)]);
  }

  pick(chosen) {
    if (!chosen) return;
    chosen.focus();
    if (chosen.dataset.key !== this.number) this.choose(chosen.dataset.key);
  }

  find(event) {
    event.preventDefault();
    const options = this.list.children;
    const number = options.length === 1 ? options[0].dataset.key : this.sought();
    if (!number) return;
    this.field.value = "";
    this.render();
    this.choose(number);
  }

  sought() {
    return this.field.value.replace(/[\s+()-]/g, "");
  }
}

function option({ number, newest, at }) {
  return el(
    "li",
    { role: "option", "data-focus": `phone:${number}` },
    el("span", { class: "number" }, number),
    el("time", { class: "note", datetime: new Date(at * 1000).toISOString() }, clock(at)),
    el("span", { class: "newest", dir: "auto" }, newest ?? word("unreadable")),
  );
}
