// What one phone got and sent, joined as the phone shows it; with its parts when they are asked for.

import { byId, el, fill, stayAtEnd } from "./dom.js";
import { partItem, verdictBadge } from "./parts.js";
import { clock, word } from "./words.js";

export class Conversation {
  constructor() {
    this.number = null;
    this.messages = [];
    this.known = null;
    this.parts = false;
    this.list = byId("messages");
    this.button = byId("show-parts");
    this.button.addEventListener("click", () => this.toggle());
  }

  /** Turn to another phone, whose messages are still to come; null: to none. */
  open(number) {
    this.number = number;
    this.messages = [];
    this.known = null;
    this.render();
  }

  show(messages) {
    this.messages = messages;
    stayAtEnd(this.list, () => this.render());
    if (this.known) this.announce(messages.filter((message) => !this.known.has(keyOf(message))));
    this.known = new Set(messages.map(keyOf));
  }

  toggle() {
    this.parts = !this.parts;
    this.button.setAttribute("aria-pressed", String(this.parts));
    this.render();
  }

  render() {
    const { number, messages } = this;
    byId("conversation-title").textContent = number ? word("conversation", number) : word("no_conversation");
    const empty = byId("no-messages");
    empty.hidden = messages.length > 0;
    empty.textContent = number ? word("no_messages", number) : word("choose_phone");
    this.list.hidden = messages.length === 0;
    fill(this.list, messages.map((message) => ({ ...message, shown: this.parts })), keyOf, messageItem);
  }

  /** The one to whom an answer would go: who wrote or was written to last. */
  get other() {
    return this.messages.at(-1)?.other ?? "";
  }

  announce(news) {
    const newest = news.at(-1);
    if (!newest) return;
    const key = newest.direction === "to_phone" ? "arrived" : "left_phone";
    byId("news").textContent = word(key, newest.other, newest.text ?? word("unreadable"));
  }
}

function keyOf({ direction, at, other, parts }) {
  return [direction, at, other, parts[0]?.message_id, parts[0]?.index].join(" ");
}

function messageItem(message) {
  const { direction, at, other, parts, shown } = message;
  return el(
    "li",
    { class: `message ${direction}` },
    el(
      "div",
      { class: "bubble" },
      el(
        "p",
        { class: "head" },
        el("span", {}, word(direction === "to_phone" ? "from_app" : "from_phone", other)),
        el("time", { datetime: new Date(at * 1000).toISOString() }, clock(at)),
      ),
      textOf(message),
      el("p", { class: "badges" }, ...badges(message)),
    ),
    shown && el("ol", { class: "parts plain" }, ...parts.map(partItem)),
  );
}

function textOf({ text, parts, shown }) {
  if (text === null) return el("p", { class: "text note" }, word("unreadable"));
  const pieces = parts.map((part) => part.text);
  const cuts = shown && parts.length > 1 && pieces.join("") === text;
  return el(
    "p",
    { class: "text", dir: "auto" },
    ...(cuts ? pieces.map((piece, index) => el("span", { class: `piece piece-${index % 2}` }, piece)) : [text]),
  );
}

function badges({ complete, parts, verdicts }) {
  const found = [];
  const total = parts[0]?.total ?? 1;
  if (!complete) found.push(el("span", { class: "badge warn" }, word("incomplete", parts.length, total)));
  else if (total > 1) found.push(el("span", { class: "badge" }, word("parts", total)));
  for (const [state, times] of statesOf(parts)) {
    const bad = !["DELIVRD", "ENROUTE", "ACCEPTD"].includes(state);
    found.push(el("span", { class: bad ? "badge bad" : "badge" }, times < parts.length ? `${state} ${times}` : state));
  }
  for (const verdict of verdicts ?? []) found.push(verdictBadge(verdict));
  return found;
}

function statesOf(parts) {
  const states = new Map();
  for (const { state } of parts) if (state) states.set(state, (states.get(state) ?? 0) + 1);
  return states;
}
