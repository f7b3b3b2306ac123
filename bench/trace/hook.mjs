// Loaded into a Spillway by `--import`: notes when a client's bytes are read and sent on, and its replies read and sent on, by
// wrapping the methods in which that happens, so that the program itself has nothing to do with it. Writes all of it to
// TRACE_FILE at the end. Times are of the monotonic clock that all processes of the machine share, in milliseconds.
import { writeFileSync } from 'node:fs';
import { ClientLink } from '../../dist/wire/client/client-link.js';
import { ClientSocket } from '../../dist/wire/client/client-socket.js';
import { ClientUpstream } from '../../dist/wire/upstream/client-upstream.js';
import { SharedConnection } from '../../dist/wire/upstream/shared-connection.js';

const MOST_EVENTS = 4_000_000;
const [READ, SENT_UP, REPLY, DELIVERED] = [0, 1, 2, 3];
const ports = new Float64Array(MOST_EVENTS);
const kinds = new Uint8Array(MOST_EVENTS);
const times = new Float64Array(MOST_EVENTS);
let count = 0;

function note(port, kind) {
  if (count === MOST_EVENTS) return;
  ports[count] = port;
  kinds[count] = kind;
  times[count++] = Number(process.hrtime.bigint()) / 1e6;
}

function portOf(link) {
  link.tracedPort ??= link.client.socket.remotePort;
  return link.tracedPort;
}

function wrap(owner, name, before) {
  const method = owner.prototype[name];
  owner.prototype[name] = function (...args) {
    before.call(this);
    return method.apply(this, args);
  };
}

/** By shared connection: the clients whose commands it has not sent yet. */
const unsent = new Map();

wrap(ClientLink, 'fromClient', function () {
  const port = portOf(this);
  note(port, READ);
  this.tracedUp = true;
});
// Noted before the system call: the other side may have the bytes before that returns.
wrap(ClientUpstream, 'flush', function () {
  const { link } = this;
  if (!link.tracedUp) return;
  link.tracedUp = false;
  if (link.session.hasOwnUpstream) {
    note(portOf(link), SENT_UP);
    return;
  }
  const shared = this.seat?.connection;
  if (shared === undefined) return;
  if (!unsent.has(shared)) unsent.set(shared, new Set());
  unsent.get(shared).add(portOf(link));
});
wrap(SharedConnection, 'endTurn', function () {
  for (const port of unsent.get(this) ?? []) note(port, SENT_UP);
  unsent.delete(this);
});
for (const name of ['fromOwn', 'repliesCame']) {
  wrap(ClientLink, name, function () {
    note(portOf(this), REPLY);
    this.client.tracedDown = portOf(this);
  });
}
wrap(ClientSocket, 'flush', function () {
  if (this.tracedDown === undefined) return;
  note(this.tracedDown, DELIVERED);
  this.tracedDown = undefined;
});

process.on('exit', () => {
  const events = new Map();
  for (let i = 0; i < count; i++) {
    if (!events.has(ports[i])) events.set(ports[i], []);
    events.get(ports[i]).push(kinds[i], times[i]);
  }
  writeFileSync(process.env.TRACE_FILE, JSON.stringify([...events]));
});
