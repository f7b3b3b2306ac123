// Which keys a session tells the ring of: those of rules with evict that a command writes, however it comes, and those that
// are gone.
import t from 'tap';
import { KeyMemory } from '../../../src/core/policy/key-memory.js';
import { Ring } from '../../../src/evict/ring.js';
import { cmd, everyWay, makeSession, RULES } from '../../support/session-lab.js';

/** `str:*` may be evicted. */
const EVICTING = RULES.map((rule) => (rule.slot === 2 ? { ...rule, evict: true } : rule));
const LARGE = 'x'.repeat(70_000);

/** The keys that the ring knows behind these commands, with their databases. */
function known(client: string, rules = EVICTING): string[] {
  const ring = new Ring({ bytes: 64 * 1024, now: () => 0 });
  ring.adopt(rules);
  everyWay({ client, rules, evictable: ring, keys: new KeyMemory(() => 0) });
  return ring
    .take(100, Number.POSITIVE_INFINITY)
    .map(({ db, key }) => `${db} ${Buffer.from(key).toString()}`)
    .sort();
}

t.test('keys of rules with evict, by every kind of write', async (t) => {
  t.same(
    known(
      [
        cmd('SET', 'str:a', 1),
        cmd('SET', 'ttl:a', 1),
        cmd('SET', 'other', 1),
        cmd('MSET', 'str:b', 1, 'ttl:b', 2, 'str:c', 3),
        cmd('HSET', 'str:d', 'f', 'v'),
        cmd('RPUSH', 'str:e', 'v'),
        cmd('INCR', 'str:f'),
        cmd('SETEX', 'str:g', 10, 'v'),
        cmd('EVAL', 'return 1', 2, 'str:j', 'ttl:j', 'str:no-key'),
        cmd('GET', 'str:not-written'),
      ].join(''),
    ),
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'j'].map((key) => `0 str:${key}`),
  );
});

t.test('values that stream', async (t) => {
  const ring = new Ring({ bytes: 64 * 1024, now: () => 0 });
  ring.adopt(EVICTING);
  const { session } = makeSession({ rules: EVICTING, evictable: ring });
  session.fromClient(Buffer.from(cmd('PING')));
  session.fromUpstream(Buffer.from('+PONG\r\n'));
  const client = Buffer.from(
    [
      cmd('SET', 'str:h', LARGE),
      cmd('SET', 'ttl:h', LARGE),
      cmd('MSET', 'ttl:i', LARGE, 'str:i', LARGE),
      cmd('APPEND', 'str:k', LARGE),
    ].join(''),
  );
  for (let at = 0; at < client.length; at += 10_000) session.fromClient(client.subarray(at, at + 10_000));
  const keys = ring.take(9, Number.POSITIVE_INFINITY).map(({ key }) => Buffer.from(key).toString());
  t.same(keys, ['str:h', 'str:i', 'str:k']);
});

t.test('keys that are gone, or have another name', async (t) => {
  t.same(
    known(
      [
        cmd('SET', 'str:a', 1),
        cmd('SET', 'str:b', 1),
        cmd('SET', 'str:c', 1),
        cmd('SET', 'str:d', 1),
        cmd('SET', 'ttl:e', 1),
        cmd('DEL', 'str:a', 'ttl:a'),
        cmd('UNLINK', 'str:b'),
        cmd('RENAME', 'str:c', 'ttl:c'),
        cmd('RENAME', 'str:d', 'str:d2'),
        cmd('RENAME', 'ttl:e', 'str:e'),
      ].join(''),
    ),
    ['0 str:d2', '0 str:e'],
  );
  t.same(known(cmd('SET', 'str:a', 1) + cmd('FLUSHALL')), []);
});

t.test('in the database of the client', async (t) => {
  t.same(known(cmd('SELECT', 2) + cmd('PING') + cmd('SET', 'str:a', 1)), ['2 str:a']);
});

t.test('a refused write tells of nothing', async (t) => {
  const limit = { writesPerSecond: 1, bytesPerSecond: 0, valueBytes: 0, error: undefined };
  const rules = EVICTING.map((rule) => (rule.slot === 2 ? { ...rule, limit } : rule));
  t.same(known(cmd('SET', 'str:a', 1) + cmd('SET', 'str:b', 1), rules), ['0 str:a']);
});
