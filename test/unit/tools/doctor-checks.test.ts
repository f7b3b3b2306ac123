// The checks whose faults are hard to plant: on what a server would say. And each check has its line in docs/TOOLS.md.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { compileConfig } from '../../../src/config/compile.js';
import { configSchema } from '../../../src/config/schema.js';
import { ruleSetOf } from '../../../src/runtime/rules.js';
import { CHECKS, judge } from '../../../src/tools/doctor/doctor.js';
import type { Facts, LatencySpike, Setting } from '../../../src/tools/doctor/facts.js';
import { facts, found, type Info, MB, mendOf } from '../../support/doctor-facts.js';

t.test('a healthy server', (t) => {
  t.same(found({}), []);
  t.end();
});

t.test('a server that is not what the config expects', (t) => {
  const replica = { redis_mode: 'standalone', role: 'slave', master_host: '10.0.0.1', master_port: 6379 };
  t.same(found(replica), [], 'without a config nothing is expected');
  t.same(found(replica, { expect: 'primary' }), ['warning upstream-kind']);
  t.same(found(replica, { expect: 'any' }), []);
  t.match(mendOf('upstream-kind', replica, { expect: 'primary' }), /upstream\.expect/);
  t.same(found({ redis_mode: 'cluster', role: 'master' }, { expect: 'primary' }), ['warning upstream-kind']);
  t.end();
});

t.test('rules for databases and users that are not there', (t) => {
  const rule = (more: object) => ({ name: 'r', match: 'a:*', ttl: '1m', ...more });
  const by = (rules: object[], more: Partial<Facts> = {}, info: Info = {}) =>
    found(info, {
      rules: ruleSetOf(compileConfig(configSchema.parse({ rules }))),
      config: new Map<Setting, string>([
        ['databases', '16'],
        ['activedefrag', 'no'],
      ]),
      users: new Set(['default', 'app', Buffer.from('caf\u00e9').toString('latin1')]),
      ...more,
    }).filter((each) => each.endsWith('rule-places'));
  t.same(
    by([rule({ db: [0, 15] }), rule({ name: 's', user: ['app', 'caf\u00e9'] }), rule({ name: 'u' })]),
    [],
  );
  t.same(by([rule({ db: [0, 16] })]), ['warning rule-places']);
  t.same(by([rule({ user: 'ap' })]), ['warning rule-places']);
  t.same(by([rule({ user: 'ap' })], { users: undefined }), [], 'ACL USERS is not allowed');
  t.same(by([rule({ db: 16 })], { config: undefined }), [], 'CONFIG is not allowed');
  t.same(by([rule({ db: 16 })], {}, { redis_mode: 'cluster' }), [], 'told by another setting there');
  t.end();
});

t.test('fragmentation, and what only looks like it', (t) => {
  const fragmented = {
    mem_fragmentation_ratio: 1.8,
    mem_fragmentation_bytes: 400 * MB,
    allocator_frag_ratio: 1.7,
  };
  t.same(found(fragmented), ['warning fragmentation']);
  t.same(found(fragmented, { config: new Map([['activedefrag', 'yes']]) }), [], 'it is being mended');
  t.same(found({ ...fragmented, active_defrag_running: 12 }, { config: undefined }), []);
  t.same(found({ ...fragmented, used_memory: 3 * MB, mem_fragmentation_ratio: 6 }), [], 'a small heap');
  t.same(found({ ...fragmented, mem_fragmentation_bytes: 40 * MB }), [], 'not much');
  const afterPeak = { ...fragmented, allocator_frag_ratio: 1.02, used_memory_peak: 900 * MB };
  t.same(found(afterPeak), ['notice fragmentation']);
  const title = (more?: Partial<Facts>) => judge(facts(fragmented, more)).findings[0]?.title;
  t.equal(title(), 'Memory is fragmented, and active defragmentation is off');
  t.equal(title({ config: undefined }), 'Memory is fragmented', 'whether it is off is not known');
  t.match(
    mendOf('fragmentation', fragmented),
    /activedefrag yes[\s\S]*refuses it if.*restart Redis, or fail over/,
  );
  t.notMatch(mendOf('fragmentation', { ...fragmented, mem_allocator: 'libc' }), /CONFIG SET/);
  const outside = {
    ...fragmented,
    allocator_frag_ratio: 1.02,
    rss_overhead_ratio: 1.75,
    allocator_rss_ratio: 1.01,
  };
  t.match(judge(facts(outside)).findings, [
    {
      title: /more memory than its data/,
      evidence: /frag_ratio 1\.02, allocator_rss_ratio 1\.01, rss_overhead_ratio 1\.75/,
    },
  ]);
  t.notMatch(mendOf('fragmentation', outside), /activedefrag|PURGE/);
  t.same(
    found(outside, { config: new Map([['activedefrag', 'yes']]) }),
    ['warning fragmentation'],
    'which does not help there',
  );
  t.match(mendOf('fragmentation', { ...outside, allocator_rss_ratio: 1.6 }), /PURGE/);
  t.end();
});

t.test('swap, the room of a container, the backlog', (t) => {
  t.same(found({}, { process: { swapBytes: 50 * MB, limitBytes: undefined } }), ['warning swap']);
  t.same(found({}, { process: { swapBytes: 0, limitBytes: 1100 * MB } }), ['warning maxmemory-too-large']);
  t.same(found({}, { process: { swapBytes: 0, limitBytes: 900 * MB } }), ['critical maxmemory-too-large']);
  t.same(found({}, { process: { swapBytes: 0, limitBytes: 1500 * MB } }), []);
  t.end();
});

t.test('ended keys count where Redis does not keep up with them', (t) => {
  const behind = { expired_stale_perc: '25.00', expired_time_cap_reached_count: 9 };
  t.same(found(behind), ['warning expired-backlog']);
  t.same(found({ ...behind, expired_time_cap_reached_count: 0 }), [], 'short-lived keys, no more');
  t.same(found({ ...behind, used_memory: 50 * MB }), [], 'not much');
  t.same(found({ ...behind, db0: 'keys=1000,expires=100' }), [], 'of few keys');
  const mend = (effort: string) =>
    mendOf('expired-backlog', behind, {
      config: new Map<Setting, string>([['active-expire-effort', effort]]),
    });
  t.match(mend('1'), /CONFIG SET active-expire-effort 5/);
  t.match(mend('8'), /CONFIG SET active-expire-effort 10/);
  t.notMatch(mend('10'), /CONFIG/);
  t.match(mendOf('expired-backlog', behind, { config: undefined }), /CONFIG GET active-expire-effort/);
  t.end();
});

t.test('refused writes are critical where they are refused now, and old ones fade', (t) => {
  const once = { errorstat_OOM: 'count=1', uptime_in_seconds: 400 * 86_400 };
  const full = { used_memory: 999 * MB };
  const db0 = 'keys=10,expires=0';
  t.same(found({ ...once, ...full }), ['notice oom-errors'], 'a cache is full');
  t.same(found({ ...once, ...full, errorstat_OOM: 'count=9000' }), ['warning oom-errors']);
  t.same(found({ ...once, ...full, db0, maxmemory_policy: 'noeviction' }), [
    'critical memory-full',
    'critical oom-errors',
  ]);
  t.same(found({ ...once, ...full, db0, maxmemory_policy: 'noeviction', role: 'slave' }), [
    'notice oom-errors',
  ]);
  t.same(found({ errorstat_OOM: 'count=1', uptime_in_seconds: 600 }), ['warning oom-errors']);
  t.end();
});

t.test('the last hour of latency events', (t) => {
  const spike = (ms: number, ago: number): LatencySpike => ({ event: 'fork', ms, at: 1_000_000 - ago });
  t.same(found({}, { latency: [spike(500, 10)] }), ['notice latency-events']);
  t.same(found({}, { latency: [spike(5000, 4000), spike(60, 10)] }), [], 'it was long before');
  const [finding] = judge(
    facts({}, { latency: [spike(9000, 4000), spike(200, 20), spike(300, 9)] }),
  ).findings;
  t.match(finding?.evidence, /fork 300 ms$/);
  t.end();
});

t.test('clients turned away', (t) => {
  const mend = (maxclients: number | undefined) =>
    mendOf('rejected-connections', { rejected_connections: 1, maxclients });
  t.match(mend(10_000), /CONFIG SET maxclients 20000/);
  t.match(mend(40_000), /CONFIG SET maxclients 65000/);
  t.notMatch(mend(65_000), /maxclients/, 'never a lower one');
  t.notMatch(mend(undefined), /maxclients/);
  const [finding] = judge(facts({ rejected_connections: 1, connected_clients: 3 })).findings;
  t.match(finding?.evidence, /since the start 24 hours ago.*; 3 clients now$/);
  t.end();
});

t.test('saving that fails', (t) => {
  const rdb = { rdb_last_bgsave_status: 'err' };
  const config = (...settings: [Setting, string][]) => ({ config: new Map(settings) });
  t.same(found(rdb), ['critical saving-fails']);
  t.same(found(rdb, config(['save', ''])), ['warning saving-fails']);
  t.same(found(rdb, config(['stop-writes-on-bgsave-error', 'no'])), ['warning saving-fails']);
  t.same(found({ aof_last_write_status: 'err' }, config(['save', ''])), ['critical saving-fails']);
  t.match(mendOf('saving-fails', rdb), /BGSAVE/);
  const rewrite = { aof_last_bgrewrite_status: 'err' };
  t.same(found(rewrite), ['warning saving-fails']);
  t.notMatch(judge(facts(rewrite)).findings[0]?.reason, /MISCONF/);
  t.match(mendOf('saving-fails', rewrite), /BGREWRITEAOF/);
  t.same(found({ ...rewrite, ...rdb }), ['critical saving-fails']);
  t.end();
});

t.test('a replica would refuse to delete a big key', (t) => {
  const biggest = { string: [{ key: 'report', bytes: 20 * MB }] };
  const keys = { groups: [], biggest } as unknown as NonNullable<Facts['keys']>;
  t.match(
    mendOf('big-keys', { role: 'master' }, { keys }),
    /^redis-cli -h 127.0.0.1 -p 6379 UNLINK report /m,
  );
  t.match(mendOf('big-keys', { role: 'slave' }, { keys }), /^# on its primary: redis-cli UNLINK report /m);
  t.end();
});

t.test('findings are ranked, and checks that could not be made are listed', (t) => {
  const judged = judge(
    facts(
      {
        maxmemory_policy: 'noeviction',
        used_memory: 990 * MB,
        errorstat_OOM: 'count=7',
        rejected_connections: 3,
      },
      { process: undefined, slow: undefined },
    ),
  );
  t.same(
    judged.findings.map(({ severity }) => severity),
    ['critical', 'critical', 'warning', 'warning'],
  );
  t.ok(['swap', 'slow-commands', 'big-keys'].every((id) => judged.notMade.includes(id)));
  t.equal(judged.findings.length + judged.fine.length + judged.notMade.length, CHECKS.length);
  for (const { mend, reason, evidence } of judged.findings) t.ok(mend.length > 0 && reason && evidence);
  t.end();
});

t.test('docs/TOOLS.md lists the checks', (t) => {
  const text = readFileSync(new URL('../../../docs/TOOLS.md', import.meta.url), 'utf8');
  const section = /^## spillway doctor$.*?(?=^## )/ms.exec(text)?.[0] ?? '';
  const listed = [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, id]) => id);
  t.same(listed.sort(), CHECKS.map(({ id }) => id).sort());
  t.end();
});
