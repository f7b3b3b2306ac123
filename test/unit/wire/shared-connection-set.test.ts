import t, { type Test } from 'tap';
import { encodeCommand } from '../../../src/core/resp/encode.js';
import { NOBODY } from '../../../src/core/session/pooling/identity.js';
import type { SharedConnection } from '../../../src/wire/upstream/shared-connection.js';
import { SharedConnectionSet } from '../../../src/wire/upstream/shared-connection-set.js';
import { withFaultyLink } from '../../support/faulty-link.js';
import { closedPort } from '../../support/listen.js';
import { withRaw } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';
import { until } from '../../support/wait.js';
import { answerTo, closing, sharedParts, TestClient } from './shared-lab.js';

const PING = encodeCommand('PING');
const SET = encodeCommand('SET', 'k', 'v');
const TICKS = 4;

const redis = await withRedis(t);
const look = await withRaw(t, redis.port);

interface LabOptions {
  readonly port?: number;
  readonly size?: number;
  readonly pausable?: boolean;
  readonly other?: () => SharedConnection | undefined;
}

function lab(
  t: Test,
  { port = redis.port, size = 1, pausable = false, other = () => undefined }: LabOptions,
) {
  const { options, room, told } = sharedParts(port);
  const totals = { made: 0, lost: 0, silent: 0 };
  const set = closing(
    t,
    new SharedConnectionSet(NOBODY, { ...options, size, pausable, ticks: TICKS }, totals, other),
  );
  /** One that takes commands, once there is one. */
  const acquire = async (): Promise<SharedConnection> =>
    until(() => {
      set.tick();
      return set.acquire();
    });
  return { set, room, told, totals, acquire };
}

t.test('the first client waits for the connection, and learns the result', async (t) => {
  const { set, totals } = lab(t, {});
  const [first, second, gone] = [new TestClient(), new TestClient(), new TestClient()];
  for (const client of [first, second, gone]) t.equal(set.acquire(client), undefined);
  set.withdraw(gone);
  t.equal(set.waiting, 2);
  t.equal(set.inUse, true);
  await until(() => second.told.length > 0);
  t.same([first.told, second.told, gone.told], [['granted'], ['granted'], []]);
  t.match([set.waiting, set.ready, totals.made], [0, 1, 1]);
  t.equal(set.inUse, false);
  t.equal(set.acquire(first), set.least);
});

t.test(
  'more are made while each is shared, up to the size of the set; the least shared one is taken',
  async (t) => {
    const { set, room, acquire } = lab(t, { size: 3 });
    for (let i = 0; i < 30; i++) {
      new TestClient().join(await acquire());
      await until(() => set.ready === Math.min(3, room.count));
    }
    t.equal(set.ready, 3);
    const counts = new Map<SharedConnection, number>();
    for (let i = 0; i < 3; i++) {
      const least = await acquire();
      counts.set(least, least.members.size);
      for (let n = 0; n < 30; n++) new TestClient().join(least);
    }
    t.equal(counts.size, 3);
    const members = [...counts.values()];
    t.ok(Math.max(...members) - Math.min(...members) <= 1, members.join(', '));
  },
);

t.test('a shared connection that is lost', async (t) => {
  const { set, room, told, totals, acquire } = lab(t, {});
  const connection = await acquire();
  const [member, applicant] = [new TestClient().join(connection), new TestClient()];
  await look.call('CLIENT', 'PAUSE', '60000', 'WRITE');
  t.teardown(() => look.call('CLIENT', 'UNPAUSE'));
  const owed = answerTo(connection, SET);
  await look.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  t.equal(await owed, undefined);
  t.same(member.told, ['lost']);
  t.same(told, ['lost']);
  t.match(totals, { made: 1, lost: 1, silent: 0 });
  await until(() => room.count === 0, { describe: 'no other one, for which nobody waits' });
  t.equal(set.acquire(applicant), undefined);
  await until(() => applicant.told.length > 0);
  const next = await acquire();
  t.not(next, connection);
  t.equal(next.allowance, 64 * 1024, 'it owed replies: they may have been too many');
});

t.test('no shared connection can be made', async (t) => {
  const port = await closedPort();
  let other: SharedConnection | undefined;
  const { set, told } = lab(t, { port, other: () => other });
  const applicant = new TestClient();
  t.equal(set.acquire(applicant), undefined);
  await until(() => applicant.told.length > 0);
  t.match(applicant.told, [/^refused: /]);
  t.match(told, [/^failed: /]);
  t.equal(set.waiting, 0);
  const spare = lab(t, {});
  other = await spare.acquire();
  await until(() => set.acquire(applicant) === other, {
    describe: 'one for the other kind of commands to serve until the next attempt',
  });
});

t.test('without room none is made', async (t) => {
  let other: SharedConnection | undefined;
  const { set, room, acquire } = lab(t, { size: 2, other: () => other });
  room.isOpen = false;
  const [applicant, second] = [new TestClient(), new TestClient()];
  t.equal(set.acquire(applicant), undefined);
  await until(() => applicant.told.length > 0);
  t.same(applicant.told, ['crowded']);
  t.equal(set.waiting, 0);
  other = await lab(t, {}).acquire();
  t.equal(set.acquire(applicant), other);
  other = undefined;
  room.isOpen = true;
  const connection = await acquire();
  room.isOpen = false;
  connection.members.add(second);
  for (let i = 0; i < 3; i++) t.equal(set.acquire(applicant), connection, 'the one that there is');
  t.equal(room.count, 1);
  set.close();
  await until(() => room.count === 0);
});

t.test('a silent connection is closed if the server answers elsewhere', async (t) => {
  const link = await withFaultyLink(t, redis.port, 1);
  const { set, told, totals, acquire } = lab(t, { port: link.port });
  const connection = await acquire();
  const member = new TestClient().join(connection);
  t.equal(await answerTo(connection, PING), '+');
  link.silence();
  const owed = answerTo(connection, PING);
  let ticks = 0;
  for (; !connection.isOverdue; ticks++) set.tick();
  t.ok(ticks > TICKS, `${ticks} ticks`);
  t.same(told, ['doubt']);
  const fresh = await acquire();
  t.not(fresh, connection, 'another one takes commands');
  await until(() => {
    // However late the server answers there, that is no silence.
    if (fresh.lane.idle) set.tick();
    return totals.silent === 1;
  });
  t.equal(await owed, undefined);
  t.same(member.told, ['lost']);
  t.same(told, ['doubt', 'silent', 'lost']);
  t.match(totals, { made: 2, lost: 1, silent: 1 });
});

t.test(
  'one on which the server puts writes off is kept; what was made meanwhile ends, and its clients stay',
  async (t) => {
    const { set, totals, acquire } = lab(t, { pausable: true });
    const connection = await acquire();
    await look.call('CLIENT', 'PAUSE', '60000', 'WRITE');
    t.teardown(() => look.call('CLIENT', 'UNPAUSE'));
    const owed = answerTo(connection, SET);
    while (!connection.isOverdue) set.tick();
    const member = new TestClient().join(await acquire());
    t.not(member.connection, connection);
    for (let i = 0; i < 5 * TICKS; i++) set.tick();
    await look.call('CLIENT', 'UNPAUSE');
    t.equal(await owed, '+');
    await until(() => {
      set.tick();
      return set.ready === 1;
    });
    t.same(member.told, ['replaced']);
    t.equal(member.connection, set.least);
    t.equal(member.connection?.members.has(member), true);
    t.match(totals, { lost: 0, silent: 0 });
  },
);
