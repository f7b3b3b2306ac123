// A primary behind real Sentinels that fails over under writers, through a proxy of each kind (both POOLS, one process and two
// workers) at once: no acknowledged write is lost, and with command pooling a planned failover is not even seen.
import t, { type Test } from 'tap';
import { type EventOutcome, FailoverLab, failoverOf } from '../support/failover-lab.js';

const name = ({ pool, workers }: { pool: string; workers: number }) => `${pool} pooling, workers ${workers}`;

function nothingLost(t: Test, { played }: EventOutcome): void {
  for (const each of played) {
    const { lost, acknowledged, longestGapMs, errors, reconnects } = each;
    t.comment(
      `${name(each)}: ${acknowledged} acknowledged, gap ${longestGapMs} ms, ${errors.length} errors, ${reconnects} reconnects`,
    );
    t.same(
      lost.slice(0, 3),
      [],
      `${name(each)}: ${lost.length} of ${acknowledged} acknowledged writes are lost`,
    );
  }
}

t.test('events', async (t) => {
  const lab = await FailoverLab.start(t);

  await t.test('SENTINEL FAILOVER', async (t) => {
    const outcome = await lab.planned();
    nothingLost(t, outcome);
    for (const { pool, errors, reconnects } of outcome.played)
      if (pool === 'command')
        t.same({ errors, reconnects }, { errors: [], reconnects: 0 }, 'clients saw nothing');
  });

  await t.test('the primary freezes and wakes', async (t) => {
    nothingLost(t, await lab.frozen(0));
  });

  await t.test('the primary is killed', async (t) => {
    nothingLost(t, await lab.killed());
  });

  for (const { variant, proxy } of lab.proxies) {
    const { failover } = (await proxy.admin('/api/connections')) as { failover: unknown };
    t.match(failover, { state: 'here', reason: null, blind: null, switched: 3, timedOut: 0 }, name(variant));
    const events = (await proxy.admin('/api/events')) as { text: string }[];
    const said = events.filter(({ text }) =>
      /^primary is now .*, was .*, paused \d+\.\d\d s, \d+ clients? waited$/.test(text),
    );
    t.equal(said.length, 3, 'each switch is an event');
    t.match(await proxy.admin('/readyz'), { ready: true });
    t.equal((await failoverOf(proxy)).blind, null);
  }
});
