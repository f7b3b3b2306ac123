// Limits of rules through a whole session: what is refused, with which words, and that only what passes uses them up.
// Nothing is refilled here: a bucket has one second's worth.
import t from 'tap';
import type { Rule, RuleLimit } from '../../../src/core/policy/rule.js';
import { cmd, everyWay, makeSession, OK, OOM, RULES } from '../../support/session-lab.js';

const NO_LIMIT: RuleLimit = { writesPerSecond: 0, bytesPerSecond: 0, valueBytes: 0, error: undefined };

/** `str:*` with a limit. */
function limited(limit: Partial<RuleLimit>, rest: Partial<Rule> = {}): Rule[] {
  return RULES.map((rule) =>
    rule.slot === 2 ? { ...rule, limit: { ...NO_LIMIT, ...limit }, ...rest } : rule,
  );
}

t.test('growing writes beyond the rate are refused, in order, and nothing else is', async (t) => {
  const outcome = everyWay({
    client: [
      cmd('SET', 'str:a', 1),
      cmd('APPEND', 'str:a', 2),
      cmd('SET', 'str:b', 1),
      cmd('SET', 'str:c', 1),
      cmd('DEL', 'str:a'),
      cmd('PEXPIRE', 'str:b', 1000),
      cmd('GET', 'str:c'),
      cmd('SET', 'ttl:a', 1),
      cmd('INCR', 'str:d'),
    ].join(''),
    rules: limited({ writesPerSecond: 3 }),
  });
  t.equal(outcome.client, `${OK}:2\r\n${OK}${OOM}:1\r\n:1\r\n$-1\r\n${OK}${OOM}`);
  t.same(outcome.sheds, ['set 2', 'incr 2']);
});

t.test('a rate of bytes counts commands as they were sent, and the last one may overdraw it', async (t) => {
  const outcome = everyWay({
    client: cmd('SET', 'str:a', 'x'.repeat(5000)) + cmd('SET', 'str:b', 'x') + cmd('SET', 'low:a', 'x'),
    rules: limited({ bytesPerSecond: 2000 }),
  });
  t.equal(outcome.client, OK + OOM + OK);
});

t.test('a write larger than the rule allows is refused before its value streams', async (t) => {
  const outcome = everyWay({
    client: [
      cmd('SET', 'str:a', 'x'.repeat(900)),
      cmd('SET', 'str:b', 'x'.repeat(1100)),
      cmd('SET', 'str:c', 'y'.repeat(70_000)),
      cmd('SET', 'ttl:c', 'z'.repeat(70_000)),
      cmd('RPUSH', 'str:l', 'y'.repeat(600), 'y'.repeat(600)),
      cmd('MSET', 'str:d', 'x'.repeat(600), 'ttl:d', 'x'.repeat(2000), 'str:e', 'x'.repeat(600)),
      cmd('MSET', 'ttl:e', 'x', 'str:f', 'x'.repeat(1100)),
    ].join(''),
    rules: limited({ valueBytes: 1024 }),
  });
  t.equal(outcome.client, OK + OOM + OOM + OK + OOM + OK + OOM);
  t.notMatch(outcome.upstream, /yyy/);
  t.notOk('ttl:e' in outcome.values, 'never half a command');
});

t.test('the rule has words of its own, in a pipeline as in MULTI', async (t) => {
  const error = 'RATELIMIT the debug feature writes too much';
  const outcome = everyWay({
    client: [
      cmd('SET', 'str:a', 1),
      cmd('SET', 'str:b', 1),
      cmd('PING'),
      cmd('MULTI'),
      cmd('SET', 'ttl:a', 1),
      cmd('SET', 'str:c', 1),
      cmd('EXEC'),
      cmd('SET', 'str:d', 'x'.repeat(40_000)),
    ].join(''),
    rules: limited({ writesPerSecond: 1, error }),
  });
  const refused = `-${error}\r\n`;
  t.match(
    outcome.client,
    new RegExp(
      `^\\+OK\r\n${refused}\\+PONG\r\n\\+OK\r\n\\+QUEUED\r\n${refused}-EXECABORT[^\n]*\n${refused}$`,
    ),
  );
});

t.test('a write to several keys is refused whole, and then uses up nothing', async (t) => {
  const outcome = everyWay({
    client: [
      cmd('SET', 'str:a', 1),
      cmd('SET', 'str:b', 1),
      cmd('MSET', 'max:a', 1, 'str:c', 1),
      cmd('SET', 'max:b', 1),
      cmd('SET', 'max:c', 1),
      cmd('SET', 'max:d', 1),
    ].join(''),
    rules: limited({ writesPerSecond: 2 }).map((rule) =>
      rule.slot === 4 ? { ...rule, limit: { ...NO_LIMIT, writesPerSecond: 2 } } : rule,
    ),
  });
  t.equal(outcome.client, OK + OK + OOM + OK + OK + OOM);
  t.notOk('max:a' in outcome.values);
});

t.test('a rule that observes refuses nothing and counts what it would refuse', async (t) => {
  const outcome = everyWay({
    client: cmd('SET', 'str:a', 1) + cmd('SET', 'str:b', 1) + cmd('SET', 'str:c', 1),
    rules: limited({ writesPerSecond: 1 }, { observe: true }),
  });
  t.equal(outcome.client, OK + OK + OK);
  t.same(outcome.sheds, ['set 2 observed', 'set 2 observed']);
});

t.test('a write that pressure refuses uses up no rate', async (t) => {
  const { session, context } = makeSession({
    shedding: true,
    rules: RULES.map((rule) =>
      rule.slot === 3 ? { ...rule, limit: { ...NO_LIMIT, writesPerSecond: 5 } } : rule,
    ),
  });
  session.fromClient(Buffer.from(cmd('PING')));
  session.fromUpstream(Buffer.from('+PONG\r\n'));
  session.fromClient(Buffer.from(cmd('SET', 'low:a', 1)));
  t.equal(context.policy.quotas.of(3)?.writes?.tokens, 5);
});

t.test('another set of rules keeps the buckets of rules that stay', async (t) => {
  const { quotas } = makeSession({ rules: limited({ writesPerSecond: 5 }) }).context.policy;
  quotas.of(2)?.take(100);
  quotas.adopt(limited({ writesPerSecond: 10, bytesPerSecond: 2000 }));
  t.equal(quotas.of(2)?.writes?.tokens, 4);
  t.equal(quotas.of(2)?.bytes?.tokens, 2000);
  quotas.adopt(RULES);
  t.notOk(quotas.any);
  t.equal(quotas.of(2), undefined);
});

t.test(
  'a script counts as one write to each key that it names, under rules that refuse scripts',
  async (t) => {
    const script = (...keys: string[]) => cmd('EVAL', 'said', keys.length, ...keys, 'x'.repeat(100));
    const client = [
      ...[script('str:a'), cmd('SET', 'str:a', 1), script('ttl:a', 'str:b'), script('str:a')],
      ...[cmd('SET', 'str:a', 1), script('ttl:a'), cmd('EVAL', 'said', 0, 'str:a')],
    ].join('');
    const SAID = '-said\r\n';
    const refusing = everyWay({ client, rules: limited({ writesPerSecond: 3 }, { refusesScripts: true }) });
    t.equal(refusing.client, SAID + OK + SAID + OOM + OOM + SAID + SAID);
    const passing = everyWay({ client, rules: limited({ writesPerSecond: 1 }) });
    t.equal(passing.client, SAID + OK + SAID + SAID + OOM + SAID + SAID, 'under others it counts as nothing');
  },
);

t.test('a script counts by what it is given, not by its source', async (t) => {
  const script = (bytes: number) => cmd('EVAL', `-- ${'y'.repeat(2000)}`, 1, 'str:a', 'x'.repeat(bytes));
  const outcome = everyWay({
    client: script(900) + script(1100) + script(10),
    rules: limited({ valueBytes: 1024 }, { refusesScripts: true }),
  });
  t.same(
    outcome.client.split('\r\n').map((line) => line.slice(0, 4)),
    ['--- ', '-OOM', '--- ', ''],
  );
});
