// Who is connected: windows and rates, live, and what can befall each connection at a click.

import { byId, el } from "./dom.js";
import { count, word, wordOr } from "./words.js";

const STRIKES = ["close", "unbind", "cut", "garbage", "wrong_length"];
const STRIKES_WITH_VALUE = [
  { fault: "half_open", key: "seconds", label: "strike_seconds", value: 10 },
  { fault: "slow", key: "value", label: "strike_octets", value: 100 },
];

export class Sessions {
  /** strike: called with what to POST to /faults/link; returns a promise. */
  constructor({ strike }) {
    this.strike = strike;
    this.list = byId("sessions");
    this.cards = new Map();
  }

  show(sessions) {
    const there = new Set(sessions.map((each) => each.session));
    for (const [number, card] of this.cards) {
      if (there.has(number)) continue;
      card.element.remove();
      this.cards.delete(number);
    }
    for (const each of sessions) {
      if (!this.cards.has(each.session)) this.add(each.session);
      this.cards.get(each.session).show(each);
    }
    byId("no-sessions").hidden = sessions.length > 0;
  }

  /** Make all cards anew, in the language that is spoken now. */
  translate() {
    const shown = [...this.cards.values()].map((card) => card.shown);
    this.show([]);
    this.show(shown);
  }

  add(number) {
    const card = new Card(number, this.strike);
    this.cards.set(number, card);
    this.list.append(card.element);
  }
}

class Card {
  constructor(number, strike) {
    this.name = el("strong", {});
    this.type = el("span", { class: "badge" });
    this.peer = el("p", { class: "note" });
    this.meter = el("meter", { min: 0, max: 1 });
    this.window = el("span", {});
    this.numbers = el("p", { class: "numbers" });
    this.element = el(
      "li",
      { class: "card" },
      el("p", { class: "head" }, this.name, this.type),
      this.peer,
      el("p", { class: "window" }, this.meter, this.window),
      this.numbers,
      strikes(number, strike),
    );
  }

  show(session) {
    const { system_id, type, state, peer, version, window, in_flight, taken, refused, rate, faults } = session;
    this.shown = session;
    this.name.textContent = `#${session.session} ${system_id || word("unbound")}`;
    this.type.textContent = type ? wordOr(type, type) : state;
    this.peer.textContent = [peer, type && `SMPP ${version}`, type && state].filter(Boolean).join(" · ");
    this.meter.max = Math.max(1, window);
    this.meter.value = in_flight;
    this.meter.setAttribute("aria-label", word("window", in_flight, window));
    this.window.textContent = word("window", count(in_flight), count(window));
    const numbers = [word("rate", count(Math.round((rate ?? 0) * 10) / 10)), word("taken", count(taken)), word("refused", count(refused))];
    this.numbers.textContent = [...numbers, ...(faults ?? [])].join(" · ");
  }
}

function strikes(number, strike) {
  const plain = STRIKES.map((fault) => button(fault, () => strike({ session: number, fault })));
  const valued = STRIKES_WITH_VALUE.map(({ fault, key, label, value }) => {
    const field = el("input", { type: "number", min: 0, value, "aria-label": `${word(`strike.${fault}`)}: ${word(label)}` });
    const act = button(fault, () => strike({ session: number, fault, [key]: field.valueAsNumber || 0 }));
    return el("span", { class: "valued" }, act, field, el("span", { class: "note" }, word(label)));
  });
  const group = { role: "group", class: "strikes", "aria-label": word("strike", number) };
  return el("details", {}, el("summary", {}, word("strike", number)), el("div", group, ...plain, ...valued));
}

function button(fault, act) {
  return el("button", { type: "button", click: act }, word(`strike.${fault}`));
}
