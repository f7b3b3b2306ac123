// Which keys a session tells the ring of: those of rules with evict that a command writes, however it comes, and those that
// are gone.
import t from 'tap';
import { KeyMemory } from '../../../src/core/policy/key-memory.js';
import type { Rule } from '../../../src/core/policy/rule.js';
import type { Candidate } from '../../../src/evict/candidates.js';
import { LateWrites } from '../../../src/evict/late-writes.js';
import { Ring } from '../../../src/evict/ring.js';
import { cmd, everyWay, makeSession, RULES } from '../../support/session-lab.js';

/** `str:*` may be evicted. */
const EVICTING = RULES.map((rule) => (rule.slot === 2 ? { ...rule, evict: true } : rule));
const LARGE = 'x'.repeat(70_000);

/** The keys that the ring knows behind these commands, with their databases. */
function known(client: string, rules: readonly Rule[] = EVICTING, greeting = ''): string[] {
  const ring = new Ring({ bytes: 64 * 1024, now: () => 0 });
  ring.adopt(rules);
  everyWay({ client, greeting, rules, evictable: new LateWrites(ring), keys: new KeyMemory(() => 0) });
  return listed(ring);
}

function listed(ring: Ring): string[] {
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

t.test('the ring hears of values that stream', async (t) => {
  const ring = new Ring({ bytes: 64 * 1024, now: () => 0 });
  ring.adopt(EVICTING);
  const { session } = makeSession({ rules: EVICTING, evictable: new LateWrites(ring) });
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
  t.same(known(cmd('SET', 'str:a', 1), EVICTING, cmd('SELECT', 2)), ['2 str:a']);
});

t.test('a copy and a moved key: where they went, if the server has that database', async (t) => {
  const seen = cmd('SELECT', 3) + cmd('SELECT', 0);
  t.same(known(cmd('COPY', 'other', 'str:a', 'DB', 3), EVICTING, seen), ['3 str:a']);
  t.same(known(cmd('COPY', 'other', 'str:a'), EVICTING, seen), ['0 str:a']);
  t.same(known(cmd('COPY', 'other', 'str:a', 'DB', 9), EVICTING, seen), []);
  t.same(known(cmd('SET', 'str:a', 1) + cmd('MOVE', 'str:a', 3), EVICTING, seen), ['3 str:a']);
  t.same(known(cmd('SET', 'str:a', 1) + cmd('MOVE', 'str:a', 9), EVICTING, seen), []);
});

/** A session whose server answers only what the test says. */
function spoken(rules: readonly Rule[] = EVICTING) {
  const ring = new Ring({ bytes: 64 * 1024, now: () => 0 });
  ring.adopt(rules);
  const { session } = makeSession({ rules, evictable: ring });
  const say = (command: string, reply = ''): void => {
    session.fromClient(Buffer.from(command));
    session.fromUpstream(Buffer.from(reply));
  };
  return { ring, session, say };
}

t.test('written while SELECT waits for its answer: in no database under its old age', async (t) => {
  const { ring, session, say } = spoken();
  say(cmd('SELECT', 2), '+OK\r\n');
  say(cmd('SET', 'str:a', 1), '+OK\r\n');
  say(cmd('SELECT', 0), '+OK\r\n');
  say(cmd('SET', 'str:a', 1), '+OK\r\n');
  const chosen = ring.take(9, Number.POSITIVE_INFINITY);
  t.equal(chosen.length, 2);
  say(cmd('SELECT', 2) + cmd('SET', 'str:a', 1));
  t.notOk(chosen.some((candidate) => ring.isCurrent(candidate)));
  session.fromUpstream(Buffer.from('+OK\r\n+OK\r\n'));
  t.same(listed(ring), ['2 str:a']);
  say(cmd('SELECT', 7) + cmd('SET', 'str:b', 1), '-ERR DB index is out of range\r\n+OK\r\n');
  t.same(listed(ring), [], 'perhaps the server does not have that database');
});

t.test('a key that another user has written, whose rule has no evict, stays', async (t) => {
  const rules = [
    { ...EVICTING[1], users: ['cache-app'] },
    ...EVICTING.filter(({ slot }) => slot !== 2),
  ] as Rule[];
  const { ring, say } = spoken(rules);
  const login = (user: string): void => say(cmd('AUTH', user, 'x'), '+OK\r\n');
  for (const write of [
    cmd('SET', 'str:a', 1),
    cmd('RENAME', 'other', 'str:a'),
    cmd('MSET', 'str:a', 1, 'x', 2),
  ]) {
    login('cache-app');
    say(cmd('SET', 'str:a', 1) + cmd('SET', 'str:b', 1), '+OK\r\n+OK\r\n');
    const [first] = ring.take(1, Number.POSITIVE_INFINITY);
    t.equal(first && String(Buffer.from(first.key)), 'str:a');
    ring.again(first as Candidate);
    login('jobs');
    const chosen = ring.take(2, Number.POSITIVE_INFINITY);
    say(write, '+OK\r\n');
    t.same(
      chosen.filter((each) => ring.isCurrent(each)).map(({ key }) => String(Buffer.from(key))),
      ['str:b'],
    );
    login('cache-app');
    say(cmd('SET', 'str:a', 1), '+OK\r\n');
    login('jobs');
    say(write, '+OK\r\n');
    t.same(listed(ring), []);
  }
});

t.test('what was chosen stays after FLUSHALL, SWAPDB, or DEL', async (t) => {
  const { ring, say } = spoken();
  for (const [command, left] of [
    [cmd('SWAPDB', 0, 1), []],
    [cmd('FLUSHALL'), []],
    [cmd('DEL', 'str:a'), ['str:b']],
  ] as const) {
    say(cmd('SET', 'str:a', 1) + cmd('SET', 'str:b', 1), '+OK\r\n+OK\r\n');
    const chosen = ring.take(9, Number.POSITIVE_INFINITY);
    say(command, '+OK\r\n');
    const current = chosen.filter((each) => ring.isCurrent(each));
    t.same(
      current.map(({ key }) => String(Buffer.from(key))),
      left,
    );
  }
});

t.test('what has expired is not memory that can be freed', async (t) => {
  let now = 0;
  const ring = new Ring({ bytes: 64 * 1024, now: () => now });
  const rules = [
    ...EVICTING,
    { ...EVICTING[0], slot: 9, globs: [Buffer.from('hash:*')], evict: true },
  ] as Rule[];
  ring.adopt(rules);
  const { session } = makeSession({ rules, evictable: ring, keys: new KeyMemory(() => 0) });
  const say = (...words: (string | number)[]): void => {
    session.fromClient(Buffer.from(cmd(...words)));
    session.fromUpstream(Buffer.from('+OK\r\n'));
  };
  const alive = (slot = 2): number => ring.stock().find((rule) => rule.slot === slot)?.keys ?? 0;
  const after = (seconds: number, slot = 2): number => {
    now += seconds * 1000;
    const keys = alive(slot);
    ring.clear();
    return keys;
  };
  // The rule gives 30 s.
  say('SET', 'str:a', 1);
  t.equal(alive(), 1);
  t.equal(after(29), 1);
  say('SET', 'str:a', 1);
  t.equal(after(35), 0);
  say('SET', 'str:a', 1, 'EX', 5);
  t.equal(after(6), 0);
  say('SETEX', 'str:a', 100, 1);
  t.equal(after(99), 1);
  say('SET', 'str:a', 1);
  say('EXPIRE', 'str:a', 100);
  t.equal(after(99), 1);
  say('SET', 'str:a', 1);
  say('PERSIST', 'str:a');
  t.equal(after(10_000), 1);
  say('SET', 'str:a', 1);
  say('EXPIRE', 'str:a', 2);
  t.equal(after(3), 0);
  // A hash keeps the TTL that its first write gave it: 60 s.
  say('HSET', 'hash:a', 'f', 1);
  for (let i = 0; i < 10; i++) {
    now += 5000;
    say('HSET', 'hash:a', 'f', i);
  }
  t.equal(after(15, 9), 0);
});

t.test('a refused write tells of nothing', async (t) => {
  const limit = { writesPerSecond: 1, bytesPerSecond: 0, valueBytes: 0, error: undefined };
  const rules = EVICTING.map((rule) => (rule.slot === 2 ? { ...rule, limit } : rule));
  t.same(known(cmd('SET', 'str:a', 1) + cmd('SET', 'str:b', 1), rules), ['0 str:a']);
});
