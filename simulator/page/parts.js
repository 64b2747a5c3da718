// One part as it was on the wire: its numbers, and its octets with the user data header coloured and explained.

import { el } from "./dom.js";
import { word, wordOr } from "./words.js";

const MOST_OCTETS = 512;
const CONCATENATIONS = { "00": "udh_concat8", "08": "udh_concat16" };

export function partItem(part) {
  const { number, total, udh, octets } = part;
  return el(
    "li",
    { class: "part" },
    el("h3", {}, total > 1 ? word("part", number, total) : word("only_part")),
    el("dl", { class: "facts" }, ...factsOf(part).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    part.verdicts?.length > 0 && el("p", { class: "badges" }, ...part.verdicts.map(verdictBadge)),
    udh && el("p", { class: "caption" }, word("udh")),
    udh && el("ol", { class: "udh plain" }, ...readHeader(udh).map(headerItem)),
    el("p", { class: "caption" }, word("body_octets")),
    hexOf(octets ?? "", udh ?? ""),
  );
}

export function verdictBadge(verdict) {
  return el("span", { class: "badge bad" }, wordOr(`verdict.${verdict}`, verdict));
}

function factsOf(part) {
  const { coding, data_coding, units, reference, state, message_id, session } = part;
  const facts = [
    [word("coding"), `${coding} (data_coding ${data_coding})`],
    [word("units"), word(unitOf(coding), units)],
  ];
  if (reference !== null && reference !== undefined) facts.push([word("reference"), String(reference)]);
  if (state) facts.push([word("state"), state]);
  if (message_id) facts.push([word("message_id"), message_id]);
  if (session) facts.push([word("session"), String(session)]);
  return facts;
}

function unitOf(coding) {
  if (coding === "ucs2") return "utf16_units";
  return coding?.startsWith("gsm7") ? "septets" : "octets";
}

/** Say what each octet of a user data header is (3GPP TS 23.040, 9.2.3.24): [{kind, hex, says}]. */
export function readHeader(udh) {
  const octets = udh.match(/../g) ?? [];
  const number = (hex) => parseInt(hex.join(""), 16);
  const found = [{ kind: "length", hex: octets.slice(0, 1), says: word("udh_length", number(octets.slice(0, 1))) }];
  let at = 1;
  while (at + 2 <= octets.length) {
    const identifier = octets[at];
    const length = number([octets[at + 1]]);
    const value = octets.slice(at + 2, at + 2 + length);
    found.push({ kind: "element", hex: [identifier], says: word(CONCATENATIONS[identifier] ?? "udh_element", `0x${identifier}`) });
    found.push({ kind: "length", hex: [octets[at + 1]], says: word("udh_element_length", length) });
    found.push(...valueOf(identifier, value, number));
    at += 2 + length;
  }
  if (at !== octets.length) found.push({ kind: "broken", hex: octets.slice(Math.min(at, octets.length)), says: word("udh_broken") });
  return found;
}

function valueOf(identifier, value, number) {
  const width = { "00": 1, "08": 2 }[identifier];
  if (!width || value.length !== width + 2) return [{ kind: "value", hex: value, says: word("udh_value") }];
  const [reference, total, part] = [value.slice(0, width), value.slice(width, width + 1), value.slice(width + 1)];
  return [
    { kind: "reference", hex: reference, says: word("udh_reference", number(reference)) },
    { kind: "total", hex: total, says: word("udh_total", number(total)) },
    { kind: "number", hex: part, says: word("udh_number", number(part)) },
  ];
}

function headerItem({ kind, hex, says }) {
  return el("li", { class: `octet-${kind}` }, el("code", {}, hex.join(" ")), el("span", {}, says));
}

function hexOf(octets, udh) {
  const body = spaced(octets.startsWith(udh) ? octets.slice(udh.length) : octets);
  const shown = body.slice(0, 3 * MOST_OCTETS);
  const rest = Math.ceil((body.length - shown.length) / 3);
  return el(
    "p",
    { class: "hex" },
    udh && el("code", { class: "header" }, spaced(udh)),
    " ",
    el("code", {}, shown),
    rest > 0 && el("span", { class: "note" }, word("octets_left_out", rest)),
  );
}

const spaced = (hex) => hex.replace(/(..)(?=.)/g, "$1 ");
