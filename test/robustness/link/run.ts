// The whole way for one run: clients, link, proxy, link, Redis; every scenario in turn, under load.
// The same for CI and for the full run, which differ in the number of commands.
import type { Test } from 'tap';
import { type FaultyLink, withFaultyLink } from '../../support/faulty-link.js';
import { POOL, type TestProxy, withProxy } from '../../support/proxy.js';
import { type RawClient, withRaw } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';
import { lookAt } from '../../support/twins.js';
import { until } from '../../support/wait.js';
import { type LoadResult, runLoad } from './load.js';
import type { Scenario } from './scenarios.js';
import { SHED_PREFIX } from './workload.js';

/** Every key gets a TTL, by rewriting or by a follow-up; what begins with SHED_PREFIX is refused. */
const CONFIG = {
  rules: [
    { name: 'low', match: `${SHED_PREFIX}*`, ttl: '1h', priority: 'low' },
    { name: 'every', match: '*', ttl: '1h', maxTtl: '2h', applyTo: 'all', priority: 'critical' },
  ],
  // Links, clients and proxy share one process: on a busy machine connecting takes longer than the default allows.
  upstream: { connectTimeout: '60s' },
  // A monitor that is cut off, too, keeps to what it knew.
  memory: { shed: { low: ['0%', '0%'] }, onStale: 'hold', staleAfter: '30m' },
};

export interface ScenarioOutcome extends LoadResult {
  readonly scenario: Scenario;
  /** Connections that the links have cut meanwhile. */
  readonly cuts: number;
}

export interface RunOptions {
  readonly scenarios: readonly Scenario[];
  /** Each scenario goes on until so many requests were answered. */
  readonly commandsEach: number;
  readonly seed: number;
}

/** Plays the scenarios in turn; asserts that nothing came wrong. */
export async function runScenarios(
  t: Test,
  { scenarios, commandsEach, seed }: RunOptions,
): Promise<readonly ScenarioOutcome[]> {
  const redis = await withRedis(t, ['--maxmemory', '1gb', '--maxmemory-policy', 'noeviction']);
  const upstreamLink = await withFaultyLink(t, redis.port, seed);
  const proxy = await withProxy(t, { redis: upstreamLink, config: CONFIG });
  const clientLink = await withFaultyLink(t, proxy.port, seed + 1);
  const direct = await lookAt(t, redis);
  await untilItSheds(t, proxy);
  const outcomes: ScenarioOutcome[] = [];
  for (const scenario of scenarios) {
    await t.test(`${scenario.name}, ${scenario.side}`, async (t) => {
      const cutsBefore = clientLink.cuts + upstreamLink.cuts;
      poison(scenario, clientLink, upstreamLink);
      const result = await runLoad({
        port: clientLink.port,
        server: redis.port,
        ...scenario.load,
        enough: ({ tally }) => tally.answered >= commandsEach || tally.faults > 0,
        seed: seed + outcomes.length,
        shed: true,
        cuts: scenario.cuts,
        ttls: true,
      });
      const cuts = clientLink.cuts + upstreamLink.cuts - cutsBefore;
      t.equal(result.tally.faults, 0, result.tally.samples.join('\n') || 'nothing wrong');
      t.ok(result.tally.answered >= commandsEach, `${result.tally.answered} commands`);
      const { cutSessions, lostSessions, resumedSessions } = result;
      if (scenario.cuts) t.ok(cutSessions + lostSessions > 0, 'connections were cut');
      // A cut that meets the greeting of a shared connection turns away all who wait for it.
      const most = POOL === 'command' ? cuts * scenario.load.clients : cuts;
      t.ok(cutSessions <= most, `${cutSessions} sessions cut, by ${cuts} cuts of a link`);
      t.comment(`${lostSessions} sessions lost a shared connection, ${resumedSessions} went on`);
      for (const link of [clientLink, upstreamLink]) link.poison({});
      await until(async () => (await clients(proxy)) === 0, {
        timeoutMs: 20_000,
        describe: 'the proxy to let go of its clients',
      });
      await direct.call('FLUSHALL');
      outcomes.push({ scenario, cuts, ...result });
    });
  }
  if (POOL === 'command' && outcomes.some(({ scenario: { cuts, side } }) => cuts && side === 'upstream')) {
    const resumed = outcomes.reduce((sum, { resumedSessions }) => sum + resumedSessions, 0);
    t.ok(resumed > 0, `${resumed} sessions went on behind a lost connection`);
  }
  return outcomes;
}

function poison({ side, toxics }: Scenario, client: FaultyLink, upstream: FaultyLink): void {
  if (side !== 'upstream') client.poison(toxics);
  if (side !== 'client') upstream.poison(toxics);
}

async function untilItSheds(t: Test, proxy: TestProxy): Promise<void> {
  const client: RawClient = await withRaw(t, proxy.port);
  await until(async () => String(await client.call('SET', `${SHED_PREFIX}x`, 1)).startsWith('-OOM'));
  client.destroy();
}

async function clients(proxy: TestProxy): Promise<number> {
  return (await proxy.admin('/api/connections')).clients;
}
