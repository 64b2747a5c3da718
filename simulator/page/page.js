// Start: what the page is made of, what keeps it true, and what a user's act sets in motion.

import { ask, Stream } from "./api.js";
import { Conversation } from "./conversation.js";
import { byId, seldom } from "./dom.js";
import { Faults } from "./faults.js";
import { PduLog } from "./log.js";
import { PhoneForm } from "./mo.js";
import { Phones } from "./phones.js";
import { Sessions } from "./sessions.js";
import { count, language, speak, word } from "./words.js";

const MESSAGES = 200;
const PHONES = 50;
const PAUSE_MILLISECONDS = 300;
const LOOK_MILLISECONDS = 1000;

let connection = "connecting";
let eventsLost = 0;
let totals = null;
const alarms = {};

const phones = new Phones({ choose: openNumber });
const conversation = new Conversation();
const sessions = new Sessions({ strike });
const phoneForm = new PhoneForm({ send: (wanted) => ask("POST", "/mo", wanted) });
const faults = new Faults({ change: (values) => ask("PUT", "/faults", values) });
const log = new PduLog({ record: (wanted) => stream.wantPdus(wanted) });

const fetchPhones = seldom(PAUSE_MILLISECONDS, carefully(async () => {
  const found = await ask("GET", `/conversations?limit=${PHONES}`);
  phones.show(found);
  if (!conversation.number && found.length) show(found[0].number);
}));

const fetchConversation = seldom(PAUSE_MILLISECONDS, carefully(async () => {
  const { number } = conversation;
  if (!number) return;
  const { messages } = await ask("GET", `/conversations/${encodeURIComponent(number)}?limit=${MESSAGES}`);
  if (number !== conversation.number) return;
  const first = !conversation.known;
  conversation.show(messages);
  if (first) phoneForm.writeTo(conversation.other);
}));

const fetchSessions = seldom(PAUSE_MILLISECONDS, carefully(async () => {
  const asked = ["/sessions", "/summary", "/scenario"].map((path) => ask("GET", path));
  const [found, summary, scenario] = await Promise.all(asked);
  sessions.show(found);
  phoneForm.offer(found);
  totals = summary;
  showTotals();
  if (!faults.showPhase(scenario)) fetchFaults();
}));

const fetchFaults = seldom(PAUSE_MILLISECONDS, carefully(async () => faults.show(await ask("GET", "/faults"))));

function fetchAll() {
  fetchPhones();
  fetchConversation();
  fetchSessions();
  fetchFaults();
}

/** Let no failure end what goes on: while the connection is lost it is told already, and everything is fetched again. */
function carefully(act) {
  return async () => {
    try {
      await act();
      alarm("failed", "");
    } catch (error) {
      if (connection === "live") alarm("failed", word("failed", error.message));
    }
  };
}

function happened(kind, fields) {
  if (kind === "pdu") log.add(fields);
  else if (kind === "faults") fetchFaults();
  else if (kind === "session") fetchSessions();
  else if (kind === "lost") {
    eventsLost += fields.count;
    alarm("events", word("events_lost", count(eventsLost)));
    fetchAll();
  } else {
    if (kind !== "receipt") fetchPhones();
    if (!fields.number || fields.number === conversation.number) fetchConversation();
  }
}

function openNumber(number) {
  history.replaceState(null, "", `#/${encodeURIComponent(number)}`);
  phoneForm.writeFrom(number);
  show(number);
}

function show(number) {
  if (phoneForm.blank) phoneForm.writeFrom(number);
  phones.select(number);
  conversation.open(number);
  fetchConversation();
}

async function strike(wanted) {
  const told = byId("strike-result");
  try {
    const { struck } = await ask("POST", "/faults/link", wanted);
    told.textContent = word("struck", word(`strike.${wanted.fault}`), struck);
    told.classList.remove("bad");
  } catch (error) {
    told.textContent = word("failed", error.message);
    told.classList.add("bad");
  }
  fetchSessions();
}

async function resetFaults() {
  await carefully(async () => {
    faults.wasReset(await ask("DELETE", "/faults"));
  })();
}

function connected(state) {
  const news = state !== connection;
  connection = state;
  document.body.dataset.connection = state;
  if (news) byId("connection").textContent = word(state);
  alarm("connection", state === "connection_lost" ? word("connection_lost_long") : "");
  if (state !== "live") return;
  alarm("events", "");
  fetchAll();
}

/** Say what is wrong, by its kind; "": it is well again. */
function alarm(kind, text) {
  alarms[kind] = text;
  const told = Object.values(alarms).filter(Boolean).join(" ");
  const place = byId("alarm");
  if (place.textContent !== told) place.textContent = told;
  place.hidden = !told;
}

function showTotals() {
  byId("totals").textContent = totals ? word("totals", count(totals.parts), count(totals.messages)) : "";
}

function translate(name) {
  speak(name);
  byId("connection").textContent = word(connection);
  if (connection === "connection_lost") alarm("connection", word("connection_lost_long"));
  showTotals();
  phones.render();
  conversation.render();
  sessions.translate();
  phoneForm.translate();
  faults.translate();
  log.render();
}

for (const each of document.querySelectorAll("[data-language]")) {
  each.addEventListener("click", () => translate(each.dataset.language));
}
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("conversation").focus();
});
byId("reset-faults").addEventListener("click", resetFaults);
setInterval(() => connection === "live" && !document.hidden && fetchSessions(), LOOK_MILLISECONDS);

translate(language());
const stream = new Stream({
  opened: () => connected("live"),
  closed: () => connected("connection_lost"),
  happened,
});
if (location.hash.startsWith("#/")) openNumber(decodeURIComponent(location.hash.slice(2)));
