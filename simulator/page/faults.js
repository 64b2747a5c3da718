// Every fault there is, grouped, with what it does; a change holds until it is taken back.

import { byId, el } from "./dom.js";
import { count, word, wordOr } from "./words.js";

export class Faults {
  /** change: called with {name: value}, null for the scenario's own; returns a promise of all faults. */
  constructor({ change }) {
    this.change = change;
    this.rows = new Map();
    this.groups = new Map();
    this.shown = null;
    this.place = byId("faults");
    this.result = byId("faults-result");
    byId("find-fault").addEventListener("input", () => this.filter());
  }

  show(faults) {
    const names = Object.keys(faults.names);
    const before = Object.keys(this.shown?.names ?? {});
    this.shown = faults;
    if (names.join() !== before.join()) this.build();
    for (const [name, row] of this.rows) row.show(faults.values[name], name in faults.overrides);
    for (const [group, { changed }] of this.groups) {
      const number = Object.keys(faults.overrides).filter((name) => name.startsWith(`${group}.`)).length;
      changed.textContent = number ? word("changed_count", count(number)) : "";
    }
  }

  /** Show what is played. Returns: whether the faults that are shown are of this phase. */
  showPhase(scenario) {
    const { title, phase, next_in: left } = (this.scenario = scenario);
    const told = left === null ? word("phase", phase) : word("phase_left", phase, count(Math.ceil(left)));
    byId("phase").textContent = [title, told].filter(Boolean).join(" · ");
    return phase === this.shown?.phase;
  }

  translate() {
    this.result.textContent = "";
    if (this.scenario) this.showPhase(this.scenario);
    if (!this.shown) return;
    this.build();
    this.show(this.shown);
  }

  build() {
    const open = new Set([...this.groups].filter(([, { element }]) => element.open).map(([group]) => group));
    this.rows.clear();
    this.groups.clear();
    for (const [name, spec] of Object.entries(this.shown.names)) {
      const group = name.split(".")[0];
      if (!this.groups.has(group)) this.addGroup(group, open.has(group));
      const row = new Row(name, spec, (value) => this.set(name, value));
      this.rows.set(name, row);
      this.groups.get(group).element.append(row.element);
    }
    this.place.replaceChildren(...[...this.groups.values()].map(({ element }) => element));
    this.filter();
  }

  addGroup(group, open) {
    const changed = el("span", { class: "badge warn" });
    const element = el("details", { open }, el("summary", {}, wordOr(`group.${group}`, group), " ", changed));
    this.groups.set(group, { element, changed });
  }

  /** Show only what has the words sought in its name or explanation, and open the groups for it. */
  filter() {
    const sought = byId("find-fault").value.trim().toLowerCase();
    for (const row of this.rows.values()) {
      row.element.hidden = sought !== "" && !row.element.textContent.toLowerCase().includes(sought);
    }
    for (const { element } of this.groups.values()) {
      if (sought) element.open = true;
      element.hidden = ![...element.querySelectorAll(".fault")].some((row) => !row.hidden);
    }
  }

  async set(name, value) {
    const row = this.rows.get(name);
    try {
      const faults = await this.change({ [name]: value });
      row.accept();
      this.show(faults);
      this.result.textContent = word("fault_set", name, write(this.shown.values[name]) || word("nothing"));
    } catch (error) {
      row.complain(word("failed", error.message));
    }
  }

  /** Say that all were taken back. */
  wasReset(faults) {
    for (const row of this.rows.values()) row.accept();
    this.show(faults);
    this.result.textContent = word("faults_reset");
  }
}

class Row {
  constructor(name, spec, set) {
    const id = `fault-${name.replace(".", "-")}`;
    const key = name.split(".")[1];
    this.spec = spec;
    this.field = fieldFor(name, spec);
    this.field.id = id;
    this.field.setAttribute("aria-describedby", `${id}-says ${id}-wrong`);
    this.touched = false;
    this.field.addEventListener("input", () => (this.touched = true));
    this.field.addEventListener("change", () => set(this.read()));
    this.reset = el("button", { type: "button", "aria-label": word("reset_one", key), click: () => set(null) }, word("reset"));
    this.wrong = el("p", { class: "wrong", id: `${id}-wrong`, role: "alert" });
    this.element = el(
      "div",
      { class: typeof spec.default === "object" ? "fault wide" : "fault" },
      el("label", { for: id }, el("code", {}, key)),
      this.field,
      this.reset,
      el("p", { class: "note", id: `${id}-says` }, wordOr(`fault.${name}`, spec.says)),
      this.wrong,
    );
  }

  show(value, changed) {
    this.element.classList.toggle("changed", changed);
    if (!changed && document.activeElement === this.reset) this.field.focus();
    this.reset.hidden = !changed;
    if (this.touched) return; // what somebody types is theirs until it is accepted
    if (this.field.type === "checkbox") this.field.checked = value;
    else this.field.value = write(value);
  }

  read() {
    if (this.field.type === "checkbox") return this.field.checked;
    return read(this.field.value.trim(), this.spec.default);
  }

  /** Say what is wrong with the value, which stays as it was typed. */
  complain(text) {
    this.wrong.textContent = text;
    this.field.setAttribute("aria-invalid", "true");
  }

  accept() {
    this.touched = false;
    this.wrong.textContent = "";
    this.field.setAttribute("aria-invalid", "false");
  }
}

function fieldFor(name, spec) {
  if (typeof spec.default === "boolean") return el("input", { type: "checkbox" });
  if (spec.choices?.length) {
    return el("select", {}, ...spec.choices.map((choice) => el("option", { value: choice }, choice || word("nothing"))));
  }
  const rate = name.endsWith("_rate");
  return el("input", { type: rate ? "number" : "text", step: "any", min: 0, max: 1, autocomplete: "off", spellcheck: "false" });
}

/** Write a value as people type it: {"min": 1, "max": 2} as min=1, max=2. */
export function write(value) {
  if (value === null || typeof value !== "object") return String(value);
  return Object.entries(value).map(([key, each]) => `${key}=${each}`).join(", ");
}

/** Read what was typed; what it is can be seen by the default. The simulator says what is wrong with it. */
export function read(text, standard) {
  if (typeof standard === "string") return text;
  if (text === "") return typeof standard === "object" ? {} : null;
  if (text.includes("=")) {
    const pairs = text.split(",").map((pair) => pair.split("=").map((each) => each.trim()));
    return Object.fromEntries(pairs.map(([key, value]) => [key, number(value ?? "")]));
  }
  return number(text);
}

const number = (text) => (text === "" || Number.isNaN(Number(text)) ? text : Number(text));
