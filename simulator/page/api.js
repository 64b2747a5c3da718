// The simulator over HTTP: questions and commands, and the stream of what happens.

import { word } from "./words.js";

const RETRY_MILLISECONDS = 1000;
const ANSWER_MILLISECONDS = 15000;
const KINDS = ["part", "mo", "receipt", "session", "faults", "pdu", "lost"];

/** Ask; an Error with a sentence for people when it goes wrong. */
export async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      cache: "no-store",
      signal: AbortSignal.timeout(ANSWER_MILLISECONDS),
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Error(word("unreachable"));
  }
  const said = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(said?.detail ?? `${answer.status} ${answer.statusText}`);
  return said;
}

/** A stream of events that comes back by itself. opened, closed: called when it is there, and when it is lost. */
export class Stream {
  constructor({ opened, closed, happened }) {
    Object.assign(this, { opened, closed, happened });
    this.pdus = false;
    this.open();
  }

  /** Have PDUs among the events, or not. */
  wantPdus(wanted) {
    this.pdus = wanted;
    this.open();
  }

  open() {
    clearTimeout(this.retry);
    this.source?.close();
    const source = (this.source = new EventSource(`/events${this.pdus ? "?pdus=1" : ""}`));
    source.addEventListener("open", () => this.opened());
    source.addEventListener("error", () => this.fail(source));
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => this.happened(kind, JSON.parse(event.data)));
    }
  }

  // A browser tries again by itself after some failures and gives up after others: here it is always the same.
  fail(source) {
    source.close();
    this.closed();
    this.retry = setTimeout(() => this.open(), RETRY_MILLISECONDS);
  }
}
