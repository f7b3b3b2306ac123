// TTLs through a whole session: rewritten in place, by follow-up commands whose answers stay hidden, and never where
// they don't belong. The client sees what it would see without Spillway, however the bytes are cut.
import t, { type Test } from 'tap';
import { KeyMemory } from '../../../src/core/policy/key-memory.js';
import {
  cmd,
  direct,
  everyWay,
  makeSession,
  type Outcome,
  RULES,
  type Scenario,
} from '../../support/session-lab.js';

/** Plays the scenario, holds what the client sees against the direct twin. */
function asDirect(t: Test, scenario: Scenario, what: string): Outcome {
  const outcome = everyWay(scenario);
  t.equal(outcome.client, direct(scenario), `${what}: the client sees what it would see directly`);
  return outcome;
}

t.test('what no rule touches passes byte for byte', async (t) => {
  const client = [
    'PING\r\n',
    cmd('SET', 'other', 'x'),
    '\r\n*0\r\n',
    cmd('GET', 'other'),
    cmd('NOSUCHCOMMAND', 'a'),
    '*-1\r\n',
    cmd('SET', 'queue:1', 'x', 'EX', 100),
    cmd('set', 'ttl:1'),
    'echo "a"\r\n',
  ].join('');
  const { upstream, writes } = asDirect(t, { client, server: {} }, 'mixed');
  t.equal(upstream.replace(/\r\n\*0\r\n|\*-1\r\n|^/g, ''), client.replace(/\r\n\*0\r\n|\*-1\r\n/g, ''));
  t.same(writes, ['set other WITHOUT_TTL', 'set queue:1 HAD_TTL']);
});

const CASES: readonly [what: string, sent: string[], upstream: string[][], write: string][] = [
  ['SET', ['SET', 'str:a', 'v'], [['SET', 'str:a', 'v', 'PX', '30000']], 'INJECTED'],
  ['set in lower case', ['set', 'str:a', 'v'], [['set', 'str:a', 'v', 'PX', '30000']], 'INJECTED'],
  ['empty value', ['SET', 'str:a', ''], [['SET', 'str:a', '', 'PX', '30000']], 'INJECTED'],
  [
    'SET NX GET',
    ['SET', 'str:a', 'v', 'nx', 'GET'],
    [['SET', 'str:a', 'v', 'nx', 'GET', 'PX', '30000']],
    'INJECTED',
  ],
  ['SET EX', ['SET', 'str:a', 'v', 'EX', '9'], [['SET', 'str:a', 'v', 'EX', '9']], 'HAD_TTL'],
  ['SET EX clamped', ['SET', 'max:a', 'v', 'ex', '99'], [['SET', 'max:a', 'v', 'ex', '10']], 'CLAMPED'],
  [
    'SET PX clamped',
    ['SET', 'max:a', 'v', 'PX', '10001', 'XX'],
    [['SET', 'max:a', 'v', 'PX', '10000', 'XX']],
    'CLAMPED',
  ],
  ['SET PX within', ['SET', 'max:a', 'v', 'PX', '10000'], [['SET', 'max:a', 'v', 'PX', '10000']], 'HAD_TTL'],
  [
    'SET EXAT clamped',
    ['SET', 'max:a', 'v', 'EXAT', '1800000000'],
    [['SET', 'max:a', 'v', 'PX', '10000']],
    'CLAMPED',
  ],
  [
    'SET PXAT clamped',
    ['SET', 'max:a', 'v', 'PXAT', '1800000000000'],
    [['SET', 'max:a', 'v', 'PX', '10000']],
    'CLAMPED',
  ],
  [
    'SET EXAT twice: PX beside it would be a syntax error',
    ['SET', 'max:a', 'v', 'EXAT', '1800000000', 'exat', '1800000000'],
    [['SET', 'max:a', 'v', 'EXAT', '1800000000', 'exat', '1800000000']],
    'HAD_TTL',
  ],
  [
    'GETEX PXAT twice',
    ['GETEX', 'max:a', 'PXAT', '1800000000000', 'PXAT', '1800000000000'],
    [['GETEX', 'max:a', 'PXAT', '1800000000000', 'PXAT', '1800000000000']],
    'HAD_TTL',
  ],
  [
    'SET EX twice',
    ['SET', 'max:a', 'v', 'EX', '5', 'EX', '99'],
    [['SET', 'max:a', 'v', 'EX', '5', 'EX', '10']],
    'CLAMPED',
  ],
  ['SETEX', ['SETEX', 'max:a', '99', 'v'], [['SETEX', 'max:a', '10', 'v']], 'CLAMPED'],
  ['PSETEX', ['PSETEX', 'max:a', '99999', 'v'], [['PSETEX', 'max:a', '10000', 'v']], 'CLAMPED'],
  ['GETEX', ['GETEX', 'max:a', 'EX', '99'], [['GETEX', 'max:a', 'EX', '10']], 'CLAMPED'],
  [
    'SET KEEPTTL',
    ['SET', 'str:a', 'v', 'KEEPTTL'],
    [
      ['SET', 'str:a', 'v', 'KEEPTTL'],
      ['PEXPIRE', 'str:a', '30000', 'NX'],
    ],
    'FOLLOW_UP',
  ],
  [
    'SETNX',
    ['SETNX', 'str:a', 'v'],
    [
      ['SETNX', 'str:a', 'v'],
      ['PEXPIRE', 'str:a', '30000', 'NX'],
    ],
    'FOLLOW_UP',
  ],
  [
    'GETSET',
    ['GETSET', 'str:a', 'v'],
    [
      ['GETSET', 'str:a', 'v'],
      ['PEXPIRE', 'str:a', '30000', 'NX'],
    ],
    'FOLLOW_UP',
  ],
  [
    'INCR, applyTo all',
    ['INCR', 'ttl:a'],
    [
      ['INCR', 'ttl:a'],
      ['PEXPIRE', 'ttl:a', '60000', 'NX'],
    ],
    'FOLLOW_UP',
  ],
  ['INCR, applyTo strings', ['INCR', 'str:a'], [['INCR', 'str:a']], 'KEPT'],
  ['durable', ['SET', 'queue:a', 'v'], [['SET', 'queue:a', 'v']], 'WITHOUT_TTL'],
  ['observed', ['SET', 'watch:a', 'v'], [['SET', 'watch:a', 'v']], 'WOULD_INJECT'],
];

t.test('each form of write, as multibulk and inline', async (t) => {
  for (const [what, sent, upstream, write] of CASES) {
    const expected = [`${sent[0].toLowerCase()} ${sent[1]} ${write}`];
    const outcome = asDirect(t, { client: cmd(...sent) }, what);
    t.same(outcome.commands, upstream, what);
    t.same(outcome.writes, expected, what);
    const changed = JSON.stringify(upstream) !== JSON.stringify([sent]);
    if (!changed) t.equal(outcome.upstream, cmd(...sent), `${what}: untouched`);
    const line = `${sent.map((word) => (word === '' ? '""' : word)).join('  ')}\r\n`;
    const inline = asDirect(t, { client: `${line}PING\r\n` }, `${what}, inline`);
    t.same(inline.commands, [...upstream, ['PING']], `${what}, inline`);
    t.same(inline.writes, expected, `${what}, inline`);
  }
});

t.test('a write that Redis will refuse passes unchanged and is not counted', async (t) => {
  for (const sent of [
    ['SET', 'str:a', 'v', 'BOGUS'],
    ['SET', 'str:a', 'v', 'EX'],
    ['MSET', 'str:a', '1', 'str:b'],
    ['SETNX', 'str:a'],
  ]) {
    const { upstream, writes } = everyWay({ client: cmd(...sent) });
    t.equal(upstream, cmd(...sent));
    t.same(writes, []);
  }
});

t.test('MSET: a follow-up for each key whose rule wants one', async (t) => {
  const client = cmd('MSET', 'str:a', 1, 'other', 2, 'ttl:b', 3) + cmd('GET', 'ttl:b');
  const { commands, followUps, ttls } = asDirect(t, { client }, 'MSET');
  t.same(commands.slice(1, 3), [
    ['PEXPIRE', 'str:a', '30000', 'NX'],
    ['PEXPIRE', 'ttl:b', '60000', 'NX'],
  ]);
  t.same(followUps, ['2 SET', '1 SET']);
  t.same(ttls, { 'str:a': 30_000, 'ttl:b': 60_000 });
});

t.test('follow-ups in long pipelines are swallowed, each in its place', async (t) => {
  let client = '';
  for (let i = 0; i < 40; i++) {
    client +=
      cmd('SETNX', `str:${i % 7}`, i) +
      cmd('ECHO', i) +
      cmd('INCR', `ttl:${i % 3}`) +
      cmd('GET', `str:${i % 9}`);
  }
  const { followUps, ttls } = asDirect(t, { client }, 'pipeline');
  t.equal(followUps.length, 80);
  t.equal(followUps.filter((reply) => reply === '1 SET').length, 3, 'once for each counter');
  t.equal(Object.keys(ttls).length, 10);
});

t.test('a follow-up sends no TTL twice and none where one is set', async (t) => {
  const client = cmd('SET', 'ttl:a', 1, 'EX', 5) + cmd('INCR', 'ttl:a') + cmd('INCR', 'ttl:a');
  const { followUps, ttls } = asDirect(t, { client }, 'INCR');
  t.same(followUps, ['1 UNCHANGED', '1 UNCHANGED']);
  t.same(ttls, { 'ttl:a': 5000 });
});

t.test('pushes between a reply and the answer to its follow-up', async (t) => {
  const noise = (): string => '>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n';
  const scenario = {
    client: cmd('HELLO', 3) + cmd('SETNX', 'str:a', 1) + cmd('GET', 'str:a'),
    server: { noise },
  };
  const { client, followUps } = everyWay(scenario);
  const push = noise();
  t.equal(client, `${push}%1\r\n$5\r\nproto\r\n:3\r\n${push}:1\r\n${push}${push}$1\r\n1\r\n`);
  t.same(followUps, ['2 SET']);
});

t.test('NOPERM to a follow-up: hidden, counted, and no more of them until the user changes', async (t) => {
  const server = { denied: ['pexpire'] };
  const auth = cmd('AUTH', 'admin', 'secret');
  const before = cmd('SETNX', 'str:a', 1) + cmd('PING');
  const scenario = { client: before, server };
  t.same(asDirect(t, scenario, 'denied').followUps, ['2 DENIED']);
  const { session, upstream, client } = makeSession({});
  const send = (bytes: string) => session.fromClient(Buffer.from(bytes));
  const reply = (bytes: string) => session.fromUpstream(Buffer.from(bytes));
  send(cmd('SETNX', 'str:a', 1));
  reply(':1\r\n-NOPERM no\r\n');
  send(cmd('SETNX', 'str:b', 1));
  reply(':1\r\n');
  send(auth);
  reply('+OK\r\n');
  send(cmd('SETNX', 'str:c', 1));
  reply(':1\r\n:1\r\n');
  t.equal(client.all(), ':1\r\n:1\r\n+OK\r\n:1\r\n');
  t.notMatch(upstream.all(), /PEXPIRE\r\n\$5\r\nstr:b/);
  t.match(upstream.all(), /PEXPIRE\r\n\$5\r\nstr:c/);
});

t.test('a follow-up to a long key is not changed by the next one', async (t) => {
  const keys = ['a', 'b', 'c'].map((letter) => `ttl:${letter.repeat(5000)}`);
  // The sink of the laboratory keeps long spans, and looks whether they are still what they were.
  const { ttls } = everyWay({ client: keys.map((key) => cmd('SETNX', key, 1)).join('') });
  t.same(Object.keys(ttls), keys);
});

t.test('behind ASKING a follow-up has an ASKING of its own', async (t) => {
  const server = { importing: (key: string) => key.startsWith('ttl:') };
  const asking = cmd('ASKING');
  for (const [client, keys] of [
    [asking + cmd('SETNX', 'ttl:a', 1) + cmd('GET', 'ttl:a'), 1],
    [asking + cmd('MSET', 'ttl:a', 1, 'ttl:b', 2) + cmd('ECHO', 'x'), 2],
    [asking + cmd('MSET', 'ttl:a', 'x'.repeat(20_000), 'ttl:b', 2) + cmd('ECHO', 'x'), 2],
    [asking + cmd('SETNX', 'ttl:a', 1) + cmd('SETNX', 'ttl:b', 1) + cmd('SETNX', 'str:a', 1), 1],
    [
      asking +
        cmd('MULTI') +
        cmd('SETNX', 'ttl:a', 1) +
        cmd('SETNX', 'ttl:b', 1) +
        cmd('EXEC') +
        cmd('SETNX', 'ttl:b', 1),
      2,
    ],
    [cmd('CLIENT', 'REPLY', 'OFF') + asking + cmd('SETNX', 'ttl:a', 1) + cmd('CLIENT', 'REPLY', 'ON'), 1],
  ] as const) {
    const scenario = { client: cmd('PING') + client, server };
    const { client: seen, ttls } = everyWay(scenario, ['client', 'ttls']);
    t.equal(seen, direct(scenario), client.slice(0, 60));
    t.equal(Object.keys(ttls).filter((key) => key.startsWith('ttl:')).length, keys);
  }
});

t.test('a server without PEXPIRE NX: rewrites only', async (t) => {
  const client = cmd('SET', 'str:a', 1) + cmd('SETNX', 'str:b', 1) + cmd('INCR', 'ttl:c');
  const { commands, writes } = asDirect(t, { client, followUps: false }, 'old server');
  t.same(
    commands.map(([name]) => name),
    ['SET', 'SETNX', 'INCR'],
  );
  t.same(writes, ['set str:a INJECTED', 'setnx str:b WITHOUT_TTL', 'incr ttl:c KEPT']);
});

t.test('the reply to a TTL that Spillway takes back for EXPIRE … NX is not the client’s', async (t) => {
  const { session, client, upstream } = makeSession({ keys: new KeyMemory(() => 0) });
  session.fromClient(Buffer.from(cmd('SET', 'ttl:a', 1)));
  session.fromUpstream(Buffer.from('+OK\r\n'));
  client.take();
  session.fromClient(Buffer.from(cmd('EXPIRE', 'ttl:a', 60, 'NX') + cmd('PING')));
  t.match(upstream.take().toString(), 'EVAL');
  session.fromUpstream(Buffer.from(':1\r\n:0\r\n+PONG\r\n'));
  t.equal(client.take().toString(), ':0\r\n+PONG\r\n');
});

t.test(
  'an EXPIRE that the server refuses, of a key without a TTL of the rule, brings nothing with it',
  async (t) => {
    const asked = [['abc'], ['-1', 'GT', 'NX'], ['0', 'NX'], ['60', 'XX']].map((words) =>
      cmd('EXPIRE', 'ttl:a', ...words),
    );
    for (const first of [cmd('SET', 'ttl:a', 1, 'EX', 9), cmd('DEL', 'ttl:a')]) {
      const { session, upstream } = makeSession({ keys: new KeyMemory(() => 0) });
      const sent = first + asked.join('');
      session.fromClient(Buffer.from(sent));
      t.equal(upstream.all(), sent);
    }
  },
);

t.test('only a TTL that the rule gave is renewed', async (t) => {
  const rules = RULES.map((rule) => ({ ...rule, renew: true }));
  for (const first of [cmd('SET', 'ttl:a', 1, 'EX', 9), cmd('DEL', 'ttl:a'), cmd('SET', 'ttl:a', 1)]) {
    let now = 0;
    const { session, upstream } = makeSession({ rules, keys: new KeyMemory(() => now) });
    session.fromClient(Buffer.from(first));
    now = 30_000;
    upstream.take();
    session.fromClient(Buffer.from(cmd('INCR', 'ttl:a')));
    const [, behind] = upstream.all().split(cmd('INCR', 'ttl:a'));
    if (first === cmd('SET', 'ttl:a', 1)) t.match(behind, '$4\r\nEVAL\r\n');
    else t.equal(behind, cmd('PEXPIRE', 'ttl:a', 60_000, 'NX'));
  }
});

t.test('a follow-up waits for EXEC wherever its key stands in what was read', async (t) => {
  const { session, upstream, observer } = makeSession({});
  const between = cmd('SET', 'other', 'v'.repeat(10_000)).repeat(120);
  session.fromClient(Buffer.from(cmd('MULTI') + between + cmd('INCR', 'ttl:a') + cmd('EXEC')));
  session.fromUpstream(
    Buffer.from(`+OK\r\n${'+QUEUED\r\n'.repeat(121)}*121\r\n${'+OK\r\n'.repeat(120)}:1\r\n`),
  );
  t.same(observer.followUps, []);
  t.ok(upstream.all().endsWith(cmd('EXEC') + cmd('PEXPIRE', 'ttl:a', 60_000, 'NX')));
});

t.test(
  'a large script is held until its keys are known, once the client is known to be let in',
  async (t) => {
    const rules = RULES.map((rule) => ({ ...rule, applyToAll: true, scriptTtl: true }));
    const script = cmd('EVAL', 'return 1', 1, 'ttl:a', 'v'.repeat(20_000));
    const followUp = cmd('PEXPIRE', 'ttl:a', 60_000, 'NX');
    for (const [first, reply, known] of [
      [cmd('PING'), '+PONG\r\n', true],
      [cmd('AUTH', 'wrong'), '-WRONGPASS no\r\n', false],
      ['', '', false],
    ] as const) {
      const { session, upstream } = makeSession({ rules });
      session.fromClient(Buffer.from(first));
      session.fromUpstream(Buffer.from(reply));
      upstream.take();
      session.fromClient(Buffer.from(script.slice(0, 18_000)));
      t.equal(upstream.take().length > 0, !known, first);
      session.fromClient(Buffer.from(script.slice(18_000)));
      t.equal(upstream.take().toString().endsWith(followUp), known, first);
    }
  },
);
