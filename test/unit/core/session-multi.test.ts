// Transactions: follow-ups wait for EXEC's success, a shed poisons the whole, and EXEC's reply is never touched.
import t from 'tap';
import { cmd, direct, everyWay, OOM } from '../../support/session-lab.js';

const MULTI = cmd('MULTI');
const EXEC = cmd('EXEC');
const BODY = cmd('SETNX', 'str:a', 1) + cmd('INCR', 'ttl:b') + cmd('SET', 'str:c', 2);
const FOLLOW_UPS = [
  ['PEXPIRE', 'str:a', '30000', 'NX'],
  ['PEXPIRE', 'ttl:b', '60000', 'NX'],
];
const names = (commands: readonly string[][]): string => commands.map(([name]) => name).join(' ');

t.test('follow-ups go out behind EXEC, once it succeeded', async (t) => {
  const scenario = { client: MULTI + BODY + EXEC + cmd('GET', 'str:a') };
  const { client, commands, followUps, ttls } = everyWay(scenario);
  t.equal(client, direct(scenario));
  t.same(commands.slice(5, 7), FOLLOW_UPS);
  t.equal(names(commands), 'MULTI SETNX INCR SET EXEC PEXPIRE PEXPIRE GET');
  t.same(followUps, ['2 SET', '1 SET']);
  t.same(Object.keys(ttls), ['str:c', 'str:a', 'ttl:b']);
});

t.test('statistics know which writes are a part of a transaction', async (t) => {
  const around = (key: string) => cmd('SET', key, 1);
  const discarded = MULTI + around('str:d') + cmd('DISCARD');
  const client = around('str:x') + MULTI + BODY + EXEC + around('str:y') + discarded + around('str:z');
  const { writes, inMulti } = everyWay({ client });
  t.same(inMulti, ['str:a', 'ttl:b', 'str:c', 'str:d']);
  t.equal(writes.length, 7);
});

t.test('several transactions in one pipeline, with RESP3 and pushes', async (t) => {
  const noise = (): string => '>2\r\n+invalidate\r\n_\r\n';
  const transaction = MULTI + BODY + EXEC;
  const scenario = {
    client: cmd('HELLO', 3) + transaction + cmd('DEL', 'str:a') + transaction + cmd('PING'),
  };
  const quiet = everyWay(scenario);
  t.equal(quiet.client, direct(scenario));
  const { client, followUps } = everyWay({ ...scenario, server: { noise } });
  t.equal(client.replaceAll(noise(), ''), direct(scenario), 'nothing is lost or moved among pushes');
  t.equal(followUps.length, 4);
});

t.test('nothing follows a transaction that came to nothing', async (t) => {
  for (const [what, end, server] of [
    ['EXEC answers nil', EXEC, { watchFails: true }],
    ['EXECABORT', cmd('INCR') + EXEC, {}],
    ['DISCARD', cmd('DISCARD'), {}],
    ['RESET', cmd('RESET'), {}],
  ] as const) {
    const scenario = { client: MULTI + BODY + end + cmd('GET', 'str:a'), server };
    const { client, commands, followUps } = everyWay(scenario);
    t.equal(client, direct(scenario), what);
    t.notMatch(names(commands), /PEXPIRE/, what);
    t.same(followUps, [], what);
  }
});

t.test('MULTI refused: what follows was executed as it came, so its follow-ups are due', async (t) => {
  const server = { denied: ['multi'] };
  for (const tail of ['', EXEC, EXEC + cmd('SETNX', 'str:z', 1)]) {
    const scenario = { client: MULTI + BODY + tail + cmd('GET', 'str:a'), server };
    // When they go up depends on when the refusal comes.
    const { client, ttls } = everyWay(scenario, ['client', 'values']);
    t.equal(client, direct(scenario));
    t.match(ttls, { 'str:a': 30_000, 'ttl:b': 60_000, 'str:c': 30_000 }, 'with a TTL each');
  }
});

t.test('a shed inside poisons: EXEC aborts, nothing is executed', async (t) => {
  for (const shed of [cmd('SET', 'low:x', 1), cmd('MSET', 'other', 1, 'low:x', 2), 'SET low:x 1\r\n']) {
    const full = (key: string) => key.startsWith('low:');
    const scenario = { client: MULTI + BODY + shed + BODY + EXEC + cmd('GET', 'str:a') };
    const { client, commands, values, sheds } = everyWay({ ...scenario, shedding: true });
    t.equal(client, direct({ ...scenario, server: { full } }), 'as if Redis itself had refused');
    t.ok(client.includes(OOM) && client.includes('-EXECABORT'));
    t.same(values, {});
    t.equal(sheds.length, 1);
    t.notOk(
      commands.some((args) => args.includes('low:x')),
      'its bytes never went up',
    );
  }
});

t.test('a transaction that begins the connection may be shed from', async (t) => {
  const scenario = { client: MULTI + cmd('SET', 'low:x', 1) + EXEC, shedding: true };
  const { client, commands } = everyWay(scenario);
  t.equal(client, `+OK\r\n${OOM}-EXECABORT Transaction discarded because of previous errors.\r\n`);
  t.equal(names(commands), 'MULTI GET EXEC', 'no probe inside it');
});

t.test('SUBSCRIBE and CLIENT REPLY inside: bytes pass unread from EXEC on, in both directions', async (t) => {
  for (const inside of [cmd('SUBSCRIBE', 'c', 'd'), cmd('CLIENT', 'REPLY', 'SKIP'), cmd('HELLO', 3)]) {
    const scenario = { client: MULTI + inside + EXEC + cmd('PING') + cmd('SET', 'low:x', 1), shedding: true };
    const { client, raw, upstream } = everyWay(scenario);
    t.equal(client, direct(scenario));
    t.equal(upstream, scenario.client);
    t.ok(raw);
  }
});

t.test('SELECT inside: what was written before it cannot be reached afterwards', async (t) => {
  const client = MULTI + cmd('SETNX', 'str:a', 1) + cmd('SELECT', 1) + cmd('SETNX', 'str:b', 1) + EXEC;
  const { commands, followUps } = everyWay({ client });
  t.same(commands.at(-1), ['PEXPIRE', 'str:b', '30000', 'NX']);
  t.same(followUps, ['2 FAILED', '2 SET']);
});

t.test('errors that do not end a transaction', async (t) => {
  for (const odd of [MULTI, cmd('EXEC', 'x'), cmd('NOSUCH'), cmd('WATCH', 'k')]) {
    const scenario = { client: MULTI + cmd('SETNX', 'str:a', 1) + odd + EXEC + cmd('GET', 'str:a') };
    t.equal(everyWay(scenario).client, direct(scenario));
  }
});
