import dns from 'node:dns';
import net from 'node:net';
import t, { type Test } from 'tap';
import { UpstreamHealth } from '../../../src/wire/upstream/upstream-health.js';
import { listen } from '../../support/listen.js';
import { until } from '../../support/wait.js';

/** A server whose connections are left to `accept`; the check of it, and what the check was told. */
async function checked(t: Test, accept: (socket: net.Socket, server: net.Server) => void) {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    accept(socket, server);
  });
  const port = await listen(server);
  const failures: unknown[] = [];
  const check = new UpstreamHealth(
    { host: '127.0.0.1', port, connectTimeoutMs: 1000 },
    { failed: (error) => failures.push((error as NodeJS.ErrnoException).code) },
  );
  t.teardown(() => {
    check.close();
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { check, failures, sockets, ask: () => new Promise<void>((then) => check.afterwards(then)) };
}

t.test('a server that answers is there', async (t) => {
  const { ask, failures, sockets } = await checked(t, (socket) =>
    socket.on('data', () => socket.write('+OK\r\n')),
  );
  await Promise.all([ask(), ask()]);
  t.strictSame(failures, []);
  t.equal(sockets.size, 1, 'all who ask in one turn ask once');
  await ask();
  t.equal(sockets.size, 2);
});

t.test('the port of a process that was killed may outlive its connections', async (t) => {
  for (const accepted of [1, 2]) {
    let left = accepted;
    const { ask, failures } = await checked(t, (socket, server) => {
      if (--left === 0) server.close();
      socket.resetAndDestroy();
    });
    await ask();
    t.strictSame(failures, ['ECONNREFUSED']);
  }
});

t.test('a server that hangs up without an answer, such as one that expects TLS, is not gone', async (t) => {
  const { ask, failures, sockets } = await checked(t, (socket) => socket.on('data', () => socket.destroy()));
  await ask();
  t.strictSame(failures, []);
  t.equal(sockets.size, 3);
});

t.test('a silent server is waited for no longer than the timeout', async (t) => {
  const { ask, failures } = await checked(t, () => {});
  await ask();
  t.strictSame(failures, []);
});

t.test('waiters learn when the check closes', async (t) => {
  const { check, ask, sockets } = await checked(t, () => {});
  const told = ask();
  while (sockets.size === 0) await new Promise(setImmediate);
  check.close();
  await Promise.all([told, ask()]);
  t.equal(sockets.size, 1);
});

t.test('a connection that takes long keeps nobody waiting, and is no trouble once it is made', async (t) => {
  let made = 0;
  const server = net.createServer((socket) => {
    made++;
    socket.on('error', () => {});
  });
  const port = await listen(server);
  const { lookup } = dns;
  const asked: (() => void)[] = [];
  t.teardown(() => Object.assign(dns, { lookup }));
  Object.assign(dns, {
    lookup: (_: string, __: object, answer: (error: null, found: dns.LookupAddress[]) => void) =>
      asked.push(() => answer(null, [{ address: '127.0.0.1', family: 4 }])),
  });
  const check = new UpstreamHealth(
    { host: 'slow.test', port, connectTimeoutMs: 60_000 },
    { refused: () => {} },
  );
  t.teardown(() => {
    check.close();
    server.close();
  });
  for (let i = 0; i < 3; i++) {
    await new Promise<void>((then) => check.afterwards(then));
    t.equal(check.trouble, undefined);
  }
  t.equal(asked.length, 3);
  for (const answer of asked) answer();
  await until(() => made === 1);
  t.equal(check.trouble, undefined, 'the others were given up');
});

t.test('a connection that is not made in upstream.connectTimeout is trouble', async (t) => {
  const { lookup } = dns;
  // Nothing else keeps the process alive.
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => {
    clearInterval(alive);
    Object.assign(dns, { lookup });
  });
  Object.assign(dns, { lookup: () => {} });
  const check = new UpstreamHealth(
    { host: 'silent.test', port: 1, connectTimeoutMs: 400 },
    { refused: () => {} },
  );
  t.teardown(() => check.close());
  await new Promise<void>((then) => check.afterwards(then));
  t.equal(check.trouble, undefined, 'not yet');
  await until(() => check.trouble !== undefined);
  t.equal(check.trouble, 'it has accepted no connection for 400 ms');
});

/** A server that says `words` to each connection, or takes none, and what is known of it where that decides. */
async function decided(t: Test, words: () => string) {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    if (words() === '') socket.on('data', () => socket.end('+OK\r\n'));
    else socket.end(words());
  });
  const port = await listen(server);
  const told: string[] = [];
  const health = new UpstreamHealth(
    { host: '127.0.0.1', port, connectTimeoutMs: 1000 },
    { refused: () => told.push('refused'), back: () => told.push('back') },
  );
  t.teardown(() => {
    health.close();
    server.close();
  });
  return { health, told, server, port };
}

t.test('a closed port is probed until the server is back', async (t) => {
  const { health, told, server, port } = await decided(t, () => '');
  await new Promise((closed) => server.close(closed));
  await new Promise<void>((then) => health.afterwards(then));
  t.same(told, ['refused']);
  health.failed(Object.assign(new Error('again'), { code: 'ECONNREFUSED' }));
  t.same(told, ['refused'], 'once');
  server.listen(port, '127.0.0.1');
  await until(() => told.length === 2);
  t.same(told, ['refused', 'back']);
  t.equal(health.trouble, undefined);
});

t.test('a full one is in trouble until it takes a connection', async (t) => {
  let words = '-ERR max number of clients reached\r\n';
  const { health, told } = await decided(t, () => words);
  health.failed(new Error('a client could not be served'));
  await until(() => health.trouble !== undefined);
  t.equal(health.trouble, 'ERR max number of clients reached');
  words = '';
  await until(() => health.trouble === undefined);
  t.same(told, []);
});

t.test('a client that was refused for itself says nothing of the server', async (t) => {
  const { health, told } = await decided(t, () => '');
  health.failed(new Error('WRONGPASS'));
  await new Promise<void>((then) => health.afterwards(then));
  t.equal(health.trouble, undefined);
  t.same(told, []);
});
