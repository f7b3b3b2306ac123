// Sheds through a whole session: Redis's own words, in the right place of any pipeline, silent where the client asked
// for silence, and never before Redis would have had its say about rights.
import t from 'tap';
import { hashKey } from '../../../src/core/policy/hash.js';
import { KeyMemory, sizeOf } from '../../../src/core/policy/key-memory.js';
import { Priority } from '../../../src/core/policy/rule.js';
import { sizeClassOf } from '../../../src/core/policy/size-class.js';
import { Place } from '../../../src/core/session/pooling/placement.js';
import { SharedLane } from '../../../src/core/session/pooling/shared-lane.js';
import {
  cmd,
  direct,
  everyWay,
  lend,
  makeSession,
  OK,
  OOM,
  RULES,
  type Scenario,
  ScriptedRedis,
  Sink,
} from '../../support/session-lab.js';

const full = (key: string): boolean => key.startsWith('low:');
const SHED = cmd('SET', 'low:x', 1);

/** What Redis would answer if it were full for the keys that are shed: a shed must look the same. */
const asFull = (scenario: Scenario): string => direct({ ...scenario, server: { ...scenario.server, full } });

t.test('in pipelines, in order', async (t) => {
  let client = cmd('PING');
  for (let i = 0; i < 30; i++) {
    client += i % 3 === 0 ? cmd('SET', `low:${i}`, i) : cmd('ECHO', i) + cmd('SETNX', `str:${i}`, i);
    if (i % 5 === 0) client += SHED;
  }
  const scenario = { client, shedding: true };
  const outcome = everyWay(scenario);
  t.equal(outcome.client, asFull(scenario));
  t.equal(outcome.sheds.length, 16);
  t.notMatch(outcome.upstream, /low:/);
});

t.test('only what Redis would refuse: known arity, growing, no mover', async (t) => {
  const client = [
    cmd('SET', 'low:x'),
    cmd('SET', 'low:x', 1, 'BOGUS'),
    cmd('DEL', 'low:x'),
    cmd('LMOVE', 'low:x', 'low:y', 'LEFT', 'RIGHT'),
    cmd('GETEX', 'low:x', 'EX', 5),
    cmd('INCR', 'low:x'),
    cmd('MSET', 'other', 1, 'low:x', 2),
    cmd('SET', 'watch:x', 1),
    'SET low:x "1"\r\n',
  ].join('');
  const scenario = { client, shedding: true };
  const outcome = everyWay(scenario);
  t.equal(outcome.client, asFull(scenario));
  t.same(outcome.sheds, ['set 3', 'incr 3', 'mset 3', 'set 5 observed', 'set 3']);
  t.notMatch(outcome.values, { other: '1' }, 'never half a command');
});

t.test('only keys below the threshold are shed, and never critical ones', async (t) => {
  const gate: Scenario['gate'] = (gate) => {
    gate.active = gate.byKey = true;
    gate.thresholds[Priority.LOW] = 2 ** 31;
  };
  const keys = Array.from({ length: 64 }, (_, i) => `low:${i}`);
  const client = cmd('PING') + keys.map((key) => cmd('SET', key, 1) + cmd('SET', key, 2)).join('');
  const outcome = everyWay({ client, gate });
  const shed = outcome.sheds.length / 2;
  t.ok(shed > 16 && shed < 48 && Number.isInteger(shed), `${shed} of 64 keys, each both times`);
  t.equal(outcome.client.split(OOM).length - 1, shed * 2);
});

t.test('a write larger than the headroom, before its bytes go up', async (t) => {
  const gate: Scenario['gate'] = (gate) => {
    gate.active = true;
    gate.headroom.fill(70_000);
  };
  const client =
    cmd('PING') + cmd('SET', 'a', 'x'.repeat(50_000)) + cmd('SET', 'b', 'y'.repeat(66_000)) + cmd('PING');
  const outcome = everyWay({ client, gate });
  t.equal(outcome.client, `+PONG\r\n+OK\r\n${OOM}+PONG\r\n`);
  t.notMatch(outcome.upstream, /y/);
});

t.test('on a connection that must authenticate: Redis answers NOAUTH', async (t) => {
  const server = { password: true };
  for (const client of [
    SHED + SHED,
    `${cmd('PING')}${SHED}${cmd('AUTH', 'wrong')}${SHED}`,
    `${SHED}${cmd('AUTH', 'secret')}${SHED}${cmd('SET', 'a', 1)}${SHED}`,
    `${cmd('AUTH', 'secret')}${SHED}`,
    `${cmd('HELLO', 3, 'AUTH', 'default', 'secret')}${SHED}${cmd('GET', 'low:x')}`,
    `${cmd('HELLO', 3)}${SHED}`,
    `${cmd('AUTH', 'secret')}${cmd('RESET')}${SHED}${cmd('GET', 'a')}`,
    `${SHED}${cmd('MULTI')}${SHED}${cmd('EXEC')}`,
    `${cmd('CLIENT', 'REPLY', 'OFF')}${SHED}${cmd('AUTH', 'secret')}${SHED}`,
    `${cmd('CLIENT', 'REPLY', 'SKIP')}${SHED}${SHED}`,
  ]) {
    const scenario = { client, server, shedding: true };
    t.equal(everyWay(scenario).client, asFull(scenario), JSON.stringify(client));
  }
});

t.test('behind what speaks of the next command, the server sees a command', async (t) => {
  for (const before of [cmd('ASKING'), cmd('CLIENT', 'CACHING', 'YES')]) {
    const scenario = { client: cmd('PING') + before + SHED + cmd('GET', 'a'), shedding: true };
    const { client, commands } = everyWay(scenario);
    t.equal(client, asFull(scenario));
    t.same(commands[2], ['GET'], 'refused for its arity, so it uses up what was said of it');
    t.equal(commands.length, 4);
  }
});

t.test('in silence: no reply, and the client learns nothing of what was done about it', async (t) => {
  const [off, on, skip] = ['OFF', 'ON', 'SKIP'].map((mode) => cmd('CLIENT', 'REPLY', mode));
  for (const client of [
    skip + SHED + cmd('PING'),
    off + SHED + SHED + on + SHED,
    skip + skip + SHED + SHED,
    off + skip + SHED + on + cmd('PING'),
    skip + off + SHED + on + cmd('PING'),
    skip + on + SHED,
    skip + cmd('MULTI') + SHED + cmd('EXEC'),
    off + cmd('MULTI') + SHED + cmd('EXEC') + on + cmd('PING'),
    off + cmd('RESET') + SHED,
  ]) {
    const scenario = { client, shedding: true };
    t.equal(everyWay(scenario).client, asFull(scenario), JSON.stringify(client));
  }
});

t.test('with pushes between replies, and on a subscriber', async (t) => {
  const push = '>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n';
  const client = cmd('HELLO', 3) + cmd('SUBSCRIBE', 'c', 'd') + SHED + cmd('PING') + SHED;
  const scenario = { client, shedding: true };
  t.equal(everyWay(scenario).client, asFull(scenario));
  const noisy = everyWay({ ...scenario, server: { noise: () => push } });
  t.equal(noisy.client.replaceAll(push, ''), asFull(scenario));
});

t.test('an OOM text from a script or module does not count as the server’s', async (t) => {
  const text = OOM.slice(1, -2);
  for (const said of [text, 'OOM because the script says so', 'NOAUTH not really']) {
    for (const client of [cmd('EVAL', said, 0), cmd('MULTI') + cmd('EVAL', said, 0) + cmd('EXEC')]) {
      const scenario = { client: cmd('PING') + client + SHED + cmd('PING'), shedding: true };
      const { client: seen, upstreamOoms } = everyWay(scenario);
      t.equal(seen, asFull(scenario), said);
      t.equal(upstreamOoms, 0, said);
    }
  }
  const { session, observer } = makeSession({});
  session.fromClient(Buffer.from(cmd('SET', 'a', 1) + cmd('NO.SUCH') + cmd('DEBUG', 'ERROR', text)));
  session.fromUpstream(Buffer.from(`-OOM of another kind\r\n${OOM}${OOM}`));
  t.equal(observer.upstreamOoms, 0);
});

t.test('scripts, where a rule refuses them: whole, in order, and poisoning their transaction', async (t) => {
  const rules = RULES.map((rule) => ({ ...rule, refusesScripts: rule.name === 'low:*' || rule.observe }));
  const script = (...keys: string[]) => cmd('EVAL', 'from a script', keys.length, ...keys, 'low:argument');
  const transaction = cmd('MULTI') + cmd('SET', 'a', 1) + script('low:x') + cmd('EXEC');
  const pieces = [
    script('low:x'),
    script('other'),
    script('other', 'low:y'),
    script(),
    script('watch:x'),
    transaction,
    cmd('SET', 'b', 2) + script('low:x'),
    cmd('CLIENT', 'REPLY', 'SKIP') + script('low:x') + cmd('PING'),
    cmd('CLIENT', 'REPLY', 'OFF') + script('low:x') + SHED + cmd('CLIENT', 'REPLY', 'ON'),
  ];
  const scenario: Scenario = { client: pieces.join(''), shedding: true, rules };
  const outcome = everyWay(scenario);
  t.equal(outcome.client, direct({ ...scenario, server: { full, fullForScripts: true } }));
  t.equal(outcome.sheds.filter((shed) => shed === 'eval 3').length, 6);
  t.equal(outcome.sheds.filter((shed) => shed === 'eval 5 observed').length, 1);
  t.match(outcome.values, { a: undefined, b: '2' });
  const passed = everyWay({ ...scenario, rules: RULES });
  t.notOk(
    passed.sheds.some((shed) => shed.startsWith('eval')),
    'by default they pass',
  );
});

t.test('the keys that a script names get their TTL behind it, unseen', async (t) => {
  const rules = RULES.map((rule) => ({ ...rule, scriptTtl: rule.applyToAll }));
  const script = (...keys: string[]) => cmd('EVAL', 'from a script', keys.length, ...keys, 'ttl:argument');
  const client = [
    cmd('RPUSH', 'ttl:b', 1) + cmd('RPUSH', 'ttl:argument', 1) + cmd('PERSIST', 'ttl:argument'),
    script('ttl:a', 'other', 'ttl:b'),
    cmd('MULTI') + script('ttl:c') + cmd('EXEC'),
    script('ttl:d') + cmd('PING'),
  ].join('');
  const scenario: Scenario = { client, rules };
  const outcome = everyWay(scenario);
  t.equal(outcome.client, direct(scenario));
  const given = [...outcome.upstream.matchAll(/PEXPIRE\r\n\$\d+\r\n(\S+)\r\n/g)].map(([, key]) => key);
  t.same(given, ['ttl:b', 'ttl:argument', 'ttl:a', 'ttl:b', 'ttl:c', 'ttl:d']);
  t.same(
    outcome.writes.filter((write) => write.startsWith('eval')),
    [...['eval ttl:a FOLLOW_UP', 'eval ttl:b FOLLOW_UP', 'eval ttl:c FOLLOW_UP', 'eval ttl:d FOLLOW_UP']],
  );
});

t.test('BITFIELD that only reads is no write', async (t) => {
  for (const [words, shed] of [
    [['GET', 'u8', 0], false],
    [['OVERFLOW', 'SAT', 'get', 'u8', 0, 'GET', 'u4', 1], false],
    [[], false],
    [['GET', 'u8', 0, 'set', 'u8', 0, 1], true],
    [['INCRBY', 'u8', 0, 1], true],
  ] as const) {
    const client = cmd('PING') + cmd('BITFIELD', 'low:a', ...words) + cmd('PING');
    const { client: seen, writes } = everyWay({ client, shedding: true });
    const read = words.filter((word) => /^get$/i.test(String(word))).length;
    const answer = `*${read}\r\n${':0\r\n'.repeat(read)}`;
    t.equal(seen, `+PONG\r\n${shed ? OOM : answer}+PONG\r\n`, words.join(' '));
    t.same(writes, []);
  }
  t.same(everyWay({ client: cmd('BITFIELD', 'ttl:a', 'GET', 'u8', 0) }).followUps, [], 'nor followed up');
});

t.test('an OOM of Redis itself is told', async (t) => {
  const scenario = {
    client: cmd('SET', 'low:a', 1) + cmd('GET', 'a') + cmd('INCR', 'low:b'),
    server: { full },
  };
  const { client, upstreamOoms } = everyWay(scenario);
  t.equal(client, direct(scenario));
  t.equal(upstreamOoms, 2);
});

/** A connection that clients share, and the server at its end. */
function sharedLine() {
  const server = new ScriptedRedis({});
  const batch = new Sink();
  const lane = new SharedLane();
  const serve = () => lend(server.receive(batch.take()), (replies) => lane.receive(replies));
  return { server, batch, lane, serve, allowance: Number.POSITIVE_INFINITY };
}

t.test('a refused write keeps a client that shares on the connection that it reads from', async (t) => {
  const pairs = 3;
  const pipeline = Buffer.from((cmd('GET', 'k') + SHED).repeat(pairs), 'latin1');
  const refused = `$-1\r\n${OOM}`.repeat(pairs);
  for (let cut = 0; cut < pipeline.length; cut++) {
    const [reads, writes] = [sharedLine(), sharedLine()];
    const { session, client, observer, context } = makeSession({ shedding: true }, true, (pausable) =>
      pausable ? writes : reads,
    );
    session.fromClient(Buffer.from(cmd('PING'), 'latin1'));
    session.attachShared(reads);
    reads.serve();
    const { stalls } = context.counters;
    for (const piece of [pipeline.subarray(0, cut), pipeline.subarray(cut)]) {
      lend(piece, (bytes) => session.fromClient(bytes));
    }
    t.match(session, { stalled: false, wants: Place.NOWHERE }, `cut at ${cut}: it waits for nothing`);
    t.equal(context.counters.stalls, stalls);
    reads.serve();
    t.equal(reads.server.commands.length, 1 + pairs, 'all reads go up in one round trip');
    t.equal(writes.batch.bytes, 0, 'and nothing by the connection for writes');
    t.equal(client.all(), `+PONG\r\n${refused}`);
    t.equal(observer.sheds.length, pairs);
    lend(Buffer.from(cmd('SET', 'a', 1) + SHED + cmd('GET', 'a'), 'latin1'), (bytes) =>
      session.fromClient(bytes),
    );
    writes.serve();
    t.equal(client.all(), `+PONG\r\n${refused}${OK}${OOM}$1\r\n1\r\n`, 'a write that passes moves it');
    t.equal(session.fault, undefined);
  }
});

t.test('a client that shares and has to log in gets the words of the server', async (t) => {
  const line = sharedLine();
  const { session, client, observer } = makeSession({ shedding: true }, true, () => line);
  session.fromClient(Buffer.from(cmd('GET', 'k'), 'latin1'));
  session.attachShared(line);
  line.lane.receive(Buffer.from('-NOAUTH Authentication required.\r\n', 'latin1'));
  session.fromClient(Buffer.from(SHED, 'latin1'));
  t.match(session, { stalled: false, wants: Place.NOWHERE });
  t.equal(client.all(), '-NOAUTH Authentication required.\r\n');
  t.equal(line.batch.all(), cmd('GET', 'k') + SHED);
  t.same(observer.sheds, []);
});

t.test(
  'the gate hears of an answered DEL while writes are refused by key, and of nothing else',
  async (t) => {
    for (const [shedding, sent, heard] of [
      [true, cmd('DEL', 'a'), 1],
      [true, cmd('UNLINK', 'a', 'b'), 1],
      [true, cmd('DEL', 'a') + cmd('DEL', 'b'), 1],
      [true, cmd('EXISTS', 'a') + cmd('SET', 'other', 1), 0],
      [false, cmd('DEL', 'a'), 0],
    ] as const) {
      const { session, context } = makeSession({ shedding });
      const told: boolean[] = [];
      context.policy.gate.onRelief = (answered) => told.push(answered);
      session.fromClient(Buffer.from(sent));
      t.same(told, [], 'not before it is answered');
      session.fromUpstream(Buffer.from(':1\r\n'));
      session.fromUpstream(Buffer.from(':1\r\n'.repeat(sent.split('*').length - 2)));
      t.same(told, Array(heard).fill(true), sent);
    }
  },
);

t.test('SETRANGE and SETBIT within a string leave its size as it is', async (t) => {
  for (const within of [
    ['SETRANGE', 'other', 10, 'xyz'],
    ['SETBIT', 'other', 100, 1],
  ]) {
    const keys = new KeyMemory(() => 0);
    const { session } = makeSession({ keys });
    const key = Buffer.from('other');
    const size = () => sizeOf(keys.find(key, 0, key.length, hashKey(key, 0, key.length), 0));
    session.fromClient(Buffer.from(cmd('SET', 'other', 'x'.repeat(1000))));
    t.equal(size(), sizeClassOf(1000));
    session.fromClient(Buffer.from(cmd(...within)));
    t.equal(size(), sizeClassOf(1000), String(within[0]));
  }
});
