// Writes too large to hold stream through: what goes upstream is exact whatever was decided at the head, a shed one
// goes nowhere, and what is held back stays small.
import t from 'tap';
import { NOWHERE } from '../../../src/core/session/byte-sink.js';
import { Place } from '../../../src/core/session/pooling/placement.js';
import { SharedLane } from '../../../src/core/session/pooling/shared-lane.js';
import { Session } from '../../../src/core/session/session.js';
import {
  cmd,
  direct,
  everyWay,
  lend,
  makeSession,
  NOW,
  OOM,
  RULES,
  randomWay,
  run,
  type Scenario,
  ScriptedRedis,
  SPOILED,
} from '../../support/session-lab.js';

const KB = 1024;
const value = (kb: number, char = 'x'): string => char.repeat(kb * KB);
const PING = cmd('PING');
/** Larger pieces than everyWay's: these scenarios are long. */
const LARGE_WAYS = [1, 2, 3, 4].map((seed) => randomWay(seed, 30_000));

/** Whole and in random pieces of up to 30 KB; with all of everyWay's ways where `thorough`. */
function largeWays(scenario: Scenario, thorough = false): ReturnType<typeof run> {
  if (thorough) return everyWay(scenario);
  const [first, ...others] = LARGE_WAYS.map((way) => run(scenario, way));
  for (const other of others)
    if (JSON.stringify(other) !== JSON.stringify(first)) throw new Error('another outcome');
  return first;
}

const v = value(100);
const CASES: readonly [what: string, sent: string[], upstream: string, write: string[]][] = [
  ['SET', ['SET', 'str:a', v], cmd('SET', 'str:a', v, 'PX', 30_000), ['set str:a INJECTED']],
  ['SET of no rule', ['SET', 'other', v], cmd('SET', 'other', v), ['set other WITHOUT_TTL']],
  [
    'SET NX',
    ['SET', 'str:a', v, 'NX'],
    cmd('SET', 'str:a', v, 'NX') + follow('str:a'),
    ['set str:a FOLLOW_UP'],
  ],
  [
    'SET EX',
    ['SET', 'str:a', v, 'EX', '5', 'NX'],
    cmd('SET', 'str:a', v, 'EX', 5, 'NX'),
    ['set str:a HAD_TTL'],
  ],
  [
    'SET EX clamped',
    ['SET', 'max:a', v, 'XX', 'ex', '99'],
    cmd('SET', 'max:a', v, 'XX', 'ex', 10),
    ['set max:a CLAMPED'],
  ],
  [
    'SET PXAT clamped',
    ['SET', 'max:a', v, 'PXAT', '1800000000000', 'GET'],
    cmd('SET', 'max:a', v, 'PXAT', NOW + 10_000, 'GET'),
    ['set max:a CLAMPED'],
  ],
  ['SET with bad options', ['SET', 'str:a', v, 'BOGUS'], cmd('SET', 'str:a', v, 'BOGUS'), []],
  [
    'SET with a large comparand',
    ['SET', 'str:a', v, 'IFEQ', v, 'EX', '5'],
    cmd('SET', 'str:a', v, 'IFEQ', v, 'EX', 5),
    ['set str:a HAD_TTL'],
  ],
  ['SET with a large word for an option', ['SET', 'str:a', v, v], cmd('SET', 'str:a', v, v), []],
  ['SETEX clamped', ['SETEX', 'max:a', '99', v], cmd('SETEX', 'max:a', 10, v), ['setex max:a CLAMPED']],
  ['PSETEX', ['PSETEX', 'max:a', '99', v], cmd('PSETEX', 'max:a', 99, v), ['psetex max:a HAD_TTL']],
  ['GETSET', ['GETSET', 'str:a', v], cmd('GETSET', 'str:a', v) + follow('str:a'), ['getset str:a FOLLOW_UP']],
  ['APPEND', ['APPEND', 'ttl:a', v], cmd('APPEND', 'ttl:a', v) + follow('ttl:a'), ['append ttl:a FOLLOW_UP']],
  [
    'MSET',
    ['MSET', 'str:a', v, 'other', 'small', 'ttl:b', v, 'str:c', ''],
    cmd('MSET', 'str:a', v, 'other', 'small', 'ttl:b', v, 'str:c', '') +
      follow('str:a') +
      follow('ttl:b') +
      follow('str:c'),
    ['mset str:a FOLLOW_UP', 'mset other WITHOUT_TTL', 'mset ttl:b FOLLOW_UP', 'mset str:c FOLLOW_UP'],
  ],
  ['observed', ['SET', 'watch:a', v], cmd('SET', 'watch:a', v), ['set watch:a WOULD_INJECT']],
  ['not governed', ['ECHO', v], cmd('ECHO', v), []],
  ['wrong arity', ['SETNX', 'str:a', v, 'x'], cmd('SETNX', 'str:a', v, 'x'), []],
  ['unknown', [v, v], cmd(v, v), []],
];

function follow(key: string): string {
  return cmd('PEXPIRE', key, key.startsWith('ttl') ? 60_000 : 30_000, 'NX');
}

t.test('each large write reaches Redis exactly', async (t) => {
  for (const [what, sent, upstream, writes] of CASES) {
    // One behind the other: the second begins wherever the first ended.
    const scenario = { client: PING + cmd(...sent) + PING + cmd(...sent) + PING };
    const outcome = largeWays(scenario);
    if (outcome.upstream !== PING + upstream + PING + upstream + PING) t.fail(`${what}: upstream differs`);
    if (outcome.client !== direct(scenario)) t.fail(`${what}: the client sees something else`);
    t.same(outcome.writes, [...writes, ...writes], what);
  }
});

t.test('byte by byte, and in every other way', async (t) => {
  const small = value(17);
  const client =
    PING +
    cmd('SET', 'str:a', small) +
    cmd('SET', 'max:b', small, 'EX', 99) +
    cmd('MSET', 'str:c', small, 'str:d', small) +
    PING;
  const outcome = largeWays({ client }, true);
  t.equal(outcome.client, direct({ client }));
  t.match(outcome.ttls, { 'str:a': 30_000, 'max:b': 10_000, 'str:c': 30_000, 'str:d': 30_000 });
});

t.test('cut at each place around a large value', async (t) => {
  const client = PING + cmd('SET', 'str:a', value(17)) + cmd('GET', 'str:a');
  const expected = PING + cmd('SET', 'str:a', value(17), 'PX', 30_000) + cmd('GET', 'str:a');
  const places = [...Array(70).keys(), ...Array.from({ length: 60 }, (_, i) => client.length - 1 - i)];
  for (const first of places) {
    for (const second of [first, first + 1, first + 9, client.length - 30]) {
      const { session, upstream } = makeSession({});
      for (const piece of [
        client.slice(0, first),
        client.slice(first, second),
        client.slice(Math.max(first, second)),
      ]) {
        session.fromClient(Buffer.from(piece));
      }
      if (upstream.all() !== expected) t.fail(`cut at ${first} and ${second}`);
    }
  }
});

t.test('shed: not a byte goes up, the reply stands in its place', async (t) => {
  for (const sent of [
    cmd('SET', 'low:a', v),
    cmd('SET', 'low:a', v, 'EX', 5),
    cmd('SETEX', 'low:a', 5, v),
    cmd('APPEND', 'low:a', v),
    cmd('MSET', 'other', v, 'low:a', v),
    cmd('MSET', 'low:a', v, 'other', v),
  ]) {
    const scenario = { greeting: PING, client: sent + PING + sent + sent + PING, shedding: true };
    const outcome = largeWays(scenario);
    t.equal(outcome.upstream, PING + PING + PING, JSON.stringify(sent.slice(0, 40)));
    t.equal(outcome.client, `+PONG\r\n${OOM}+PONG\r\n${OOM}${OOM}+PONG\r\n`);
    t.equal(outcome.sheds.length, 3);
    const multi = largeWays({ greeting: cmd('MULTI'), client: sent + cmd('EXEC') + PING, shedding: true });
    t.match(multi.client, /^\+OK\r\n-OOM .*\r\n-EXECABORT .*\r\n\+PONG\r\n$/);
    t.same(multi.values, {});
  }
});

t.test('shed before anything was answered: a probe tells, the value waits', async (t) => {
  const client = cmd('SET', 'low:a', value(40));
  t.equal(run({ client, shedding: true }, LARGE_WAYS[0]).client, OOM);
  const server = { password: true };
  const outcome = run({ client: client + PING, shedding: true, server }, LARGE_WAYS[0]);
  t.equal(outcome.client, direct({ client: client + PING, server }));
});

t.test('many keys beyond the lookahead: decided by those that are known', async (t) => {
  const client = PING + cmd('MSET', 'other', v, 'str:b', v, 'low:a', v);
  const outcome = largeWays({ client, shedding: true, lookaheadBytes: 150 * KB });
  t.same(outcome.sheds, []);
  t.equal(Object.keys(outcome.values).length, 3, 'whole, never half');
  t.match(outcome.ttls, { 'str:b': 30_000, 'low:a': 5000 });
});

t.test('many keys held until all are known: the work does not grow with their square', async (t) => {
  const decisions = (keys: number): number => {
    const { session, context, upstream } = makeSession({ shedding: true, lookaheadBytes: 64 * 1024 * KB });
    session.fromClient(Buffer.from(PING));
    session.fromUpstream(Buffer.from('+PONG\r\n'));
    let count = 0;
    const { policy } = context;
    const decide = policy.decide.bind(policy);
    policy.decide = (...args) => {
      count++;
      return decide(...args);
    };
    const pairs = Array.from({ length: keys }, (_, i) => cmd(`key:${i}`, 'v').slice('*2\r\n'.length));
    const bytes = Buffer.from(`*${2 * keys + 1}\r\n$4\r\nMSET\r\n${pairs.join('')}`);
    for (let at = 0; at < bytes.length; at += 64 * KB) session.fromClient(bytes.subarray(at, at + 64 * KB));
    t.equal(upstream.bytes, PING.length + bytes.length);
    return count;
  };
  t.ok(decisions(40_000) < 40, 'about one for each chunk of a megabyte');
});

t.test('RPUSH of 200,000 arguments', async (t) => {
  const items = Array.from({ length: 200_000 }, (_, i) => cmd(i).slice('*1\r\n'.length));
  const push = `*200002\r\n${cmd('RPUSH', 'ttl:list').slice('*2\r\n'.length)}${items.join('')}`;
  const { session, upstream } = makeSession({});
  session.fromClient(Buffer.from(PING));
  session.fromUpstream(Buffer.from('+PONG\r\n'));
  const bytes = Buffer.from(push + PING);
  let most = 0;
  for (let at = 0, sent = PING.length; at < bytes.length; at += 16_000) {
    const piece = bytes.subarray(at, at + 16_000);
    session.fromClient(piece);
    sent += piece.length;
    if (at + 16_000 < bytes.length) most = Math.max(most, sent - upstream.bytes);
  }
  t.ok(upstream.all() === PING + push + follow('ttl:list') + PING, 'exact');
  t.ok(most < 96 * KB, `at most ${most} bytes held`);
});

t.test('many arguments of some KB, cut anywhere, go up once and whole', async (t) => {
  const value = (i: number): string => String.fromCharCode(97 + i).repeat(10_000);
  const command = cmd('RPUSH', 'list', ...Array.from({ length: 12 }, (_, i) => value(i)));
  for (const piece of [700, 1000, 1024, 4096, 5000, 9999, 70_000]) {
    const { session, upstream } = makeSession({ rules: [] });
    // A client that is not known to be let in may not send as many arguments.
    session.fromClient(Buffer.from(PING));
    session.fromUpstream(Buffer.from('+PONG\r\n'));
    const bytes = Buffer.from(command + cmd('GET', 'a'));
    for (let at = 0; at < bytes.length; at += piece)
      lend(bytes.subarray(at, at + piece), (part) => session.fromClient(part));
    t.ok(upstream.all() === PING + bytes.toString(), `${piece}`);
    session.fromUpstream(Buffer.from(':12\r\n$-1\r\n'));
    t.match(session, { idle: true, fault: undefined });
  }
});

t.test('next to nothing of a large value is held', async (t) => {
  for (const options of [[], ['NX'], ['EX', '5']]) {
    const { session, upstream } = makeSession({});
    const bytes = Buffer.from(cmd('SET', 'str:a', value(4000), ...options));
    let most = 0;
    for (let at = 0; at < bytes.length; at += 60_001) {
      session.fromClient(bytes.subarray(at, at + 60_001));
      most = Math.max(most, Math.min(bytes.length, at + 60_001) - upstream.bytes);
    }
    t.ok(most < 100, `${options.join(' ')}: at most ${most} bytes`);
  }
});

t.test('a jittered TTL is what it was drawn at the head, whatever others write before the end', async (t) => {
  const jittered = RULES.slice(0, 2).map((rule, i) => ({
    ...rule,
    jitter: 0.1,
    ttlMs: [3_600_000, 5000][i],
  }));
  const { session, context, upstream } = makeSession({ rules: jittered });
  const sent = Buffer.from(cmd('SET', 'ttl:a', v));
  session.fromClient(sent.subarray(0, 50_000));
  new Session(context, NOWHERE, NOWHERE).fromClient(Buffer.from(cmd('SET', 'str:a', 'x')));
  session.fromClient(sent.subarray(50_000));
  t.match(upstream.all().slice(-30), /\$2\r\nPX\r\n\$7\r\n3\d{6}\r\n$/);
});

t.test('a client that is gone in the middle leaves nothing counted as under way', async (t) => {
  const { session, gate } = makeSession({});
  session.fromClient(Buffer.from(cmd('SET', 'str:a', value(100)).slice(0, 50_000)));
  t.ok(gate.admitted > 50_000 && gate.admitted < 65_000, 'what has gone up counts, not what was announced');
  t.ok(gate.promised > 50_000, 'which large writes are measured against');
  t.notOk(session.idle);
  session.close();
  t.equal(gate.answered, gate.admitted);
  t.equal(gate.promised, 0);
});

t.test(
  'many keys are held for a client that has logged in, not for one of which nothing is known',
  async (t) => {
    const part = (size: number) => `*5\r\n$4\r\nMSET\r\n$5\r\nstr:a\r\n$${size}\r\n${'x'.repeat(size - 10)}`;
    for (const known of [true, false]) {
      const { session, upstream } = makeSession({ shedding: true });
      if (known) {
        session.fromClient(Buffer.from(cmd('PING')));
        session.fromUpstream(Buffer.from('+PONG\r\n'));
        upstream.take();
      }
      session.fromClient(Buffer.from(part(100_000)));
      t.equal(session.heldBytes > 90_000, known);
      t.equal(upstream.take().length > 90_000, !known);
    }
  },
);

t.test('WAIT that streams on a connection of its own: its reply, and its bytes once', async (t) => {
  const text = cmd('WAIT', '0', 'x'.repeat(300 * KB)) + cmd('ECHO', 'behind');
  const bytes = Buffer.from(text, 'latin1');
  for (const cut of [17 * KB, 300 * KB, bytes.length - 30]) {
    const { session, client, upstream } = makeSession({}, true);
    const server = new ScriptedRedis({});
    session.fromClient(bytes.subarray(0, cut));
    session.attach(upstream, true);
    session.fromClient(bytes.subarray(cut));
    session.fromUpstream(server.receive(upstream.take()));
    t.equal(session.fault, undefined);
    t.equal(upstream.all(), text);
    t.equal(client.all(), direct({ client: text }));
  }
});

t.test(
  'a client that shares waits for the rest of a command of up to 256 KB, while memory is not short',
  async (t) => {
    const part = (size: number) => `*3\r\n$3\r\nSET\r\n$5\r\nstr:a\r\n$${size}\r\n${'x'.repeat(20 * KB)}`;
    for (const [size, isShort, waits] of [
      [100 * KB, false, true],
      [300 * KB, false, false],
      [100 * KB, true, false],
    ] as const) {
      const { session, context, upstream } = makeSession({}, true);
      session.vouched(true);
      session.attachShared({ batch: upstream, lane: new SharedLane(), allowance: 256 * KB });
      Object.assign(context, { memory: { ...SPOILED, isShort } });
      session.fromClient(Buffer.from(part(size)));
      t.equal(
        session.wants,
        waits ? Place.NOWHERE : Place.OWN,
        `${size} bytes, ${isShort ? '' : 'not '}short`,
      );
    }
  },
);
