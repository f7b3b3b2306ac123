// What a connection with a login would be now, asked of servers by real sockets: who is answered by which attempt, how
// many attempts there are at a time, and when they end.
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { LoginCheck, type VouchApplicant } from '../../../src/wire/upstream/login-check.js';
import { until } from '../../support/wait.js';

const LET_IN = '*2\r\n+proto\r\n:2\r\n';
const NOAUTH = '-NOAUTH HELLO must be called with the client already authenticated\r\n';
/** A server that answers when it is told to, and the check of the logins to it. */
async function checked(t: Test) {
  const connections: Socket[] = [];
  let closed = 0;
  const server = net.createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => {}).on('data', () => {});
    socket.on('close', () => closed++);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const upstream = { host: '127.0.0.1', port, connectTimeoutMs: 60_000, keepAliveMs: 0 };
  let now = 0;
  const logins = new LoginCheck(upstream, () => now);
  t.teardown(() => {
    logins.close();
    server.close();
    for (const socket of connections) socket.destroy();
  });
  return {
    logins,
    connections,
    /** Lets so many seconds pass by the clock. */
    passes(seconds: number): void {
      for (const end = now + seconds * 1000; now < end; now += 250) logins.tick();
      logins.tick();
    },
    made: (count: number) => until(() => connections.length === count),
    ended: (count: number) => until(() => closed === count),
  };
}

/** One who asks; tells what it is answered. */
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

t.test('one connection answers all who asked before it was begun', async (t) => {
  const { logins, connections, made } = await checked(t);
  const [first, second, late] = [new Asker(), new Asker(), new Asker()];
  logins.ask(undefined, first);
  await made(1);
  logins.ask(undefined, second);
  logins.ask(undefined, late);
  connections[0].write(LET_IN);
  await made(2);
  t.same([first.told, second.told, late.told], [[true], [], []]);
  connections[1].write(NOAUTH);
  await until(() => late.told.length === 1);
  t.same([first.told, second.told, late.told], [[true], [false], [false]]);
  t.equal(logins.applicants, 0);
});

t.test('another login is asked about by itself', async (t) => {
  const { logins, connections, made } = await checked(t);
  const [alice, nobody] = [new Asker(), new Asker()];
  logins.ask({ user: 'alice', password: 'a' }, alice);
  logins.ask(undefined, nobody);
  await made(2);
  t.equal(logins.applicants, 2);
  connections[0].write('-WRONGPASS no\r\n');
  connections[1].write(LET_IN);
  await until(() => alice.told.length + nobody.told.length === 2);
  t.match(alice.told, [/WRONGPASS/]);
  t.same(nobody.told, [true]);
});

t.test('a silent server is asked again beside, and the last attempt that is left answers', async (t) => {
  const { logins, connections, passes, made, ended } = await checked(t);
  const [first, second] = [new Asker(), new Asker()];
  logins.ask(undefined, first);
  await made(1);
  logins.ask(undefined, second);
  passes(1);
  await made(2);
  connections[0].destroy();
  await ended(1);
  t.same([first.told, second.told], [[], []], 'the second attempt is for both');
  connections[1].write(LET_IN);
  await until(() => first.told.length + second.told.length === 2);
  t.same([first.told, second.told], [[true], [true]]);
});

t.test('what every asker has left is not asked any further', async (t) => {
  const { logins, connections, passes, made, ended } = await checked(t);
  const [first, second] = [new Asker(), new Asker()];
  logins.ask(undefined, first);
  await made(1);
  logins.ask(undefined, second);
  passes(1);
  await made(2);
  logins.withdraw(first);
  t.equal(logins.applicants, 1);
  logins.withdraw(second);
  t.equal(logins.applicants, 0);
  await ended(2);
  passes(60);
  const next = new Asker();
  logins.ask(undefined, next);
  await made(3);
  connections[2].write(LET_IN);
  await until(() => next.told.length === 1);
});

t.test('an attempt whose askers another one has answered is not waited for', async (t) => {
  const { logins, connections, passes, made, ended } = await checked(t);
  const [asker, late] = [new Asker(), new Asker()];
  logins.ask(undefined, asker);
  await made(1);
  passes(1);
  await made(2);
  logins.ask(undefined, late);
  connections[0].write(LET_IN);
  await until(() => asker.told.length === 1);
  await ended(2);
  await made(3);
  connections[2].write(NOAUTH);
  await until(() => late.told.length === 1);
  t.same([asker.told, late.told], [[true], [false]], 'who came behind both gets a third one at once');
});

t.test('three attempts at a time, each twice as late as the one before', async (t) => {
  const { logins, connections, passes, made, ended } = await checked(t);
  const asker = new Asker();
  logins.ask(undefined, asker);
  await made(1);
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
  await until(() => asker.told.length === 1);
  t.same(asker.told, [true]);
});

t.test('where the last client was not let in, the next is asked about when it stays silent', async (t) => {
  const { logins, connections, made } = await checked(t);
  const [first, silent, gone] = [new Asker(), new Asker(), new Asker()];
  t.equal(logins.admit(first), true);
  logins.ask(undefined, first);
  await made(1);
  connections[0].write(NOAUTH);
  await until(() => first.told.length === 1);
  t.equal(logins.admit(silent), false);
  t.equal(logins.admit(gone), false);
  t.equal(logins.applicants, 2);
  logins.withdraw(gone);
  await until(() => silent.told.length === 1);
  t.same([silent.told, gone.told], [['still silent'], []]);
});

t.test('who waits when it closes is told nothing more', async (t) => {
  const { logins, made, ended } = await checked(t);
  const asker = new Asker();
  logins.ask(undefined, asker);
  await made(1);
  logins.close();
  await ended(1);
  t.same(asker.told, []);
});
