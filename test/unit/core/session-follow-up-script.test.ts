// Follow-ups on servers before 7.0, which know no PEXPIRE … NX: a script in its place, wherever a follow-up can stand.
import t, { type Test } from 'tap';
import { EXPIRE_BY_SCRIPT, EXPIRE_NX } from '../../../src/core/resp/encode.js';
import { cmd, direct, everyWay, makeSession, type Scenario } from '../../support/session-lab.js';

const before7 = true;

/** What went up, each follow-up as `follow-up key ms`. */
function upstream(commands: readonly string[][]): string[] {
  return commands.map((args) => {
    if (args[0] !== 'EVAL') return args.join(' ');
    const [, script, keys, ...rest] = args;
    if (keys !== '1' || script !== EXPIRE_BY_SCRIPT.head.toString().split('\r\n')[4]) return args.join(' ');
    return `follow-up ${rest.join(' ')}`;
  });
}

function onOldServer(t: Test, scenario: Scenario, what: string) {
  const outcome = everyWay({ ...scenario, server: { ...scenario.server, before7 } });
  t.equal(outcome.client, direct({ ...scenario, server: { ...scenario.server, before7 } }), what);
  return { ...outcome, sent: upstream(outcome.commands) };
}

t.test('behind each write that has no place for a TTL', async (t) => {
  for (const [write, key, ms] of [
    ['SETNX str:a v', 'str:a', 30_000],
    ['GETSET str:a v', 'str:a', 30_000],
    ['SET str:a v KEEPTTL', 'str:a', 30_000],
    ['MSET str:a v', 'str:a', 30_000],
    ['INCR ttl:a', 'ttl:a', 60_000],
    ['APPEND ttl:a v', 'ttl:a', 60_000],
    ['RPUSH ttl:a v', 'ttl:a', 60_000],
    ['HSET ttl:a f v', 'ttl:a', 60_000],
  ] as const) {
    for (const client of [cmd(...write.split(' ')), `${write}\r\n`]) {
      const { sent, ttls, followUps } = onOldServer(t, { client: client + cmd('GET', key) }, write);
      t.same(sent, [write, `follow-up ${key} ${ms}`, `GET ${key}`], write);
      t.same(ttls, { [key]: ms }, write);
      t.match(followUps, [/ SET$/], write);
    }
  }
});

t.test('a TTL that is there stays, and a rewritten write needs no script', async (t) => {
  const client =
    cmd('SET', 'ttl:a', 1, 'EX', 9) + cmd('INCR', 'ttl:a') + cmd('SET', 'str:a', 1) + cmd('PING');
  const { sent, ttls, followUps } = onOldServer(t, { client }, 'kept');
  t.same(sent.slice(1), ['INCR ttl:a', 'follow-up ttl:a 60000', 'SET str:a 1 PX 30000', 'PING']);
  t.same(ttls, { 'ttl:a': 9000, 'str:a': 30_000 });
  t.same(followUps, ['1 UNCHANGED']);
});

t.test('behind EXEC, an MSET that streams, and ASKING', async (t) => {
  const body = cmd('SETNX', 'str:a', 1) + cmd('MSET', 'str:b', 2, 'other', 3, 'ttl:c', 4);
  const multi = onOldServer(t, { client: cmd('MULTI') + body + cmd('EXEC') + cmd('GET', 'str:a') }, 'EXEC');
  t.same(multi.sent.slice(4), [
    'follow-up str:a 30000',
    'follow-up str:b 30000',
    'follow-up ttl:c 60000',
    'GET str:a',
  ]);
  t.same(Object.keys(multi.ttls), ['str:a', 'str:b', 'ttl:c']);
  const failed = { client: cmd('MULTI') + body + cmd('EXEC'), server: { watchFails: true } };
  t.same(onOldServer(t, failed, 'a watched key changed').sent.slice(4), []);

  const value = 'x'.repeat(40_000);
  const large = onOldServer(
    t,
    { client: cmd('MSET', 'str:a', value, 'ttl:b', value) + cmd('PING') },
    'large',
  );
  t.same(large.sent.slice(1), ['follow-up str:a 30000', 'follow-up ttl:b 60000', 'PING']);

  const importing = (key: string): boolean => key.startsWith('str:');
  const moving = { client: cmd('ASKING') + cmd('SETNX', 'str:a', 1) + cmd('PING'), server: { importing } };
  const asked = onOldServer(t, moving, 'a slot on its way here');
  t.same(asked.sent, ['ASKING', 'SETNX str:a 1', 'ASKING', 'follow-up str:a 30000', 'PING']);
  t.same(asked.followUps, ['2 SET']);
});

t.test('a user who may not is asked once; another one again', async (t) => {
  for (const denied of [['eval'], ['pttl'], ['pexpire']]) {
    // The refusal is here before the next write comes.
    const { session, upstream, observer } = makeSession({ server: { before7 } });
    const send = (...args: string[]) => session.fromClient(Buffer.from(cmd(...args)));
    const answer = (text: string) => session.fromUpstream(Buffer.from(text));
    send('SETNX', 'str:a', '1');
    answer(':1\r\n-NOPERM\r\n');
    upstream.take();
    send('SETNX', 'str:b', '1');
    answer(':1\r\n');
    t.equal(upstream.take().toString(), cmd('SETNX', 'str:b', '1'), `${denied}: not tried again`);
    send('AUTH', 'other', 'secret');
    answer('+OK\r\n');
    send('SETNX', 'str:c', '1');
    answer(':1\r\n:1\r\n');
    t.same(observer.followUps, ['2 DENIED', '2 SET'], `${denied}`);
    t.ok(session.idle);
    const server = { denied, before7 };
    const scenario = { client: cmd('SETNX', 'str:a', 1) + cmd('SETNX', 'str:b', 1), server };
    // Whether the second one is tried depends on when the refusal of the first one comes.
    t.match(everyWay(scenario, ['client', 'ttls']), { client: direct(scenario), ttls: {} }, `${denied}`);
  }
});

t.test('another server behind the same client, before or behind 7.0', async (t) => {
  const { session, context, upstream, observer } = makeSession({ server: { before7 } });
  const setnx = (key: string): string => {
    session.fromClient(Buffer.from(cmd('SETNX', key, '1')));
    return upstream.take().toString();
  };
  t.match(setnx('str:a'), /EVAL.*str:a\r\n\$5\r\n30000\r\n$/s);
  session.fromUpstream(Buffer.from(':1\r\n-NOPERM this user has no permissions to run the eval command\r\n'));
  t.equal(setnx('str:b'), cmd('SETNX', 'str:b', '1'), 'not here');
  session.fromUpstream(Buffer.from(':1\r\n'));

  session.fromClient(Buffer.from(cmd('MULTI') + cmd('SETNX', 'str:c', '1')));
  session.fromUpstream(Buffer.from('+OK\r\n+QUEUED\r\n'));
  upstream.take();
  context.followUp = EXPIRE_NX;
  t.equal(setnx('str:d'), cmd('SETNX', 'str:d', '1'));
  session.fromClient(Buffer.from(cmd('EXEC')));
  session.fromUpstream(Buffer.from('+QUEUED\r\n*2\r\n:1\r\n:1\r\n'));
  t.equal(
    upstream.take().toString(),
    cmd('EXEC') + cmd('PEXPIRE', 'str:d', 30_000, 'NX'),
    'there what it takes',
  );
  session.fromUpstream(Buffer.from(':1\r\n'));
  t.same(observer.followUps, ['2 DENIED', '2 SET']);
  t.ok(session.idle);
});

t.test('as many keys wait for EXEC as with PEXPIRE, to the same bound', async (t) => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `str:${i}`);
  const waited = [false, true].map((before7) => {
    const { session, upstream, observer } = makeSession({ server: { before7 } });
    session.fromClient(
      Buffer.from(cmd('MULTI') + keys.map((key) => cmd('SETNX', key, 1)).join('') + cmd('EXEC')),
    );
    const replies = `+OK\r\n${'+QUEUED\r\n'.repeat(keys.length)}*${keys.length}\r\n${':1\r\n'.repeat(keys.length)}`;
    session.fromUpstream(Buffer.from(replies));
    const sent = upstream.all().split(before7 ? 'EVAL' : 'PEXPIRE').length - 1;
    t.equal(observer.followUps.length, keys.length - sent, 'the rest counts as failed');
    session.close();
    return sent;
  });
  t.equal(waited[0], waited[1]);
  t.ok(waited[0] > 15_000 && waited[0] < keys.length, `${waited[0]}`);
});
