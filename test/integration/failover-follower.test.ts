// The follower of a primary with real Sentinels and no proxy: writers obey it, and lose nothing that was acknowledged.

import pino from 'pino';
import t from 'tap';
import { Follower } from '../../src/failover/follower.js';
import type { Resumption } from '../../src/failover/whereabouts.js';
import { withRaw } from '../support/raw-client.js';
import { type TestScope, withRedis } from '../support/redis.js';
import { SENTINEL_PRIMARY, withSentinel } from '../support/sentinel.js';
import { SentinelRig, Writers } from '../support/sentinel-rig.js';
import { until } from '../support/wait.js';

const PATIENCE = { timeoutMs: 60_000 };

interface Followed {
  readonly follower: Follower;
  readonly writers: Writers;
  readonly resumptions: Resumption[];
  readonly said: string[];
}

/** Writers that go where a follower says. */
async function follow(
  t: TestScope,
  rig: SentinelRig,
  ports = rig.sentinels.map(({ port }) => port),
): Promise<Followed> {
  const resumptions: Resumption[] = [];
  const said: string[] = [];
  const follower = new Follower({
    sentinels: ports.map((port) => ({ host: '127.0.0.1', port })),
    primary: SENTINEL_PRIMARY,
    ...{ user: undefined, password: undefined, natMap: {}, tls: undefined, connectTimeoutMs: 1000 },
    server: { username: undefined, password: undefined },
    ...{ pauseMs: 60_000, resume: 'agreed', onMinority: 'admit' },
    clock: () => performance.now(),
    log: pino({ level: 'silent' }),
  });
  t.teardown(() => follower.close());
  const writers = new Writers(8, () => (follower.state === 'here' ? follower.address?.port : undefined));
  t.teardown(() => writers.stop());
  await follower.start({
    paused: (reason) => said.push(`paused: ${reason}`),
    resumed: (resumption) => {
      said.push(`${resumption.moved ? 'moved to' : 'back at'} ${resumption.address.port}`);
      resumptions.push(resumption);
      if (resumption.moved) writers.cut();
    },
    gone: (reason) => said.push(`gone: ${reason}`),
    blind: (reason) => said.push(`blind: ${reason}`),
  });
  // What the data path would see.
  const watch = setInterval(() => {
    for (const { text } of writers.errors.splice(0))
      follower.suspect(text.startsWith('-READONLY') ? 'readonly' : 'lost');
  }, 5);
  t.teardown(() => clearInterval(watch));
  await writers.more();
  return { follower, writers, resumptions, said };
}

t.test(
  'after a planned switch, a frozen, a killed primary and a crashed leader no acknowledged write is lost',
  async (t) => {
    const rig = await SentinelRig.start(t);
    const { follower, writers, resumptions, said } = await follow(t, rig);

    await t.test('SENTINEL FAILOVER', async (t) => {
      const before = follower.address?.port as number;
      const after = await rig.failover();
      await until(() => follower.address?.port === after && follower.state === 'here', PATIENCE);
      await writers.more();
      t.comment(said.splice(0).join('\n'), `gap ${Math.round(writers.longestGap)} ms`);
      t.not(after, before);
      t.equal(resumptions.filter(({ moved }) => moved).length, 2, 'the first look, and one switch');
      t.ok((resumptions.at(-1)?.reading.usedBytes ?? 0) > 0, 'its memory is known');
      await rig.settled();
    });

    await t.test('the primary freezes and wakes', async (t) => {
      const before = follower.address?.port as number;
      writers.died();
      await rig.server(before).kill('SIGSTOP');
      const after = await rig.moved(before);
      await until(() => follower.address?.port === after && follower.state === 'here', PATIENCE);
      await rig.server(before).kill('SIGCONT');
      await writers.more();
      t.comment(said.splice(0).join('\n'), `gap ${Math.round(writers.longestGap)} ms`);
      await rig.settled();
    });

    await t.test('the primary is killed', async (t) => {
      const before = follower.address?.port as number;
      writers.died();
      await rig.server(before).kill('SIGKILL');
      const after = await rig.moved(before);
      await until(() => follower.address?.port === after && follower.state === 'here', PATIENCE);
      await writers.more();
      t.comment(said.splice(0).join('\n'), `gap ${Math.round(writers.longestGap)} ms`);
      await rig.server(before).restart();
      await rig.settled();
      await rig.server(before).restart();
      await rig.settled();
    });

    await t.test('the leading Sentinel crashes right after the promotion', async (t) => {
      const before = follower.address?.port as number;
      const moves = resumptions.length;
      await rig.sentinels[0]?.ask('simulate-failure', 'crash-after-promotion');
      await rig.sentinels[0]?.ask('failover', SENTINEL_PRIMARY);
      await until(() => resumptions.length > moves, PATIENCE);
      await writers.more();
      t.comment(said.splice(0).join('\n'), `gap ${Math.round(writers.longestGap)} ms`);
      t.match(resumptions.at(-1), { moved: false, address: { port: before } }, 'the others never knew of it');
    });

    await writers.stop();
    const lost = await writers.lostOn(follower.address?.port as number);
    t.comment(`${writers.acknowledged.length} acknowledged`);
    t.same(
      lost.slice(0, 5),
      [],
      `${lost.length} of ${writers.acknowledged.length} acknowledged writes are lost`,
    );
  },
);

t.test(
  'a lying Sentinel is not believed; with two of three dead, the third is enough to switch',
  async (t) => {
    const rig = await SentinelRig.start(t);
    const elsewhere = await withRedis(t);
    const liar = await withSentinel(t, elsewhere.port);
    const [first, second] = rig.sentinels.map(({ port }) => port) as [number, number, number];
    const { follower, writers, said } = await follow(t, rig, [first, second, liar.port]);

    const after = await rig.failover();
    await until(() => follower.address?.port === after && follower.state === 'here', PATIENCE);
    await writers.more();
    t.match(
      follower.snapshot().sentinels.map(({ state }) => state),
      ['agrees', 'agrees', 'differs'],
    );
    t.notOk(said.includes(`moved to ${elsewhere.port}`), 'never there');

    await rig.settled();
    for (const sentinel of rig.sentinels.slice(1)) sentinel.signal('SIGSTOP');
    const lie = await withRaw(t, liar.port);
    await lie.call('SENTINEL', 'REMOVE', SENTINEL_PRIMARY);
    await until(() => follower.snapshot().blind !== null, PATIENCE);
    t.equal(follower.state, 'here', 'it goes on');
    await rig.sentinels[0]?.ask('failover', SENTINEL_PRIMARY);
    const next = await rig.moved(after, [0]);
    await until(() => follower.address?.port === next && follower.state === 'here', PATIENCE);
    await writers.more();
    for (const sentinel of rig.sentinels.slice(1)) sentinel.signal('SIGCONT');
    await until(() => follower.snapshot().blind === null, PATIENCE);

    await writers.stop();
    const lost = await writers.lostOn(next);
    t.comment(said.join('\n'));
    t.same(
      lost.slice(0, 5),
      [],
      `${lost.length} of ${writers.acknowledged.length} acknowledged writes are lost`,
    );
  },
);
