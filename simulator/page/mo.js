// Sending as a phone does.

import { byId, el } from "./dom.js";
import { count, word, wordOr } from "./words.js";

const CODINGS = ["auto", "gsm7", "gsm7_packed", "ascii", "latin1", "ucs2", "shift_jis", "cp932", "euc_jp", "jis_x_0208", "iso_2022_jp"];
const FORMS = ["udh8", "udh16", "sar", "payload"];

export class PhoneForm {
  /** send: called with what to POST to /mo; returns a promise of the answer. */
  constructor({ send }) {
    this.send = send;
    this.accounts = [];
    this.to = "";
    this.form = byId("mo");
    this.text = byId("mo-text");
    this.result = byId("mo-result");
    this.text.addEventListener("input", () => this.measure());
    this.text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
    this.form.addEventListener("submit", (event) => this.submit(event));
  }

  /** Write from a phone. */
  writeFrom(number) {
    byId("mo-from").value = /^[1-9][0-9]{9,}$/.test(number) ? `+${number}` : number;
    this.to = byId("mo-to").value;
  }

  /** Write to who wrote last, unless somebody has typed another number meanwhile. */
  writeTo(other) {
    if (other && byId("mo-to").value === this.to) byId("mo-to").value = other;
  }

  /** Whether nobody has said yet from which phone. */
  get blank() {
    return byId("mo-from").value === "";
  }

  /** Offer the accounts that are bound. */
  offer(sessions) {
    const accounts = [...new Set(sessions.filter((each) => each.type && each.type !== "transmitter").map((each) => each.system_id))];
    if (accounts.join("\n") === this.accounts.join("\n")) return;
    this.accounts = accounts;
    this.fillAccounts();
  }

  translate() {
    options(byId("mo-coding"), CODINGS, (name) => wordOr(`coding.${name}`, name));
    options(byId("mo-form"), FORMS, (name) => word(`form.${name}`));
    this.fillAccounts();
    this.measure();
    this.result.textContent = "";
  }

  fillAccounts() {
    options(byId("mo-account"), ["", ...this.accounts], (name) => name || word("mo_any"));
  }

  measure() {
    const text = this.text.value;
    byId("mo-length").textContent = word("mo_length", count([...text].length), count(text.length));
  }

  async submit(event) {
    event.preventDefault();
    this.result.classList.remove("bad");
    try {
      const { parts } = await this.send(this.read());
      this.result.textContent = word("mo_sent", parts);
      this.text.value = "";
      this.measure();
    } catch (error) {
      this.result.classList.add("bad");
      this.result.textContent = word("failed", error.message);
    }
  }

  /** What is not said is left to the simulator. */
  read() {
    const value = (id) => byId(id).value.trim();
    const wanted = { from: value("mo-from"), to: value("mo-to"), text: this.text.value };
    if (value("mo-coding") !== "auto") wanted.coding = value("mo-coding");
    if (value("mo-form") !== "udh8") wanted.concatenation = value("mo-form");
    if (byId("mo-shuffle").checked) wanted.shuffle = true;
    if (value("mo-account")) wanted.system_id = value("mo-account");
    return wanted;
  }
}

function options(select, values, name) {
  const chosen = select.value;
  select.replaceChildren(...values.map((value) => el("option", { value }, name(value))));
  select.value = values.includes(chosen) ? chosen : values[0];
}
