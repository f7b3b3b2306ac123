// Where the server is: by host and port, or by a unix socket until it moves.
import t from 'tap';
import { ServerAddress } from '../../../src/wire/upstream/server-address.js';

const HERE = { host: '10.0.0.1', port: 6379 };
const THERE = { host: '10.0.0.2', port: 6380 };

t.test('an address is the host and the port, and no socket', async (t) => {
  const address = new ServerAddress({ ...HERE, connectTimeoutMs: 1 }, 0, undefined);
  t.equal(address.is(HERE), true);
  t.equal(address.is({ ...HERE, port: THERE.port }), false);
  t.equal(address.is({ ...HERE, host: THERE.host }), false);
  t.equal(address.following, undefined, 'it does not move');
});

t.test('a server behind a unix socket is at no host until it moves', async (t) => {
  const settings = { ...HERE, path: '/run/redis.sock', connectTimeoutMs: 1, followedName: 'redis.internal' };
  const address = new ServerAddress(settings, 0, undefined);
  t.not(address.following, undefined);
  t.equal(address.is(HERE), false);
  address.moved(THERE);
  t.match(address, { ...THERE, path: undefined });
  t.equal(address.is(THERE), true);
  t.equal(address.is(HERE), false);
});
