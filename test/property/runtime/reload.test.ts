// What a reload must not mix up: counters go by the names of rules whatever comes and goes, and of two configs each
// setting that differs is either taken over or named as waiting for a restart.
import fc from 'fast-check';
import t from 'tap';
import { changesBetween, configAfter } from '../../../src/config/changes.js';
import { checkConfig } from '../../../src/config/check.js';
import { compileConfig } from '../../../src/config/compile.js';
import { describeConfig } from '../../../src/config/describe.js';
import type { EffectiveConfig } from '../../../src/config/effective.js';
import { specify } from '../../../src/core/commands/table.js';
import { NO_KEYS } from '../../../src/core/commands/treatment.js';
import { TtlOutcome } from '../../../src/core/policy/observer.js';
import type { Rule } from '../../../src/core/policy/rule.js';
import { History } from '../../../src/observe/history/history.js';
import type { RuleTotals } from '../../../src/observe/history/rule-track.js';
import { TrafficStats } from '../../../src/observe/stats/counters.js';
import { RuleSlots } from '../../../src/observe/stats/rule-slots.js';
import { snapshotStats } from '../../../src/observe/stats/snapshot.js';
import { RULES } from '../../support/session-lab.js';

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const names = fc.uniqueArray(fc.constantFrom(...NAMES));
const rulesOf = (names: readonly string[]): Rule[] =>
  names.map((name, i) => ({ ...RULES[0], name, slot: i + 1 }));

t.test('a row is for one name for ever, and no more names are known than may be', async () => {
  const reloads = fc.array(fc.uniqueArray(fc.stringMatching(/^[a-f]$/)), { maxLength: 12 });
  fc.assert(
    fc.property(reloads, fc.integer({ min: 1, max: 8 }), (reloads, most) => {
      const slots = new RuleSlots(most);
      const owners = new Map<string, number>();
      for (const names of reloads) {
        const wanted = new Set([...owners.keys(), ...names]);
        const assigned = slots.assign(rulesOf(names));
        if ((assigned === undefined) !== wanted.size > most)
          throw new Error(`${wanted.size} of ${most} names`);
        for (const { name, slot } of assigned ?? []) {
          if (slot !== (owners.get(name) ?? owners.size + 1)) throw new Error(`${name} has got row ${slot}`);
          owners.set(name, slot);
        }
        if (assigned?.map(({ name }) => name).join() !== (assigned && names.join())) throw new Error('order');
      }
    }),
  );
});

const KEY = Buffer.from('key');
const SET = specify({ name: 'set', arity: -3, flags: new Set(['write', 'denyoom']), keys: NO_KEYS });
type Step = { readonly reload: string[] } | { readonly write: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: names.map((reload) => ({ reload })) },
  { weight: 4, arbitrary: fc.nat(NAMES.length - 1).map((write) => ({ write })) },
);

t.test('counters go on by name, for what is decided before a reload as well', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(10), (steps, reportEvery) => {
      const slots = new RuleSlots();
      // One that counts, and one that adds up what it reports.
      const [worker, total] = [new TrafficStats([], () => 1), new TrafficStats([], () => 1)];
      const written = new Map<string, number>();
      const known: Rule[] = [];
      let now: readonly string[] = [];
      for (const [i, step] of steps.entries()) {
        if ('reload' in step) {
          now = step.reload;
          const rules = slots.assign(rulesOf(now)) ?? [];
          total.adopt(rules);
          if (reportEvery % 2 === 0) total.add(worker.take());
          worker.adopt(rules);
          for (const rule of rules) if (!known.some(({ name }) => name === rule.name)) known.push(rule);
        } else {
          // Any rule that ever was: its write may have been decided long ago.
          const rule = known[step.write % Math.max(1, known.length)];
          if (rule === undefined) continue;
          worker.onWrite(rule.slot, SET, 10, TtlOutcome.INJECTED, KEY, 0, 3, i * 7919, 0, false);
          written.set(rule.name, (written.get(rule.name) ?? 0) + 1);
        }
        if (i % (reportEvery + 1) === 0) total.add(worker.take());
      }
      total.add(worker.take());
      const shown = snapshotStats(total, 1).rules.map(({ name, writes, commands }) => [
        name,
        writes,
        commands.set ?? 0,
      ]);
      const expected = now.map((name) => [name, written.get(name) ?? 0, written.get(name) ?? 0]);
      if (JSON.stringify(shown) !== JSON.stringify(expected)) throw new Error(`${JSON.stringify(shown)}`);
    }),
  );
});

t.test('a rule that is back is no burst of writes', async (t) => {
  const history = new History(() => 0);
  const rule = (name: string, writes: number): RuleTotals => ({
    ...{ name, writes, bytes: 0, shed: writes, distinctKeys: 0, commands: {} },
    ...{ ttlInjected: 0, ttlClamped: 0, hadTtl: 0, followUpsSet: 0 },
  });
  const look = (second: number, rules: RuleTotals[]) =>
    history.take({
      ...{ at: second * 1000, countedBytes: null, committedBytes: null, flowBytes: null, limitBytes: null },
      ...{ errorBytes: 0, evictsAll: false, rules },
    });
  look(1, [rule('a', 1000), rule('b', 5)]);
  look(2, [rule('b', 6)]);
  look(3, [rule('a', 1002), rule('b', 6)]);
  const { writesPerSecond, shedPerSecond } = history.series('10m', 0, 0);
  t.same(writesPerSecond, [0, 1, 2]);
  t.same(shedPerSecond, [0, 1, 2]);
});

/** By path: two values that differ. */
const SETTINGS: Record<string, readonly [unknown, unknown]> = {
  families: ['auto', ['rq', 'bull']],
  listen: ['127.0.0.1:7001', '127.0.0.1:7002'],
  listenMode: ['0600', '0660'],
  'proxyProtocol.from': [[], ['10.0.0.0/8']],
  sentinelListen: ['127.0.0.1:7004', false],
  'sentinelAnnounce.primary': ['a', 'b'],
  'sentinelAnnounce.address': ['h:1', 'h:2'],
  'sentinelAnnounce.sentinels': [[], ['h:3']],
  'upstream.url': ['redis-sentinel://127.0.0.1:7003/a', 'redis-sentinel://127.0.0.1:7003/b'],
  'upstream.failover': [{}, { pause: '5s', natMap: { 'a:1': 'b:2' } }],
  'upstream.pool': ['session', 'command'],
  'upstream.sharedConnections': [2, 3],
  'upstream.responseTimeout': ['1s', '2s'],
  'upstream.shareCommands': [[], ['JSON.SET']],
  'upstream.expect': ['primary', 'any'],
  'upstream.connectTimeout': ['1s', '2s'],
  workers: [1, 2],
  mode: ['enforce', 'observe'],
  rules: [[], [{ name: 'a', match: 'a:*', ttl: '1h' }]],
  console: [true, false],
  'memory.pollInterval': ['1s', '2s'],
  'memory.staleAfter': ['5s', '6s'],
  'memory.onStale': ['admit', 'hold'],
  'memory.hysteresis': ['2%', '3%'],
  'memory.reserve': ['off', { horizon: '10s', most: '5%' }],
  'memory.evict': [{}, { start: '70%', stop: '60%', keys: '1mb' }],
  'memory.limit': ['64mb', '65mb'],
  'memory.proxies': [1, 'auto'],
  'memory.shedWhen': ['auto', 'never'],
  'memory.shed': [{}, { low: 'never' }],
  'memory.passScripts': [[], ['drop_jobs']],
  'admin.listen': ['127.0.0.1:9380', false],
  'admin.tokenFile': ['/run/a', '/run/b'],
  'limits.maxClients': [1, 2],
  'limits.lookahead': ['1mb', '2mb'],
  'limits.pendingReplies': [1, 2],
  'limits.idleTimeout': ['0s', '1s'],
  'limits.tcpKeepAlive': ['60s', '0s'],
  'limits.drainTimeout': ['1s', '2s'],
  'alerts.timeToFull': ['30m', '0s'],
  'alerts.hold': ['1m', '2m'],
  'alerts.timeout': ['5s', '6s'],
  'alerts.webhookFile': ['/run/a', '/run/b'],
  'alerts.authorizationFile': ['/run/a', '/run/b'],
  'sweep.every': ['0s', '1h'],
  'sweep.maxRate': [1000, 2000],
  'sweep.until': ['80%', 'never'],
  'log.level': ['info', 'warn'],
  'log.format': ['auto', 'json'],
  'reload.onChange': [true, false],
};
const PATHS = Object.keys(SETTINGS);
const RESTART = new Set([
  ...'listen listenMode proxyProtocol.from upstream.url upstream.failover sentinelListen'.split(' '),
  ...'sentinelAnnounce.primary sentinelAnnounce.address sentinelAnnounce.sentinels'.split(' '),
  ...'upstream.pool upstream.responseTimeout upstream.sharedConnections'.split(' '),
  ...'upstream.connectTimeout workers admin.listen admin.tokenFile'.split(' '),
  ...'limits.drainTimeout limits.tcpKeepAlive log.format'.split(' '),
]);

function configOf(seconds: ReadonlySet<string>): EffectiveConfig {
  const config: Record<string, unknown> = {};
  for (const path of PATHS) {
    const [group, setting] = path.split('.');
    const value = SETTINGS[path]?.[seconds.has(path) ? 1 : 0];
    if (setting === undefined) config[group] = value;
    else config[group] = { ...(config[group] as object | undefined), [setting]: value };
  }
  return compileConfig(checkConfig(config));
}

t.test('each changed setting is applied, or named as waiting for a restart', async (t) => {
  const subset = fc.subarray(PATHS).map((paths) => new Set(paths));
  fc.assert(
    fc.property(subset, subset, (before, after) => {
      const [running, loaded] = [configOf(before), configOf(after)];
      const differing = PATHS.filter((path) => before.has(path) !== after.has(path));
      const { applied, needsRestart } = changesBetween(running, loaded);
      const next = configAfter(running, loaded);
      // What then is in effect is what was running, but for what was taken over.
      const expected = new Set(PATHS.filter((path) => (RESTART.has(path) ? before : after).has(path)));
      const same = (a: unknown, b: unknown, what: string) => {
        if (JSON.stringify(a) !== JSON.stringify(b)) throw new Error(`${what}: ${JSON.stringify([a, b])}`);
      };
      same([...needsRestart].sort(), differing.filter((path) => RESTART.has(path)).sort(), 'needsRestart');
      same([...applied].sort(), differing.filter((path) => !RESTART.has(path)).sort(), 'applied');
      same(describeConfig(next), describeConfig(configOf(expected)), 'in effect');
      same(changesBetween(next, loaded), { applied: [], needsRestart }, 'again');
    }),
  );
  const described = Object.entries(describeConfig(configOf(new Set()))).flatMap(([name, value]) =>
    typeof value === 'object' && !Array.isArray(value)
      ? Object.keys(value).map((inner) => `${name}.${inner}`)
      : [name],
  );
  t.same(
    described.filter((path) => !PATHS.includes(path)),
    [],
    'and this test knows all settings',
  );
});

t.test('secrets count, and are not shown', async (t) => {
  const config = checkConfig({ upstream: { url: 'redis://u:old-secret@h:1' } });
  const behind = checkConfig({ upstream: { url: 'redis-sentinel://s1,s2,s3/mymaster' } });
  t.same(changesBetween(compileConfig(behind), compileConfig(behind, { sentinelPassword: 'new-secret' })), {
    applied: [],
    needsRestart: ['upstream.url'],
  });
  t.same(
    changesBetween(compileConfig(config), compileConfig(config, { sentinelListenPassword: 'new-secret' })),
    {
      applied: [],
      needsRestart: ['sentinelListen'],
    },
  );
  const [running, password, token, webhook, authorization] = [
    compileConfig(config),
    compileConfig(config, { upstreamPassword: 'new-secret' }),
    compileConfig(config, { adminToken: 'new-secret' }),
    compileConfig(config, { alertsWebhook: 'https://h/new-secret' }),
    compileConfig(config, { alertsAuthorization: 'new-secret' }),
  ];
  t.same(changesBetween(running, running), { applied: [], needsRestart: [] });
  t.same(changesBetween(running, password), { applied: [], needsRestart: ['upstream.url'] });
  t.same(changesBetween(running, token), { applied: [], needsRestart: ['admin.token'] });
  t.same(changesBetween(running, webhook), { applied: ['alerts.webhook'], needsRestart: [] });
  t.same(changesBetween(running, authorization), { applied: ['alerts.authorization'], needsRestart: [] });
  t.equal(configAfter(running, token).admin.token, undefined, 'nor does one come into effect');
  t.equal(configAfter(running, webhook).alerts.webhook, 'https://h/new-secret');
});
