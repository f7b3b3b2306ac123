import net, { type Socket } from 'node:net';
import t, { type Test } from 'tap';
import type { Credential } from '../../../src/core/session/pooling/identity.js';
import { Following } from '../../../src/wire/upstream/following.js';
import { LoginCheck, type VouchApplicant } from '../../../src/wire/upstream/login-check.js';
import { listen } from '../../support/listen.js';
import { until } from '../../support/wait.js';

const LET_IN = '*2\r\n+proto\r\n:2\r\n';
const NOAUTH = '-NOAUTH HELLO must be called with the client already authenticated\r\n';
/** A server that answers when it is told to, and the check of the logins to it. */
async function checked(t: Test, following?: Following) {
  const connections: Socket[] = [];
  let closed = 0;
  const server = net.createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => {}).on('data', () => {});
    socket.on('close', () => closed++);
  });
  const port = await listen(server);
  const upstream = { host: '127.0.0.1', port, connectTimeoutMs: 60_000, keepAliveMs: 0, following };
  let now = 0;
  const failures: string[] = [];
  const logins = new LoginCheck(
    upstream,
    () => now,
    ({ message }) => void failures.push(message),
  );
  t.teardown(() => {
    logins.close();
    server.close();
    for (const socket of connections) socket.destroy();
  });
  return {
    logins,
    connections,
    failures,
    /** Lets so many seconds pass by the clock. */
    passes(seconds: number): void {
      for (const end = now + seconds * 1000; now < end; now += 250) logins.tick();
      logins.tick();
    },
    made: (count: number) => until(() => connections.length === count),
    ended: (count: number) => until(() => closed === count),
    /** A client that asks, by the default user if without a login. */
    asks(login?: Credential): Asker {
      const asker = new Asker();
      logins.ask(login, asker);
      return asker;
    },
    /** Each of them has had its answer. */
    answered: (...askers: Asker[]) => until(() => askers.every(({ told }) => told.length === 1)),
  };
}

/** The same, with a client that asks and its attempt under way. */
async function withAttempt(t: Test) {
  const lab = await checked(t);
  const first = lab.asks();
  await lab.made(1);
  return { ...lab, first };
}

/** The same; another client asks behind that attempt, and a second attempt is beside it. */
async function withTwoAttempts(t: Test) {
  const lab = await withAttempt(t);
  const second = lab.asks();
  lab.passes(1);
  await lab.made(2);
  return { ...lab, second };
}

/** A client that asks; keeps what it is answered. */
class Asker implements VouchApplicant {
  readonly told: (boolean | string)[] = [];

  vouched(open: boolean): void {
    this.told.push(open);
  }

  notVouched(error: Error): void {
    this.told.push(error.message);
  }

  isStillSilent(): void {
    this.told.push('still silent');
  }
}

t.test('one connection answers all clients that asked before it began', async (t) => {
  const { logins, connections, first, asks, made, answered } = await withAttempt(t);
  const second = asks();
  const late = asks();
  connections[0].write(LET_IN);
  await made(2);
  t.same([first.told, second.told, late.told], [[true], [], []]);
  connections[1].write(NOAUTH);
  await answered(late);
  t.same([first.told, second.told, late.told], [[true], [false], [false]]);
  t.equal(logins.applicants, 0);
});

t.test('another login is asked about by itself', async (t) => {
  const { logins, connections, asks, made, answered } = await checked(t);
  const alice = asks({ user: 'alice', password: 'a' });
  const nobody = asks();
  await made(2);
  t.equal(logins.applicants, 2);
  connections[0].write('-WRONGPASS no\r\n');
  connections[1].write(LET_IN);
  await answered(alice, nobody);
  t.match(alice.told, [/WRONGPASS/]);
  t.same(nobody.told, [true]);
});

t.test('a silent server is asked again beside, and the last attempt that is left answers', async (t) => {
  const { connections, first, second, ended, answered } = await withTwoAttempts(t);
  connections[0].destroy();
  await ended(1);
  t.same([first.told, second.told], [[], []], 'the second attempt is for both');
  connections[1].write(LET_IN);
  await answered(first, second);
  t.same([first.told, second.told], [[true], [true]]);
});

t.test('an attempt that every asker has left ends', async (t) => {
  const lab = await withTwoAttempts(t);
  const { logins, connections, first, second, passes, made, ended, asks, answered } = lab;
  logins.withdraw(first);
  t.equal(logins.applicants, 1);
  logins.withdraw(second);
  t.equal(logins.applicants, 0);
  await ended(2);
  passes(60);
  const next = asks();
  await made(3);
  connections[2].write(LET_IN);
  await answered(next);
});

t.test('an attempt whose askers another one has answered is not waited for', async (t) => {
  const { connections, first, asks, passes, made, ended, answered } = await withAttempt(t);
  passes(1);
  await made(2);
  const late = asks();
  connections[0].write(LET_IN);
  await answered(first);
  await ended(2);
  await made(3);
  connections[2].write(NOAUTH);
  await answered(late);
  t.same([first.told, late.told], [[true], [false]], 'who came behind both gets a third one at once');
});

t.test('three attempts at a time, each twice as late as the one before', async (t) => {
  const { connections, first, passes, made, ended, answered } = await withAttempt(t);
  for (const [seconds, attempts] of [
    [0.75, 1],
    [0.25, 2],
    [2, 3],
    [4, 4],
    [8, 5],
    [16, 6],
    [15.5, 6],
    [0.5, 7],
  ]) {
    passes(seconds);
    await made(attempts);
  }
  await ended(4);
  connections[5].write(LET_IN);
  await answered(first);
  t.same(first.told, [true]);
});

t.test('where the last client was not let in, the next is asked about when it stays silent', async (t) => {
  const { logins, connections, made, answered } = await checked(t);
  const [first, silent, gone] = [new Asker(), new Asker(), new Asker()];
  t.equal(logins.admit(first), true);
  logins.ask(undefined, first);
  await made(1);
  connections[0].write(NOAUTH);
  await answered(first);
  t.equal(logins.admit(silent), false);
  t.equal(logins.admit(gone), false);
  t.equal(logins.applicants, 2);
  logins.withdraw(gone);
  await answered(silent);
  t.same([silent.told, gone.told], [['still silent'], []]);
});

t.test('a client that waits when the check closes gets no answer', async (t) => {
  const { logins, first, asks, ended } = await withAttempt(t);
  const second = asks();
  logins.close();
  t.equal(logins.applicants, 0);
  await ended(1);
  t.same([first.told, second.told], [[], []]);
});

t.test('when the server is elsewhere it is asked there for all that wait', async (t) => {
  const { logins, connections, first, asks, made, ended, answered } = await withAttempt(t);
  const second = asks();
  logins.moved();
  await ended(1);
  await made(2);
  connections[1].write(LET_IN);
  await answered(first, second);
  t.same([first.told, second.told], [[true], [true]]);
  t.equal(connections.length, 2, 'one connection for both');
});

t.test('in a pause nothing is asked, and behind it all that wait are', async (t) => {
  const following = new Following();
  following.isPaused = true;
  const { logins, connections, asks, passes, made, answered } = await checked(t, following);
  const [first, second] = [asks(), asks()];
  passes(60);
  t.same([logins.applicants, connections.length], [2, 0]);
  following.isPaused = false;
  logins.goOn();
  await made(1);
  connections[0].write('*4\r\n$5\r\nproto\r\n:2\r\n$4\r\nrole\r\n$6\r\nmaster\r\n');
  await answered(first, second);
  t.equal(logins.applicants, 0);
});

t.test(
  'where the server may be elsewhere, one that cannot be reached is tried again for a while',
  async (t) => {
    const following = new Following();
    let patient = true;
    following.waits = () => patient;
    const { logins, connections, failures, asks, made, answered } = await checked(t, following);
    const first = asks();
    for (const count of [1, 2]) {
      await made(count);
      connections[count - 1].destroy();
    }
    await made(3);
    t.equal(failures.length, 2, 'each failure is told');
    t.same([first.told, logins.applicants], [[], 1]);
    patient = false;
    connections[2].destroy();
    await answered(first);
    t.match(first.told, [/ended the connection|ECONNRESET/]);
    t.equal(failures.length, 3);
    t.equal(logins.applicants, 0);
  },
);
