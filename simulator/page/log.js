// The PDU log: bounded, with every field named, shown as it happens or held back.

import { byId, el, stayAtEnd } from "./dom.js";
import { clock, count, word } from "./words.js";

const MOST = 500;

export class PduLog {
  /** record: called with whether PDUs are wanted. */
  constructor({ record }) {
    this.record = record;
    this.pdus = [];
    this.held = [];
    this.names = new Set();
    this.list = byId("pdus");
    this.openButton = byId("log-open");
    this.pauseButton = byId("log-pause");
    this.openButton.addEventListener("click", () => this.press(this.openButton, (on) => this.record(on)));
    this.pauseButton.addEventListener("click", () => this.press(this.pauseButton, () => this.release()));
    byId("log-clear").addEventListener("click", () => this.clear());
    byId("log-filter").addEventListener("input", () => this.render());
  }

  get recording() {
    return this.openButton.getAttribute("aria-pressed") === "true";
  }

  get paused() {
    return this.pauseButton.getAttribute("aria-pressed") === "true";
  }

  add(pdu) {
    const kept = this.paused ? this.held : this.pdus;
    kept.push(pdu);
    if (kept.length > 2 * MOST) kept.splice(0, MOST); // nothing is drawn while the page is hidden
    if (!this.drawing) this.drawing = requestAnimationFrame(() => this.draw());
  }

  press(button, then) {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    then(on);
    this.render();
  }

  release() {
    if (this.paused) return;
    this.pdus.push(...this.held.splice(0));
  }

  clear() {
    this.pdus = [];
    this.held = [];
    this.render();
  }

  /** Draw all anew. */
  render() {
    this.list.replaceChildren();
    this.newest = undefined;
    this.draw();
  }

  /** Draw what came since. */
  draw() {
    this.drawing = 0;
    const fresh = this.pdus.slice(this.pdus.lastIndexOf(this.newest) + 1);
    this.newest = this.pdus.at(-1);
    this.pdus = this.pdus.slice(-MOST);
    stayAtEnd(this.list, () => {
      this.list.append(...fresh.slice(-MOST).filter((pdu) => this.wants(pdu)).map(rowOf));
      while (this.list.children.length > MOST) this.list.firstElementChild.remove();
    });
    this.list.hidden = this.list.children.length === 0;
    this.offer(fresh);
    this.tell();
  }

  wants({ name }) {
    return name.includes(byId("log-filter").value.trim().toLowerCase());
  }

  offer(fresh) {
    for (const { name } of fresh) {
      if (!name || this.names.has(name)) continue;
      this.names.add(name);
      byId("log-names").append(el("option", { value: name }));
    }
  }

  tell() {
    const [shown, all] = [count(this.list.children.length), count(this.pdus.length)];
    const told = this.held.length ? word("log_waiting", shown, all, count(this.held.length)) : word("log_count", shown, all);
    byId("log-count").textContent = this.recording || this.pdus.length ? told : word("log_off");
  }
}

function rowOf(pdu) {
  const { at, direction, session, name, status, sequence, error } = pdu;
  const bad = error || (status && status !== "ESME_ROK");
  const summary = el(
    "summary",
    { class: bad ? "bad" : "" },
    el("time", { datetime: new Date(at * 1000).toISOString() }, clock(at)),
    el("span", { class: direction }, `${direction === "received" ? "→" : "←"} ${word(direction)}`),
    el("span", {}, `#${session}`),
    el("code", {}, name || word("no_pdu")),
    el("span", {}, name ? String(sequence) : ""),
    el("span", { class: "status" }, error || status),
  );
  const row = el("details", {}, summary);
  row.addEventListener("toggle", () => row.children.length > 1 || row.append(fieldsOf(pdu)), { once: true });
  return el("li", {}, row);
}

function fieldsOf({ fields, length, sequence, status, says, error }) {
  const head = [[word("length"), word("octets", length)], [word("sequence"), String(sequence)]];
  if (status) head.push([word("status"), says ? `${status}: ${says}` : status]);
  if (error) head.push(["!", error]);
  const all = [...head, ...fields];
  return el("dl", { class: "fields-of" }, ...all.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { dir: "auto" }, value)]));
}
