'use strict';
// A client of the upstream protocol, written from docs/upstream-protocol.md: node upstream.js PATH CLIENT SECRET TEXT
// It greets, previews, submits TEXT to two numbers and one that is none, follows the events of both until they have
// ended, acknowledges them, asks for their status, and closes once a ping has come back. Each frame that it receives is
// a line of JSON.

const net = require('node:net');
const { decodeMultiStream, encode } = require('@msgpack/msgpack');

const SECONDS = 20;

const [path, client, secret, text] = process.argv.slice(2);
const socket = net.connect(path);
const waiting = new Map();
const open = new Set();
let newest = null;
let ended = () => {};

function fail(reason) {
  process.stderr.write(reason + '\n');
  process.exit(1);
}

function send(frame) {
  socket.write(encode(frame));
}

/** Ask, and wait for the frame that carries the same tag. */
function ask(kind, tag, ...rest) {
  send([kind, tag, ...rest]);
  return new Promise((resolve) => waiting.set(tag, resolve));
}

function follow(events) {
  for (const [cursor, event] of events) {
    newest = cursor;
    if (event.final) open.delete(event.id);
  }
  if (!open.size) ended();
}

async function read() {
  for await (const frame of decodeMultiStream(socket)) {
    process.stdout.write(JSON.stringify(frame) + '\n');
    const [kind, tag] = frame;
    if (kind === 'events') follow(tag);
    else waiting.get(kind === 'welcome' ? 'hello' : tag)?.(frame);
  }
}

async function converse() {
  send(['hello', { version: 1, client, secret, agent: 'upstream.js/1.0' }]);
  await new Promise((resolve) => waiting.set('hello', resolve));
  const messages = ['090-1234-5678', '+81 80 1234 5678', 'nobody'].map((to, n) => ({ id: `js-${n}`, to, text, meta: { n } }));
  await ask('preview', 'p', messages);
  const [, , results] = await ask('submit', 1, messages);
  for (const { id, ok } of results) if (ok) open.add(id);
  const over = new Promise((resolve) => { ended = resolve; });
  await ask('subscribe', 2, { after: null });
  await over;
  await ask('status', 's', messages.map(({ id }) => id));
  send(['ack', newest]);
  await ask('ping', 3);
  socket.end();
}

read().catch((error) => fail(error.stack));
socket.on('error', (error) => fail(String(error)));
setTimeout(() => fail(`not done after ${SECONDS} s`), SECONDS * 1000).unref();
socket.on('connect', () => converse().catch((error) => fail(error.stack)));
