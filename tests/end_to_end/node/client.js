'use strict';
// A client that others wrote, the npm package `smpp`: node client.js HOST PORT PASSWORD TEXT
// It binds, submits TEXT in parts, waits for their receipts and for one long text from a handset, and unbinds. Refused,
// it waits for nothing. Each PDU that it receives is a line of JSON; so is the handset's text, once it is whole.

const smpp = require('smpp');

const SECONDS = 20;
const PART_UNITS = 67; // of UTF-16: 140 octets but the header's six (3GPP TS 23.040, 9.2.3.24.1)
const RECEIPT = 0x04; // esm_class (SMPP 3.4, 5.2.12)

const [host, port, password, text] = process.argv.slice(2);
const session = smpp.connect({ host, port: Number(port) });
const incoming = new Map();
let receipts = 0;
let joined = false;
let wake = () => {};

function say(line) {
  process.stdout.write(JSON.stringify(line) + '\n');
}

function fail(reason) {
  process.stderr.write(reason + '\n');
  process.exit(1);
}

/** Cut between characters, so that no emoji is halved. */
function cut(whole) {
  const parts = [''];
  for (const character of whole) {
    if (parts.at(-1).length + character.length > PART_UNITS) parts.push('');
    parts[parts.length - 1] += character;
  }
  return parts;
}

function ask(command, fields) {
  return new Promise((resolve) => session[command](fields, resolve));
}

function submit(message, index, all) {
  return ask('submit_sm', {
    source_addr: '0005123456',
    dest_addr_ton: 1,
    dest_addr_npi: 1,
    destination_addr: '819012345678',
    registered_delivery: 1,
    data_coding: 8,
    short_message: { udh: Buffer.from([5, 0, 3, 0x5a, all.length, index + 1]), message },
  });
}

/** Keep a part from a handset; say the whole text when it was the last one missing. */
function join({ udh, message }) {
  const [, , , total, number] = udh[0];
  incoming.set(number, message);
  if (incoming.size < total) return;
  joined = true;
  say({ joined: [...incoming].sort(([a], [b]) => a - b).map(([, part]) => part).join('') });
}

function take(pdu) {
  session.send(pdu.response());
  if (pdu.esm_class & RECEIPT) receipts += 1;
  else join(pdu.short_message);
  wake();
}

async function converse() {
  const { command_status: refused } = await ask('bind_transceiver', { system_id: 'denpo', password });
  if (!refused) {
    const answers = await Promise.all(cut(text).map(submit));
    const taken = answers.filter((answer) => !answer.command_status).length;
    while (taken && !(joined && receipts === taken)) await new Promise((resolve) => { wake = resolve; });
    await ask('unbind', {});
  }
  session.close();
}

session.on('pdu', ({ command, command_status, message_id, esm_class, ...pdu }) => {
  const { receipted_message_id, message_state, data_coding } = pdu;
  const message = pdu.short_message?.message;
  say({ command, command_status, message_id, esm_class, data_coding, receipted_message_id, message_state, message });
});
session.on('deliver_sm', take);
session.on('error', (error) => fail(String(error)));
setTimeout(() => fail(`not done after ${SECONDS} s`), SECONDS * 1000).unref();
session.on('connect', () => converse().catch((error) => fail(error.stack)));
