import t, { type Test } from 'tap';
import { encodeCommand } from '../../../src/core/resp/encode.js';
import { NOBODY, ownGreeting } from '../../../src/core/session/pooling/identity.js';
import { Following } from '../../../src/wire/upstream/following.js';
import { OwnUpstream, type OwnUpstreamUser } from '../../../src/wire/upstream/own-upstream.js';
import { closedPort } from '../../support/listen.js';
import { withRaw } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';
import { until } from '../../support/wait.js';

const PING = encodeCommand('PING');
const SET = encodeCommand('SET', 'k', 'v');
const redis = await withRedis(t);
const look = await withRaw(t, redis.port);

/** A link that keeps what it is told. */
class Link implements OwnUpstreamUser {
  readonly told: string[] = [];
  heard = '';

  fromOwn(chunk: Buffer): void {
    this.heard += chunk.toString('latin1');
  }

  lastWords(bytes: Buffer): void {
    this.told.push(`last words: ${bytes.toString('latin1')}`);
  }

  ownGreeted(): void {
    this.told.push('greeted');
  }

  ownRefused({ message }: Error): void {
    this.told.push(`refused: ${message}`);
  }

  ownDrained(): void {
    this.told.push('drained');
  }

  ownFailed({ message }: Error): void {
    this.told.push(`failed: ${message}`);
  }

  ownEnded(_: OwnUpstream, error?: Error): void {
    this.told.push(error === undefined ? 'ended' : 'broken');
  }

  parkingOver(): void {
    this.told.push('parked for long');
  }

  restOver(): void {
    this.told.push('at rest for long');
  }
}

function lab(t: Test, greeting = ownGreeting(NOBODY), port = redis.port, following?: Following) {
  const link = new Link();
  const counters = { bytesToUpstream: 0 };
  const upstream = { host: '127.0.0.1', port, connectTimeoutMs: 5000, keepAliveMs: 0, following };
  const own = new OwnUpstream({ upstream, counters }, greeting, link);
  t.teardown(() => own.end());
  const send = (command: Buffer): void => {
    own.batch.write(command, 0, command.length);
    own.flush();
  };
  return { own, link, counters, send };
}

t.test('with nothing to say it may be used at once', async (t) => {
  const { own, link, counters, send } = lab(t);
  t.equal(own.isGreeted, true);
  send(PING);
  await until(() => link.heard === '+PONG\r\n');
  t.equal(own.isConnected, true);
  t.equal(counters.bytesToUpstream, PING.length);
  t.same(link.told, []);
});

t.test('an own connection logs in before it is used', async (t) => {
  const identity = { ...NOBODY, db: 3, name: 'me' };
  const { own, link, send } = lab(t, ownGreeting(identity));
  t.equal(own.isGreeted, false);
  await until(() => own.isGreeted);
  t.same(link.told, ['greeted']);
  send(encodeCommand('CLIENT', 'GETNAME'));
  await until(() => link.heard === '$2\r\nme\r\n');
  t.match(String(await look.call('CLIENT', 'LIST')), / name=me .* db=3 /);
});

t.test('a greeting that the server refuses', async (t) => {
  const { own, link } = lab(t, ownGreeting({ ...NOBODY, credential: { user: 'nobody', password: 'x' } }));
  await until(() => link.told.length > 0);
  t.match(link.told, [/^refused: .*WRONGPASS/]);
  t.equal(own.isGreeted, false);
});

t.test('parked for a while it is to be ended, unless it was needed again', async (t) => {
  const [parked, taken, resting] = [lab(t), lab(t), lab(t)];
  for (const { own } of [parked, taken]) own.park();
  t.equal(parked.own.isParked, true);
  taken.own.take();
  t.equal(taken.own.isParked, false);
  resting.own.rest();
  await until(() => parked.link.told.length > 0 && resting.link.told.length > 0);
  t.same(parked.link.told, ['parked for long']);
  t.same(resting.link.told, ['at rest for long']);
  t.same(taken.link.told, []);
});

t.test('commands without a reply are taken before the connection ends', async (t) => {
  const { own, link, send } = lab(t);
  t.equal(own.isTaking(false), false, 'nothing is under way');
  for (const command of [encodeCommand('CLIENT', 'REPLY', 'OFF'), SET]) send(command);
  t.equal(own.isTaking(true), true);
  await until(() => own.isConnected);
  t.equal(own.isTaking(true), true);
  t.equal(own.isEnding, true);
  await until(() => link.told.length > 0);
  t.same(link.told, ['ended']);
  own.hasEnded = true;
  t.equal(own.isTaking(true), false);
  t.equal(String(await look.call('GET', 'k')), '$1\r\nv\r\n');
});

t.test('a server that ends the connection: its last reply arrives, and the link is told', async (t) => {
  const { link, send } = lab(t);
  send(encodeCommand('QUIT'));
  await until(() => link.told.length > 0);
  t.equal(link.heard, '+OK\r\n');
  t.same(link.told, ['ended']);
});

t.test('no own connection can be made', async (t) => {
  const port = await closedPort();
  const { own, link } = lab(t, [], port);
  await until(() => link.told.length === 2);
  t.match(link.told, [/^failed: .*ECONNREFUSED/, 'broken']);
  t.equal(own.isConnected, false);
});

t.test('once ended it says nothing', async (t) => {
  const { own, link, send } = lab(t, ownGreeting({ ...NOBODY, name: 'gone' }));
  await until(() => own.isGreeted);
  own.park();
  own.rest();
  send(PING);
  own.end();
  await until(async () => !String(await look.call('CLIENT', 'LIST')).includes('name=gone'));
  t.same(link.told, ['greeted']);
  t.equal(link.heard, '');
});

/** A pause in which replies are held; and how often somebody has asked whether there is one. */
function deafness() {
  const following = new Following();
  const state = { asked: 0, isDeaf: true };
  Object.defineProperty(following, 'isDeaf', {
    get() {
      state.asked++;
      return state.isDeaf;
    },
  });
  return { following, state };
}

t.test('late replies in a pause wait for its end; the rest follow', async (t) => {
  const { following, state } = deafness();
  const { own, link, send } = lab(t, [], redis.port, following);
  send(PING);
  await until(() => state.asked > 0, { describe: 'a reply to come' });
  t.equal(link.heard, '');
  state.isDeaf = false;
  own.hearAgain();
  t.equal(link.heard, '+PONG\r\n');
  t.equal(own.heardBytes, 7);
  send(PING);
  await until(() => link.heard === '+PONG\r\n+PONG\r\n', { describe: 'the connection to be read on' });
  own.hearAgain();
  t.equal(own.heardBytes, 14, 'nothing comes twice');
});

t.test('late replies on a connection that is over go to nobody', async (t) => {
  for (const end of ['end', 'cut'] as const) {
    const { following, state } = deafness();
    const { own, link, send } = lab(t, [], redis.port, following);
    send(PING);
    await until(() => state.asked > 0, { describe: 'a reply to come' });
    own[end]();
    state.isDeaf = false;
    own.hearAgain();
    t.equal(link.heard, '', end);
  }
});
