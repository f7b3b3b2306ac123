// What a server tells unasked, cut at each place: whatever the client asks in the middle of it, each reply stays the
// reply to its own command, and the message whole. Then what only a scripted server can be made to say.
import t from 'tap';
import { Place } from '../../../src/core/session/pooling/placement.js';
import { SharedLane } from '../../../src/core/session/pooling/shared-lane.js';
import {
  cmd,
  consoleAnswer,
  direct,
  makeSession,
  ScriptedRedis,
  without,
} from '../../support/session-lab.js';

const full = (key: string): boolean => key.startsWith('low:');
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
/** Full of what could be taken for replies. */
const TEXT = ':1\r\n+OK\r\n$-1\r\n*3\r\n-OOM no\r\n';
const message = (type: string, ...words: string[]): string =>
  `${type}${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;

/** By the protocol that the subscriber speaks. */
const ASKED: Record<2 | 3, readonly string[]> = {
  2: [
    cmd('PING') + cmd('GET', 'k'),
    cmd('UNSUBSCRIBE') + cmd('SETNX', 'str:a', 1) + cmd('GET', 'str:a'),
    cmd('UNSUBSCRIBE', 'c') + cmd('SET', 'low:a', 1) + cmd('ECHO', 'x'),
    cmd('SUBSCRIBE', 'd') + cmd('UNSUBSCRIBE') + cmd('MSET', 'ttl:a', 1, 'ttl:b', 2) + cmd('PING'),
    cmd('SET', 'low:a', 1) + cmd('PING'),
    cmd('RESET') + cmd('SETNX', 'str:a', 1) + cmd('LRANGE', 'k', 0, 1),
    cmd('CLIENT', 'REPLY', 'SKIP') + cmd('PING') + cmd('PING'),
    cmd('AUTH', 'wrong') + cmd('PING'),
    cmd('PROXY', 'INFO') + cmd('PING'),
    cmd('MONITOR') + cmd('PING'),
    cmd('QUIT') + cmd('PING'),
  ],
  3: [
    cmd('GET', 'k') + cmd('SETNX', 'str:a', 1) + cmd('GET', 'str:a'),
    cmd('SET', 'low:a', 1) + cmd('ECHO', 'x'),
    cmd('UNSUBSCRIBE') + cmd('SETNX', 'str:a', 1) + cmd('LRANGE', 'k', 0, 1),
    cmd('MULTI') + cmd('SETNX', 'str:a', 1) + cmd('EXEC') + cmd('PING'),
    cmd('HELLO', 2) + cmd('PING') + cmd('UNSUBSCRIBE') + cmd('SETNX', 'str:a', 1) + cmd('PING'),
    cmd('RESET') + cmd('SETNX', 'str:a', 1) + cmd('SET', 'low:a', 1) + cmd('PING'),
    cmd('CLIENT', 'REPLY', 'OFF') + cmd('SETNX', 'str:a', 1) + cmd('CLIENT', 'REPLY', 'ON') + cmd('PING'),
    cmd('PROXY', 'INFO') + cmd('PING'),
    cmd('AUTH', 'wrong') + cmd('PING'),
    cmd('MONITOR') + cmd('PING'),
  ],
};

for (const pooled of [false, true]) {
  t.test(`asked in the middle of a message, ${pooled ? 'command' : 'session'} pooling`, async (t) => {
    for (const resp of [2, 3] as const) {
      const type = resp === 3 ? '>' : '*';
      const greeting = (resp === 3 ? cmd('HELLO', 3) : '') + cmd('PING') + cmd('SUBSCRIBE', 'c');
      for (const asked of ASKED[resp]) {
        const server = { full, console: true };
        const expected = direct({ greeting, client: asked, server });
        for (const told of [
          message(type, 'message', 'c', TEXT),
          message(type, 'pmessage', 'c*', 'c', TEXT),
        ]) {
          for (let cut = 0; cut <= told.length; cut++) {
            const seen = askedWithin({ resp, greeting, asked, told, cut, pooled });
            if (without([told], seen) !== expected)
              t.equal(without([told], seen), expected, `RESP${resp}, cut at ${cut}: ${asked}`);
          }
        }
        t.pass(`RESP${resp}: ${asked.replaceAll('\r\n', ' ')}`);
      }
    }
  });
}

interface Within {
  readonly greeting: string;
  readonly asked: string;
  readonly told: string;
  readonly cut: number;
  readonly resp: number;
  readonly pooled: boolean;
}

/** What may be owed to it on a shared connection. */
const ALLOWANCE = 256 * 1024;

/** What the client gets that asks when it has `cut` bytes of the message. */
function askedWithin({ greeting, asked, told, cut, pooled }: Within): string {
  const { session, upstream, client } = makeSession({ shedding: true, console: true }, pooled);
  const server = new ScriptedRedis({});
  const lane = new SharedLane();
  /** One connection stands for both the shared one and its own. */
  const provide = (): void => {
    while (session.wants !== Place.NOWHERE && session.idle) {
      if (session.wants === Place.SHARED)
        session.attachShared({ batch: upstream, lane, allowance: ALLOWANCE });
      else session.attach(upstream, true);
    }
  };
  const say = (text: string): void => {
    session.fromClient(bytes(text));
    provide();
  };
  const settle = (before = ''): void => {
    let ahead = before;
    for (let rounds = 0; rounds < 10; rounds++) {
      const replies = Buffer.concat([bytes(ahead), server.receive(upstream.take())]);
      if (pooled && !session.hasOwnUpstream) lane.receive(replies);
      else session.fromUpstream(replies);
      ahead = '';
      provide();
      const question = session.takeQuestion();
      if (question === undefined) continue;
      session.answer(question, bytes(consoleAnswer(question.words, question.resp)));
    }
  };
  say(greeting);
  settle();
  session.fromUpstream(bytes(told.slice(0, cut)));
  say(asked);
  settle(told.slice(cut));
  return client.all();
}

t.test('a session is not idle in the middle of a message', async (t) => {
  const { session } = makeSession({});
  session.fromUpstream(bytes('>2\r\n$10\r\ninval'));
  t.equal(session.idle, false);
  session.fromUpstream(bytes('idate\r\n_\r\n'));
  t.equal(session.idle, true);
  session.fromUpstream(bytes('|1\r\n+a\r\n+b\r\n'));
  t.equal(session.idle, false, 'nor behind an attribute whose value is still to come');
});

t.test('a subscription that a cluster ends unasked', async (t) => {
  for (const resp of [2, 3]) {
    const end = `${resp === 3 ? '>' : '*'}3\r\n$12\r\nsunsubscribe\r\n$1\r\nc\r\n:0\r\n`;
    for (const before of [true, false]) {
      const { session, client, upstream } = makeSession({});
      const server = new ScriptedRedis({});
      const say = (text: string, ...ahead: string[]): void => {
        session.fromClient(bytes(text));
        session.fromUpstream(Buffer.concat([bytes(ahead.join('')), server.receive(upstream.take())]));
      };
      say(resp === 3 ? cmd('HELLO', 3) : cmd('PING'));
      say(cmd('SSUBSCRIBE', 'c'));
      if (before) session.fromUpstream(bytes(end));
      // Ended in the server, too: it takes any command again.
      server.receive(bytes(cmd('SUNSUBSCRIBE', 'c')));
      const seen = client.all();
      if (before) say(cmd('GETSET', 'str:a', 1));
      else say(cmd('GETSET', 'str:a', 1), end);
      say(cmd('SUNSUBSCRIBE') + cmd('GET', 'str:a'));
      const wanted = direct({ client: (resp === 3 ? cmd('HELLO', 3) : '') + cmd('GETSET', 'str:a', 1) });
      const last = direct({
        client: (resp === 3 ? cmd('HELLO', 3) : '') + cmd('SUNSUBSCRIBE'),
      });
      const hello = resp === 3 ? direct({ client: cmd('HELLO', 3) }).length : 0;
      t.equal(
        client.all().slice(seen.length),
        `${before ? '' : end}${wanted.slice(hello)}${last.slice(hello)}$1\r\n1\r\n`,
        `RESP${resp}, ${before ? 'while nothing is asked' : 'before a reply'}`,
      );
      t.equal(session.idle, true);
    }
  }
});

t.test('HELLO in silence while subscribed: nobody knows how messages come from then on', async (t) => {
  const parts = [
    cmd('HELLO', 3) + cmd('SUBSCRIBE', 'c') + cmd('CLIENT', 'REPLY', 'OFF'),
    cmd('HELLO', 2),
    cmd('RESET') + cmd('GETSET', 'str:a', 1) + cmd('PING'),
  ];
  const told = message('*', 'message', 'c', TEXT);
  const { session, client, upstream } = makeSession({});
  const server = new ScriptedRedis({});
  for (const [i, part] of parts.entries()) {
    session.fromClient(bytes(part));
    if (i === 2) session.fromUpstream(bytes(told));
    for (let rounds = 0; rounds < 3; rounds++) session.fromUpstream(server.receive(upstream.take()));
  }
  t.equal(without([told], client.all()), direct({ client: parts.join('') }));
});

t.test('attributes before what Spillway asked for', async (t) => {
  const ATTRIBUTE = '|1\r\n+key-popularity\r\n*1\r\n:1\r\n';
  for (let cut = 0; cut <= ATTRIBUTE.length; cut++) {
    const { session, client } = makeSession({ console: true });
    const say = (text: string): void => {
      session.fromUpstream(bytes(text.slice(0, cut)));
      session.fromUpstream(bytes(text.slice(cut)));
    };
    session.fromClient(bytes(cmd('SETNX', 'str:a', 1)));
    say(`${ATTRIBUTE}:1\r\n`);
    say(`${ATTRIBUTE}:1\r\n`);
    const told = `${ATTRIBUTE}:1\r\n`;
    t.equal(client.all(), told, 'of a follow-up nothing comes through');
    session.fromClient(bytes(cmd('PROXY', 'INFO')));
    say(`${ATTRIBUTE}-NOPERM no\r\n`);
    t.equal(client.all(), `${told}-NOPERM no\r\n`, 'who may not ask is told so');
    session.fromClient(bytes(cmd('CLIENT', 'REPLY', 'OFF')));
    say(`${ATTRIBUTE}-NOPERM no\r\n`);
    session.fromUpstream(bytes('-NOPERM no\r\n-NOPERM no\r\n'));
    session.fromClient(bytes(cmd('GET', 'k')));
    say(`${ATTRIBUTE}$-1\r\n`);
    t.equal(client.all(), `${told}-NOPERM no\r\n-NOPERM no\r\n${ATTRIBUTE}$-1\r\n`);
    t.ok(session.idle);
  }
});

t.test('pushes on a connection that clients share are nobody’s, and harm nobody', async (t) => {
  const PUSH = '>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n';
  for (let cut = 0; cut <= PUSH.length; cut++) {
    const lane = new SharedLane();
    const { session, client, upstream } = makeSession({}, true);
    const understood = [lane.receive(bytes(PUSH.slice(0, cut)))];
    session.fromClient(bytes(cmd('SETNX', 'str:a', 1)));
    session.attachShared({ batch: upstream, lane, allowance: ALLOWANCE });
    understood.push(lane.receive(bytes(`${PUSH.slice(cut)}${PUSH}:1`)));
    understood.push(lane.receive(bytes(`\r\n${PUSH}:1\r\n${PUSH}`)));
    const seen = { understood, client: client.all(), idle: lane.idle && session.idle };
    t.same(seen, { understood: [true, true, true], client: ':1\r\n', idle: true }, `cut at ${cut}`);
  }
});
