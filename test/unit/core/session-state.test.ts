// What a connection's own commands do to it: subscriptions in RESP2 and RESP3, CLIENT REPLY, MONITOR, RESET, bytes
// that are no RESP, stalls. Always the same question: does every reply still find its command?
import t from 'tap';
import { SharedLane } from '../../../src/core/session/pooling/shared-lane.js';
import {
  cmd,
  direct,
  everyWay,
  makeSession,
  OK,
  OOM,
  type ServerOptions,
  Sink,
} from '../../support/session-lab.js';
import { FULL } from '../../support/tier.js';

const SHED = cmd('SET', 'low:x', 1);
const full = (key: string): boolean => key.startsWith('low:');
const reply = (mode: string): string => cmd('CLIENT', 'REPLY', mode);

t.test('subscriptions: confirmations and replies keep their order', async (t) => {
  for (const client of [
    cmd('SUBSCRIBE', 'a', 'b', 'a') + cmd('PING') + cmd('UNSUBSCRIBE') + SHED + cmd('GET', 'k'),
    cmd('SUBSCRIBE', 'a') +
      cmd('PSUBSCRIBE', 'p*', 'q*') +
      cmd('SSUBSCRIBE', 's') +
      cmd('PUNSUBSCRIBE') +
      cmd('PING'),
    cmd('SUBSCRIBE', 'a', 'b') + cmd('PSUBSCRIBE', 'p') + cmd('UNSUBSCRIBE') + cmd('PUNSUBSCRIBE') + SHED,
    cmd('SSUBSCRIBE', 's', 't') +
      cmd('SUBSCRIBE', 'a') +
      cmd('SUNSUBSCRIBE') +
      cmd('UNSUBSCRIBE', 'a') +
      SHED,
    cmd('UNSUBSCRIBE') +
      cmd('PUNSUBSCRIBE') +
      cmd('SUNSUBSCRIBE') +
      SHED +
      cmd('SETNX', 'str:a', 1) +
      cmd('PING'),
    cmd('SUBSCRIBE', 'a') + cmd('UNSUBSCRIBE', 'x', 'y') + cmd('UNSUBSCRIBE') + SHED,
    cmd('SUBSCRIBE', 'a') + cmd('GET', 'k') + cmd('RESET') + SHED + cmd('GET', 'k'),
    cmd('SUBSCRIBE') + cmd('SUBSCRIBE', 'a') + cmd('UNSUBSCRIBE') + SHED,
  ]) {
    for (const hello of ['', cmd('HELLO', 3)]) {
      const scenario = { client: hello + client, shedding: true };
      t.equal(everyWay(scenario).client, direct({ ...scenario, server: { full } }), JSON.stringify(client));
    }
  }
});

t.test(
  'a failing AUTH behind other commands is answered by servers that leave its error out, too',
  async (t) => {
    const before = cmd('SETNX', 'str:a', 1) + cmd('PING');
    for (const login of [
      cmd('AUTH', 'wrong'),
      cmd('HELLO', 3, 'AUTH', 'admin', 'wrong'),
      cmd('AUTH', 'x'.repeat(100_000)),
    ]) {
      const client = before + login + cmd('GET', 'str:a') + before + login + login + cmd('PING');
      const scenario = { client, server: { losesAuthErrors: true } };
      t.equal(everyWay(scenario).client, direct(scenario), client);
      // In EXEC such a server leaves it out in any case, and what comes behind is misread by all: it passes as it is.
      const multi = { ...scenario, client: before + cmd('MULTI') + before + login + cmd('EXEC') + before };
      const { client: seen, raw } = everyWay(multi);
      t.equal(seen, direct(multi));
      t.ok(raw);
    }
    const { raw } = everyWay({ client: before + cmd('HELLO', 3) + cmd('AUTH', 'secret') + before });
    t.notOk(raw);
  },
);

t.test('messages between replies are no replies', async (t) => {
  const message = (
    args: readonly string[],
    { resp, subscriptions }: { resp: number; subscriptions: number },
  ) =>
    subscriptions > 0 && args[0] !== 'HELLO'
      ? `${resp === 3 ? '>' : '*'}3\r\n$7\r\nmessage\r\n$1\r\na\r\n$4\r\n*1\r\n\r\n`
      : '';
  for (const hello of ['', cmd('HELLO', 3)]) {
    for (const body of [
      cmd('PING') +
        cmd('SUBSCRIBE', 'b') +
        cmd('UNSUBSCRIBE') +
        cmd('SETNX', 'str:a', 1) +
        cmd('LRANGE', 'k', 0, 1),
      cmd('PING') + cmd('MULTI') + cmd('PING') + cmd('RESET') + cmd('PING'),
      // Refused on a RESP2 subscriber: the message in between must not be taken for the answer.
      reply('OFF') + cmd('PING') + reply('ON') + cmd('PING'),
      reply('SKIP') + cmd('PING') + cmd('PING'),
      cmd('MONITOR') + cmd('PING'),
      cmd('AUTH', 'x') + cmd('PING'),
    ]) {
      const scenario = {
        client: cmd('PING') + hello + cmd('SUBSCRIBE', 'a') + body,
        server: { noise: message },
      };
      const { client } = everyWay(scenario, ['client']);
      // The injected commands of a check draw messages of their own from this server.
      const seen = body.includes('REPLY') ? withoutMessages(client) : client;
      const expected = body.includes('REPLY') ? withoutMessages(direct(scenario)) : direct(scenario);
      t.equal(seen, expected, JSON.stringify(hello + body));
    }
  }
  function withoutMessages(text: string): string {
    return text.replace(/[>*]3\r\n\$7\r\nmessage\r\n\$1\r\na\r\n\$4\r\n\*1\r\n\r\n/g, '');
  }
});

t.test('a message between MULTI refused and a shed, on a RESP2 subscriber', async (t) => {
  const { session, client } = makeSession({ shedding: true });
  const message = '*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n';
  const confirmation = '*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n';
  const refused = (name: string) => `-ERR Can't execute '${name}'\r\n`;
  session.fromClient(Buffer.from(cmd('SUBSCRIBE', 'a')));
  session.fromUpstream(Buffer.from(confirmation));
  session.fromClient(Buffer.from(cmd('MULTI') + SHED + cmd('PING')));
  session.fromUpstream(Buffer.from(refused('multi') + message + refused('set') + message));
  session.fromUpstream(Buffer.from('*2\r\n$4\r\npong\r\n$0\r\n\r\n'));
  t.equal(
    client.all(),
    `${confirmation}${refused('multi')}${message}${OOM}${message}*2\r\n$4\r\npong\r\n$0\r\n\r\n`,
  );
  t.ok(session.idle);
});

t.test('CLIENT REPLY, accepted and refused', async (t) => {
  const tail = cmd('SETNX', 'str:a', 1) + cmd('PING') + SHED + cmd('GET', 'str:a');
  for (const server of [{}, { denied: ['client'] }]) {
    for (const client of [
      reply('OFF') + tail,
      reply('OFF') + tail + reply('ON') + tail,
      reply('SKIP') + tail,
      reply('skip') + reply('SKIP') + tail,
      reply('SKIP') + reply('OFF') + tail + reply('ON') + cmd('PING'),
      reply('OFF') + reply('SKIP') + tail + reply('ON') + cmd('PING'),
      reply('ON') + tail,
      reply('NONSENSE') + tail,
    ]) {
      const denied = (server as ServerOptions).denied !== undefined;
      if (denied && client.split('REPLY').length > 2) continue;
      const scenario = { client: cmd('PING') + client, server, shedding: true };
      const { client: seen, ttls } = everyWay(scenario);
      t.equal(seen, direct({ ...scenario, server: { ...server, full } }), JSON.stringify(client));
      t.same(ttls, { 'str:a': 30_000 }, 'the follow-up was sent in silence, too');
    }
  }
});

t.test('an empty command behind CLIENT REPLY SKIP: servers differ in what it uses up', async (t) => {
  for (const emptyKeepsSkip of [false, true]) {
    for (const nothing of ['*-1\r\n', '\r\n', '*0\r\n\r\n']) {
      const client = reply('SKIP') + nothing + cmd('SETNX', 'str:a', 1) + cmd('ECHO', 'end');
      const scenario = { client, server: { emptyKeepsSkip } };
      t.equal(everyWay(scenario).client, direct(scenario), JSON.stringify(nothing));
    }
  }
});

t.test('RESET ends the silence: what follows it has replies again', async (t) => {
  for (const behind of [
    SHED,
    cmd('SETNX', 'str:a', 1),
    cmd('CLIENT', 'GETNAME'),
    cmd('MULTI') + cmd('EXEC'),
  ]) {
    const client = reply('OFF') + cmd('GET', 'k') + cmd('RESET') + behind + cmd('ECHO', 'end');
    const scenario = { client, shedding: true };
    t.equal(everyWay(scenario).client, direct({ ...scenario, server: { full } }), JSON.stringify(behind));
  }
});

t.test('RESET behind SKIP and OFF is understood', async (t) => {
  const client = reply('SKIP') + reply('OFF') + cmd('GET', 'k') + cmd('RESET') + cmd('SETNX', 'str:a', 1);
  const { client: seen, raw } = everyWay({ client });
  t.equal(seen, direct({ client }));
  t.notOk(raw);
});

t.test('more arguments than a server takes: it gets their number at once', async (t) => {
  for (const [isKnown, argc, goesUp] of [
    [true, 1024 * 1024, false],
    [true, 1024 * 1024 + 1, true],
    [false, 10, false],
    [false, 11, true],
  ] as const) {
    const { session, upstream } = makeSession({ rules: [] });
    if (isKnown) {
      session.fromClient(Buffer.from(cmd('PING')));
      session.fromUpstream(Buffer.from('+PONG\r\n'));
      upstream.take();
    }
    const head = `*${argc}\r\n$3\r\nDEL\r\n$1\r\na\r\n`;
    session.fromClient(Buffer.from(head));
    t.equal(upstream.take().toString(), goesUp ? head : '', `${argc}`);
  }
});

t.test('growth sent in silence does not count as under way for ever', async (t) => {
  const { session, gate } = makeSession({});
  session.fromClient(Buffer.from(cmd('SET', 'k', 'v') + reply('OFF')));
  session.fromUpstream(Buffer.from('+OK\r\n+OK\r\n'));
  const before = gate.admitted;
  session.fromClient(Buffer.from(cmd('SET', 'k', 'v').repeat(50)));
  t.ok(gate.admitted > before);
  t.equal(gate.answered, gate.admitted, 'no reply will come that could tell');
});

t.test('MONITOR accepted: a stream of lines, nothing more is touched', async (t) => {
  const scenario = { client: cmd('PING') + cmd('MONITOR') + cmd('PING') + SHED, shedding: true };
  const { client, raw, upstream } = everyWay(scenario);
  t.equal(client, direct(scenario));
  t.equal(upstream, scenario.client);
  t.ok(raw);
});

t.test('MONITOR refused: all goes on', async (t) => {
  const server = { denied: ['monitor'] };
  const scenario = { client: cmd('MONITOR') + cmd('SETNX', 'str:a', 1) + SHED, server, shedding: true };
  const { client, raw, followUps } = everyWay(scenario);
  t.equal(client, direct({ ...scenario, server: { ...server, full } }));
  t.notOk(raw);
  t.same(followUps, ['2 SET']);
});

t.test('malformed bytes reach Redis as they are, behind all that was understood', async (t) => {
  for (const bad of [
    '*1\r\nPING\r\n',
    '*2\r\n$4\r\nECHO\r\n$-1\r\nrest',
    '*2\r\n$3\r\nGET\r\n:1\r\n*1\r\n',
  ]) {
    const scenario = { client: cmd('SETNX', 'str:a', 1) + SHED + bad, shedding: true, unfinished: true };
    const { client, upstream, raw } = everyWay(scenario);
    t.equal(client, direct({ ...scenario, server: { full } }));
    t.ok(upstream.endsWith(bad));
    t.ok(raw);
  }
});

t.test('malformed bytes in the middle of a large write that is being shed', async (t) => {
  // Text that would do harm if it were taken for a command: none of the value may go up.
  const value = `${'x'.repeat(20_000)}\r\nFLUSHALL\r\n${'x'.repeat(20_000)}`;
  const client = `${cmd('PING')}*5\r\n${cmd('SET', 'low:x', value).slice(4)}:1\r\nFLUSHALL\r\n`;
  const { client: seen, commands } = everyWay({ client, shedding: true, unfinished: true }, [
    'client',
    'commands',
  ]);
  t.same(commands, [['PING']], 'nothing of it is executed');
  t.equal(seen, "+PONG\r\n-ERR Protocol error: expected '$', got ':'\r\n", "Redis's own refusal");
});

t.test('a client that goes on while it is stalled: all is held, and comes in order', async (t) => {
  const { session, upstream, client } = makeSession({ pendingRuns: 2 });
  const send = (bytes: string) => session.fromClient(Buffer.from(bytes));
  const commands = Array.from({ length: 30 }, (_, i) => cmd('SETNX', `str:${i}`, i));
  for (const command of commands) {
    send(command.slice(0, 7));
    send(command.slice(7));
  }
  t.ok(session.stalled);
  t.match(upstream.all(), /str:0.*PEXPIRE.*str:0/s);
  t.notMatch(upstream.all(), /str:1/);
  for (let i = 0; i < 30; i++) {
    t.match(upstream.all(), new RegExp(`PEXPIRE\\r\\n\\$\\d\\r\\nstr:${i}\\r\\n`));
    session.fromUpstream(Buffer.from(':1\r\n:1\r\n'));
  }
  t.equal(client.all(), ':1\r\n'.repeat(30));
  t.notOk(session.stalled);
  t.ok(session.idle);
});

t.test('idle: nothing owed, no command and no transaction begun on the server', async (t) => {
  const { session } = makeSession({});
  const send = (bytes: string) => session.fromClient(Buffer.from(bytes));
  const answer = (bytes: string) => session.fromUpstream(Buffer.from(bytes));
  t.ok(session.idle);
  send('*1\r\n$4\r\nPI');
  t.ok(session.idle, 'half a command, which the server has not seen');
  send('NG\r\n');
  t.notOk(session.idle, 'a reply owed');
  answer('+PONG\r\n');
  t.ok(session.idle);
  send(cmd('MULTI'));
  answer('+OK\r\n');
  t.notOk(session.idle, 'a transaction');
  send(cmd('DISCARD'));
  answer('+OK\r\n');
  t.ok(session.idle);
  const large = cmd('GETSET', 'u:1', 'v'.repeat(20_000));
  send(large.slice(0, 10_000));
  t.notOk(session.idle, 'a command that goes up in pieces');
  send(large.slice(10_000));
  answer('$-1\r\n');
  t.ok(session.idle);
});

t.test('draining: what has begun is finished, nothing else is begun', async (t) => {
  const forwarded = (before: string, after: string, answers: string) => {
    const { session, upstream } = makeSession({ rules: [] });
    session.fromClient(Buffer.from(before));
    session.drain();
    session.fromClient(Buffer.from(after));
    session.fromUpstream(Buffer.from(answers));
    session.fromClient(Buffer.from(cmd('GET', 'late')));
    t.ok(session.idle);
    return upstream.all();
  };
  const large = cmd('SET', 'k', 'v'.repeat(20_000));
  const transaction = cmd('MULTI') + cmd('SET', 'k', 'v') + cmd('EXEC');
  t.equal(forwarded('', cmd('GET', 'k'), ''), '');
  t.equal(forwarded(cmd('GET', 'k'), cmd('GET', 'l'), '$-1\r\n'), cmd('GET', 'k'));
  t.equal(forwarded(`${cmd('GET', 'k')}*2\r\n$3\r\nGE`, 'T\r\n$1\r\nl\r\n', '$-1\r\n'), cmd('GET', 'k'));
  t.equal(forwarded('', large, ''), '', 'a large command behind it');
  t.equal(forwarded(large.slice(0, 18_000), large.slice(18_000), '+OK\r\n'), large, 'a large one under way');
  const executed = '+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n';
  for (let cut = cmd('MULTI').length; cut < transaction.length; cut++) {
    t.equal(
      forwarded(transaction.slice(0, cut), transaction.slice(cut), executed),
      transaction,
      `cut at ${cut}`,
    );
  }
  t.equal(forwarded('', transaction, ''), '', 'a transaction that has not begun');
});

for (const pooled of [false, true]) {
  const pooling = pooled ? 'command' : 'session';
  t.test(
    `draining during the check of CLIENT REPLY, ${pooling} pooling: what was held goes up`,
    async (t) => {
      const begin = (client: string) => {
        const made = makeSession({ rules: [] }, pooled);
        const { session, upstream } = made;
        session.fromClient(Buffer.from(client));
        if (pooled) session.attach(upstream, true);
        const checked = upstream.all().length;
        session.drain();
        t.notOk(session.idle, 'the check is waited for');
        return { ...made, behind: () => upstream.all().slice(checked) };
      };
      const writes = cmd('SET', 'k', 1) + cmd('INCR', 'n');
      const transaction = cmd('MULTI') + cmd('SET', 'k', 1) + cmd('EXEC');
      for (const held of [writes, transaction, cmd('SET', 'k', 'v'.repeat(100_000)) + writes]) {
        for (let cut = 0; cut <= held.length; cut += Math.ceil(held.length / (FULL ? 40 : 10))) {
          const { session, behind, client } = begin(reply('OFF') + held.slice(0, cut));
          session.fromClient(Buffer.from(held.slice(cut)));
          session.fromUpstream(Buffer.from(OK));
          t.equal(behind(), held, `cut at ${cut}`);
          session.fromClient(Buffer.from(writes));
          t.equal(behind(), held, 'what comes once it has gone up is not begun');
          t.equal(client.all(), '');
          t.match(session, { idle: true, unanswered: true, fault: undefined });
        }
      }
      const skip = begin(reply('SKIP') + writes);
      skip.session.fromUpstream(Buffer.from(OK));
      t.equal(skip.behind(), reply('SKIP') + cmd('SET', 'k', 1), 'of SKIP the one command that it silences');
      t.ok(skip.session.idle);
      const ended = begin(reply('OFF') + writes + reply('ON') + writes);
      for (let answers = 0; answers < 2; answers++) ended.session.fromUpstream(Buffer.from(OK));
      t.equal(ended.behind(), writes + reply('ON'), 'the client is told, and what is behind is not begun');
      t.equal(ended.client.all(), OK);
      t.ok(ended.session.idle);
      const refused = begin(reply('OFF') + writes);
      const no = '-NOPERM no\r\n';
      refused.session.fromUpstream(Buffer.from(no.repeat(3)));
      t.equal(refused.behind(), '', 'the client is not silent, so it is told');
      t.equal(refused.client.all(), no);
      t.ok(refused.session.idle);
      const large = begin(reply('OFF') + writes + cmd('SET', 'k', 'v'.repeat(100_000)).slice(0, 50_000));
      large.session.fromUpstream(Buffer.from(OK));
      t.notOk(large.session.idle, 'a large command of which a part has gone up');
    },
  );
}

t.test(
  'a shared connection that is lost: an error for each command, none for what Spillway asked',
  async (t) => {
    const batch = new Sink();
    const line = { batch, lane: new SharedLane(), allowance: Number.POSITIVE_INFINITY };
    const { session, client, observer } = makeSession({}, true, () => line);
    session.fromClient(Buffer.from(cmd('SETNX', 'str:a', 1) + cmd('GET', 'k') + cmd('PING'), 'latin1'));
    session.attachShared(line);
    t.equal(batch.all().split('PEXPIRE').length, 2, 'with a follow-up');
    line.lane.receive(Buffer.from(':1\r\n', 'latin1'));
    const error = Buffer.from('-ERR lost\r\n', 'latin1');
    line.lane.fail(error);
    t.equal(client.all(), `:1\r\n${error}${error}`);
    t.same(observer.followUps, ['2 FAILED']);
    t.match(session, { idle: true, fault: undefined });
  },
);
