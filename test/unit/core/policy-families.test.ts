// The table of job systems: the keys that each library makes are recognized, and names that look alike are not.
import t from 'tap';
import { FAMILIES, FAMILY_NAMES, type FamilyName, familyOf } from '../../../src/core/policy/families.js';
import { familyRules } from '../../../src/core/policy/family-rules.js';
import { Priority } from '../../../src/core/policy/rule.js';
import { RuleSet } from '../../../src/core/policy/rule-set.js';
import { RULES } from '../../support/session-lab.js';

const unregistered = { priority: Priority.NORMAL, observe: false };
const set = new RuleSet({ rules: familyRules(FAMILIES, 1, false), unregistered });
const find = (key: string, rules = set) => {
  const bytes = Buffer.from(key, 'latin1');
  return rules.find(bytes, 0, bytes.length);
};

/** Names as the libraries' sources make them. */
const KEYS: Readonly<Record<FamilyName, readonly string[]>> = {
  sidekiq: [
    ...'queue:default queue:mailers queues retry schedule dead processes'.split(' '),
    ...'stat:processed stat:processed:2026-11-29 stat:failed stat:failed:2026-11-29'.split(' '),
    ...'web-1.example.com:4711:0a1b2c3d4e5f x:1:aaaaaaaaaaaa:work'.split(' '),
    ...'x:12:aaaaaaaaaaaa:workers host:99:0123456789ab-signals j|261129|8:43'.split(' '),
    ...'h|MailJob-29-8:4 sidekiq:queue:default'.split(' '),
  ],
  celery: [
    ...'celery unacked unacked_index unacked_mutex _kombu.binding.celery'.split(' '),
    ...'_kombu.binding.reply.celery.pidbox celeryev.0b1c celery-task-meta-d5c5e0c9'.split(' '),
    ...'celery-taskset-meta-77.j chord-unlock-77 7f1c7d5e-9f4e.reply.celery.pidbox'.split(' '),
    'celery\x06\x163',
    'mail\x06\x169',
  ],
  rq: ['rq:queues', 'rq:queue:default', 'rq:job:77', 'rq:worker:a', 'rq:finished:default', 'rq:scheduler:a'],
  resque: [
    ...'resque:queues resque:queue:mail resque:worker:a:1:* resque:failed'.split(' '),
    'resque:stat:failed',
  ],
  'bee-queue': ['bq:mail:jobs', 'bq:mail:active', 'bq:mail:stalling'],
  bull: ['bull:mail:wait', 'bull:mail:77:lock', 'bull:mail:meta', '{bull}:mail:events'],
  laravel: [
    ...'queues:default queues:default:reserved queues:{default}:notify'.split(' '),
    ...'laravel_database_queues:default my-shop-database-queues:default:delayed'.split(' '),
    ...'laravel_horizon:77 my_shop_horizon:recent_jobs'.split(' '),
  ],
  huey: ['huey.redis.app', 'huey.schedule.app', 'huey.results.app', 'huey.r.app.77'],
  dramatiq: [
    'dramatiq:default',
    'dramatiq:default.msgs',
    'dramatiq:__acks__.77.default',
    'dramatiq-results:q:a:7',
  ],
  arq: ['arq:queue', 'arq:job:77', 'arq:in-progress:77', 'arq:queue:health-check'],
};

t.test('every key of every library', async (t) => {
  t.same(
    FAMILIES.map(({ name }) => name),
    FAMILY_NAMES,
  );
  for (const [family, keys] of Object.entries(KEYS)) {
    for (const key of keys) {
      const rule = find(key);
      t.equal(rule.family, family, JSON.stringify(key));
      t.ok(rule.durable && rule.priority === Priority.CRITICAL && rule.ttlMs === 0 && rule.builtIn);
    }
  }
});

t.test('names that only look alike', async (t) => {
  for (const key of [
    ...'retry:77 retries dead:1 deadline schedule:mon processes:1 queue queuesize'.split(' '),
    ...'my:queues stat:pageviews celery:cache celerycache unacked:1'.split(' '),
    ...'session:5:9f86d081884c7d659a2feaa0c55ad015 cart:12:0123456789abc'.split(' '),
    ...'cart:12:0123456789a device:x:0123456789ab a:0:0123456789ab 12:0123456789ab'.split(' '),
    ...'cart:1:0123456789ab:lines rqueue:1 bulletin:1 arquette horizon:1'.split(' '),
    ...'database_queues hueys user:1 * cart:12:0123456789AB'.split(' '),
    '',
    'x\x06\x16',
  ]) {
    t.equal(find(key).slot, 0, JSON.stringify(key));
  }
});

t.test('a rule of the config comes first, wherever its glob begins', async (t) => {
  const own = { ...RULES[0], name: 'own', slot: 99 };
  for (const glob of ['queue:*', '*', 'q?eue:*', '*default', '[pqr]*']) {
    const rules = [{ ...own, globs: [Buffer.from(glob)] }, ...familyRules(FAMILIES, 1, false)];
    const mixed = new RuleSet({ rules, unregistered });
    t.equal(find('queue:default', mixed).name, 'own', glob);
    t.equal(find('bq:mail:jobs', mixed).name, glob === '*' ? 'own' : 'family:bee-queue', glob);
  }
});

t.test('the family of a pattern', async (t) => {
  const of = (pattern: string) => familyOf(Buffer.from(pattern))?.name;
  t.equal(of('bull:mail:*'), 'bull');
  t.equal(of('queues'), 'sidekiq');
  t.equal(of('queue:*'), undefined, 'others use this name, too');
  t.equal(of('*'), undefined);
  t.equal(of('host:*:*'), undefined);
});
