// Who shares with whom, and how long connections are kept that nobody shares, against a real server.
import t, { type Test } from 'tap';
import { type Identity, NOBODY } from '../../../src/core/session/pooling/identity.js';
import type { SharedConnection } from '../../../src/wire/upstream/shared-connection.js';
import { UpstreamPool } from '../../../src/wire/upstream/upstream-pool.js';
import { withRaw } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';
import { until } from '../../support/wait.js';
import { closing, sharedParts, TestClient } from './shared-lab.js';

const redis = await withRedis(t);
const look = await withRaw(t, redis.port);
for (const user of ['alice', 'bob']) await look.call('ACL', 'SETUSER', user, 'on', '>secret', '~*', '+@all');

const ALICE: Identity = { ...NOBODY, credential: { user: 'alice', password: 'secret' } };

function lab(t: Test, size = 2) {
  const { options, room, told } = sharedParts(redis.port);
  const pool = closing(t, new UpstreamPool({ ...options, size, responseTimeoutMs: 1000 }));
  const acquire = (identity: Identity, pausable = false): Promise<SharedConnection> =>
    until(() => pool.acquire(identity, pausable), { describe: 'a shared connection' });
  return { pool, room, told, acquire };
}

t.test('clients share that are the same to the server, but for their names', async (t) => {
  const { pool, acquire } = lab(t);
  const others: Identity[] = [
    NOBODY,
    { ...NOBODY, db: 1 },
    { ...NOBODY, resp: 3 },
    ALICE,
    { ...ALICE, credential: { user: 'bob', password: 'secret' } },
  ];
  const connections: SharedConnection[] = [];
  for (const identity of others) connections.push(await acquire(identity));
  t.equal(new Set(connections).size, others.length);
  const named = { ...ALICE, name: 'me', libName: 'lib', libVersion: '1' };
  t.equal(await acquire(named), connections[3]);
  const again = { ...ALICE, credential: { user: 'alice', password: 'secret' } };
  t.equal(await acquire(again), connections[3], 'the same login by another client');
  t.equal(pool.snapshot().sharedConnections, others.length);
});

t.test('writes, which the server may delay, have a shared connection of their own', async (t) => {
  const { pool, acquire } = lab(t, 1);
  const [reads, writes] = [await acquire(NOBODY, false), await acquire(NOBODY, true)];
  t.not(reads, writes);
  new TestClient().join(reads);
  new TestClient().join(writes);
  t.equal(await acquire(NOBODY, false), reads);
  t.equal(await acquire(NOBODY, true), writes);
  t.match(pool.snapshot(), { sharedConnections: 2, sharedConnectionsTotal: 2, clientsWaiting: 0 });
});

t.test('a login that the server refuses makes no connection', async (t) => {
  const { pool, told } = lab(t);
  const client = new TestClient();
  const wrong = { ...ALICE, credential: { user: 'alice', password: 'wrong' } };
  t.equal(pool.acquire(wrong, false, client), undefined);
  t.equal(pool.snapshot().clientsWaiting, 1);
  await until(() => client.told.length > 0);
  t.match(client.told, [/WRONGPASS/]);
  t.match(told, [/WRONGPASS/]);
  t.match(pool.snapshot(), { sharedConnections: 0, clientsWaiting: 0 });
});

t.test('connections of eight unused identities are kept', async (t) => {
  const { pool, acquire, room } = lab(t);
  const kept: SharedConnection[] = [];
  for (let db = 0; db < 10; db++) {
    const connection = await acquire({ ...NOBODY, db });
    const client = new TestClient().join(connection);
    connection.members.delete(client);
    pool.left(connection);
    kept.push(connection);
  }
  await until(() => room.count === 8);
  t.same(
    kept.map(({ isOpen }) => isOpen),
    kept.map((_, i) => i >= 2),
    'those that left first have given way',
  );
  const used = await acquire({ ...NOBODY, db: 5 });
  t.equal(used, kept[5]);
  used.members.add(new TestClient());
  room.isOpen = false;
  const applicant = new TestClient();
  t.equal(pool.acquire({ ...NOBODY, db: 11 }, false, applicant), undefined);
  await until(() => room.count === 1, { describe: 'the unused ones to make room' });
  t.equal(used.isOpen, true);
  await until(() => applicant.told.length > 0);
  t.same(applicant.told, ['crowded']);
  room.isOpen = true;
  t.ok((await acquire({ ...NOBODY, db: 11 })).isOpen, 'there is room again');
});

t.test('silence on one connection makes the idle ones of all identities be asked', async (t) => {
  const { pool, acquire } = lab(t);
  const [nobody, alice] = [await acquire(NOBODY, true), await acquire(ALICE)];
  nobody.members.add(new TestClient());
  alice.members.add(new TestClient());
  await look.call('CLIENT', 'PAUSE', '60000', 'WRITE');
  t.teardown(() => look.call('CLIENT', 'UNPAUSE'));
  const { answers } = alice;
  nobody.ask(Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n'), () => {});
  await until(() => alice.answers > answers);
  t.equal(nobody.isOverdue, true);
  t.equal(alice.isOpen, true);
  t.equal(pool.snapshot().sharedConnectionsLost, 0);
});

t.test('its end is the end of all', async (t) => {
  const { pool, acquire, room } = lab(t);
  for (const pausable of [false, true]) (await acquire(ALICE, pausable)).members.add(new TestClient());
  pool.close();
  await until(() => room.count === 0);
});
