// TLS on both sides, in front of a real Redis that has it, with real clients: who comes in, who does not, what is said of
// it, and renewed certificates. In both pool modes.
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { type Logger, pino } from 'pino';
import { createClient } from 'redis';
import t, { type Test } from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { Authority, type CertificateFiles } from '../support/certificates.js';
import { withIoredis } from '../support/ioredis.js';
import { serving } from '../support/listen.js';
import { type TestProxy, withProxy } from '../support/proxy.js';
import { fromAddress } from '../support/proxy-header.js';
import { command, RawClient, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const run = promisify(execFile);
const authority = await Authority.create(t);
const [serverFiles, clientFiles] = await Promise.all([authority.issue('server'), authority.issue('client')]);
const securePort = await findFreePort();
const redis = await withRedis(t, [
  ...['--tls-port', String(securePort), '--tls-ca-cert-file', authority.ca],
  ...['--tls-cert-file', serverFiles.cert, '--tls-key-file', serverFiles.key],
]);
const listenTls = { ...serverFiles, clientCa: authority.ca };
const upstream = {
  url: `rediss://127.0.0.1:${securePort}`,
  tls: { ca: authority.ca, ...clientFiles },
};

/** What a client needs to come in. */
function credentials({ cert, key }: CertificateFiles = clientFiles): tls.ConnectionOptions {
  return { ca: readFileSync(authority.ca), cert: readFileSync(cert), key: readFileSync(key) };
}

/** A TLS connection that stands; its bytes as a RawClient. */
async function withSecure(t: Test, port: number, options = credentials()): Promise<RawClient> {
  const socket = tls.connect({ port, host: '127.0.0.1', ...options });
  t.teardown(() => socket.destroy());
  await once(socket, 'secureConnect');
  return new RawClient(socket, 5000);
}

/** Resolves when it has ended, with or without an error. */
function ended(socket: net.Socket): Promise<void> {
  socket.on('error', () => {});
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

const connections = (proxy: TestProxy) => proxy.admin('/api/connections');

/** A log that keeps its lines. */
function kept(): { log: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'info', base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { log, lines };
}

for (const pool of ['session', 'command']) {
  t.test(`pool ${pool}: clients on both sides of two TLS connections`, async (t) => {
    const proxy = await withProxy(t, {
      redis,
      config: {
        listenTls,
        upstream: { ...upstream, pool },
        rules: [{ name: 'cache', match: 'cache:*', ttl: '1h' }],
      },
    });

    await t.test('ioredis', async (t) => {
      const client = withIoredis(t, proxy.port, { tls: credentials() });
      t.equal(await client.set('cache:ioredis', 'x'), 'OK');
      t.ok((await client.pttl('cache:ioredis')) > 0, 'the rule is in force');
      const large = Buffer.alloc(5_000_000, 'large ');
      t.equal(await client.set('large', large), 'OK');
      t.ok((await client.getBuffer('large'))?.equals(large));
      const answers = await Promise.all(Array.from({ length: 5000 }, (_, i) => client.echo(String(i))));
      t.ok(answers.every((answer, i) => answer === String(i)));
      t.same(await client.multi().set('a', '1').incr('a').exec(), [
        [null, 'OK'],
        [null, 2],
      ]);
    });

    await t.test('node-redis', async (t) => {
      const client = createClient({
        socket: { port: proxy.port, host: '127.0.0.1', tls: true, ...credentials() },
      });
      await client.connect();
      t.teardown(() => client.destroy());
      t.equal(await client.set('node-redis', 'y'), 'OK');
      t.equal(await client.get('node-redis'), 'y');
    });

    await t.test('redis-cli', async (t) => {
      const { cert, key } = clientFiles;
      const flags = [
        '-p',
        String(proxy.port),
        '--tls',
        '--cacert',
        authority.ca,
        '--cert',
        cert,
        '--key',
        key,
      ];
      t.equal((await run('redis-cli', [...flags, 'SET', 'cli', 'z'])).stdout, 'OK\n');
      t.equal((await run('redis-cli', [...flags, 'GET', 'cli'])).stdout, 'z\n');
    });

    await t.test('bytes and ends', async (t) => {
      const client = await withSecure(t, proxy.port);
      const value = Buffer.alloc(3_000_000, 'v');
      const pipeline = Array.from({ length: 20 }, () => [
        command('SET', 'big', value),
        command('GET', 'big'),
      ]);
      void client.write(Buffer.concat(pipeline.flat()));
      const reply = Buffer.concat([Buffer.from(`+OK\r\n$${value.length}\r\n`), value, Buffer.from('\r\n')]);
      // Nothing is read while kernel buffers fill: all of it waits somewhere.
      client.socket.pause();
      await until(async () => Number((await connections(proxy)).bytesFromUpstream) > value.length);
      client.socket.resume();
      for (let i = 0; i < 20; i++) t.ok((await client.readExactly(reply.length)).equals(reply));
      void client.write(command('QUIT'));
      t.equal((await client.readUntilClosed()).toString(), '+OK\r\n');
      const halfClosed = await withSecure(t, proxy.port);
      void halfClosed.write(command('PING'));
      halfClosed.end();
      t.equal(
        (await halfClosed.readUntilClosed()).toString(),
        '+PONG\r\n',
        'replies still come after its end',
      );
    });

    await until(async () => (await connections(proxy)).clients === 0);
    t.equal((await connections(proxy)).handshakesFailed, 0);
  });
}

t.test('failed handshakes are counted and logged by cause, and harm no client', async (t) => {
  const { log, lines } = kept();
  const proxy = await withProxy(t, { redis, config: { listenTls }, log });
  const good = await withSecure(t, proxy.port);
  const stranger = await Authority.create(t);
  const strangerFiles = await stranger.issue('stranger');
  const expired = await authority.issue('expired', { days: [-5, -1] });
  const { ca } = credentials();
  const bad: [string, tls.ConnectionOptions][] = [
    ['no certificate', { ca }],
    ['one of another authority', { ...credentials(strangerFiles), ca }],
    ['an expired one', { ...credentials(expired), ca }],
  ];
  for (const [name, options] of bad) {
    const socket = tls.connect({ port: proxy.port, host: '127.0.0.1', ...options });
    socket.on('data', () => t.fail('it was answered'));
    socket.write(command('SET', 'stranger', name));
    await ended(socket);
  }
  const plain = await withRaw(t, proxy.port);
  void plain.write(command('SET', 'stranger', 'plain'));
  const said = await plain.readUntilClosed();
  t.ok(said.length <= 7, 'no more than a TLS alert');
  await until(async () => (await connections(proxy)).handshakesFailed === 4);
  const came = await withRaw(t, proxy.port);
  came.end();
  await came.readUntilClosed();
  t.equal((await connections(proxy)).handshakesFailed, 4, 'a probe of the port is no failure');
  t.equal((await connections(proxy)).clients, 1);
  t.equal((await good.call('EXISTS', 'stranger')).toString(), ':0\r\n', 'the others go on');
  const logged = lines.filter(({ msg }) => String(msg).includes('refused a client'));
  t.ok(logged.length >= 1, 'logged');
  t.match(logged[0], { source: /^127\.0\.0\.1:\d+$/, err: 'peer did not return a certificate' });
});

t.test('handshakes that are not finished count as clients, until they have gone', async (t) => {
  const proxy = await withProxy(t, { redis, config: { listenTls, limits: { maxClients: 1 } } });
  const silent = await withRaw(t, proxy.port);
  await until(async () => (await connections(proxy)).clients === 1);
  const second = tls.connect({ port: proxy.port, host: '127.0.0.1', ...credentials() });
  await ended(second);
  t.equal((await connections(proxy)).clientsRejected, 1);
  silent.destroy();
  await until(async () => (await connections(proxy)).clients === 0);
  t.equal((await (await withSecure(t, proxy.port)).call('PING')).toString(), '+PONG\r\n');
});

t.test('with several processes', async (t) => {
  const config = { listenTls, upstream, workers: 2, proxyProtocol: { from: ['127.0.0.1'] } };
  const proxy = await withProxy(t, { redis, config });
  const header = fromAddress('192.0.2.1', 50_000);
  for (let i = 0; i < 4; i++) {
    const raw = net.connect(proxy.port, '127.0.0.1');
    raw.write(header);
    const socket = tls.connect({ socket: raw, ...credentials(), host: '127.0.0.1' });
    t.teardown(() => raw.destroy());
    await once(socket, 'secureConnect');
    t.equal((await new RawClient(socket, 5000).call('ECHO', i)).toString(), `$1\r\n${i}\r\n`);
    const plain = await withRaw(t, proxy.port);
    void plain.write(Buffer.concat([header, command('PING')]));
    await plain.readUntilClosed();
  }
  await until(async () => (await connections(proxy)).handshakesFailed === 4);
  t.match(await connections(proxy), {
    clients: 4,
    tls: { renewals: 0, problem: null, certificateExpiresAt: Number },
  });
});

t.test('nothing is sent to a server whose certificate cannot be trusted', async (t) => {
  const stranger = await Authority.create(t);
  const strangerFiles = await stranger.issue('stranger');
  const elsewhere = await authority.issue('elsewhere', { names: ['redis.example'], addresses: [] });
  for (const pool of ['session', 'command']) {
    for (const files of [strangerFiles, elsewhere]) {
      const heard: Buffer[] = [];
      const options = { cert: readFileSync(files.cert), key: readFileSync(files.key) };
      const server = tls.createServer(options, (socket) => socket.on('data', (bytes) => heard.push(bytes)));
      server.on('tlsClientError', () => {});
      const port = await serving(t, server);
      const url = `rediss://:secret@127.0.0.1:${port}`;
      const proxy = await withProxy(t, {
        redis,
        config: { upstream: { url, pool, tls: { ca: authority.ca } } },
      });
      const client = await withRaw(t, proxy.port);
      void client.write(Buffer.concat([command('AUTH', 'secret'), command('PING')]));
      t.equal((await client.readUntilClosed()).length, 0);
      t.ok(Number((await connections(proxy)).upstreamFailures) > 0);
      t.same(heard, [], `pool ${pool}: it heard nothing`);
    }
  }
});

t.test('serverName is what the certificate is checked for, and asked for', async (t) => {
  const elsewhere = await authority.issue('named', { names: ['redis.example'], addresses: [] });
  const asked = new Set<string>();
  const server = tls.createServer(
    {
      cert: readFileSync(elsewhere.cert),
      key: readFileSync(elsewhere.key),
      SNICallback: (name, done) => {
        asked.add(name);
        done(null);
      },
    },
    (socket) => {
      const behind = net.connect(redis.port, '127.0.0.1');
      socket.pipe(behind).pipe(socket);
      socket.on('error', () => behind.destroy());
      behind.on('error', () => socket.destroy());
    },
  );
  const port = await serving(t, server);
  const tlsOptions = { ca: authority.ca, serverName: 'redis.example' };
  const proxy = await withProxy(t, {
    redis,
    config: { upstream: { url: `rediss://127.0.0.1:${port}`, tls: tlsOptions } },
  });
  const client = await withRaw(t, proxy.port);
  t.equal((await client.call('PING')).toString(), '+PONG\r\n');
  t.same([...asked], ['redis.example']);
  t.match(await proxy.admin('/api/memory'), { upstreamVersion: /^\d/ }, 'the monitor is there, too');
});

t.test('renewed certificates', async (t) => {
  const { log, lines } = kept();
  const folder = path.join(authority.folder, 'mounted');
  // As Kubernetes mounts a secret: the files are links by way of a link that is turned.
  const fill = (version: string, { cert, key }: CertificateFiles): void => {
    mkdirSync(path.join(folder, version), { recursive: true });
    copyFileSync(cert, path.join(folder, version, 'tls.crt'));
    copyFileSync(key, path.join(folder, version, 'tls.key'));
    symlinkSync(version, path.join(folder, '..data_tmp'));
    renameSync(path.join(folder, '..data_tmp'), path.join(folder, '..data'));
  };
  fill('v1', serverFiles);
  for (const name of ['tls.crt', 'tls.key']) {
    symlinkSync(path.join('..data', name), path.join(folder, name));
  }
  const files = { cert: path.join(folder, 'tls.crt'), key: path.join(folder, 'tls.key') };
  const proxy = await withProxy(t, { redis, config: { listenTls: files }, log });
  const shown = async (): Promise<string> => {
    const { socket } = await withSecure(t, proxy.port);
    const { fingerprint256 } = (socket as tls.TLSSocket).getPeerCertificate();
    return fingerprint256;
  };
  const fingerprint = (cert: string) => new X509Certificate(readFileSync(cert)).fingerprint256;
  t.equal(await shown(), fingerprint(serverFiles.cert));
  const before = await withSecure(t, proxy.port);

  const second = await authority.issue('second');
  fill('v2', second);
  await until(async () => (await shown()) === fingerprint(second.cert), { describe: 'the new certificate' });
  t.equal((await before.call('PING')).toString(), '+PONG\r\n', 'older connections stay');
  const expiresAt = Date.parse(new X509Certificate(readFileSync(second.cert)).validTo);
  t.match(await connections(proxy), {
    tls: { renewals: 1, problem: null, certificateExpiresAt: expiresAt },
  });

  fill('v3', { cert: second.cert, key: serverFiles.key });
  await until(async () => {
    const { tls: state } = await connections(proxy);
    return (state as { problem: string | null }).problem?.includes('is not the key of the certificate');
  });
  t.equal(await shown(), fingerprint(second.cert), 'files that do not fit together leave the old ones');
  t.ok(lines.some(({ msg }) => String(msg).includes('the old ones stay in use')));

  fill('v4', await authority.issue('fourth'));
  await until(async () => {
    const { tls: state } = await connections(proxy);
    return (state as { problem: string | null }).problem === null;
  });
});

t.test('behind a load balancer that tells by PROXY header who it is', async (t) => {
  const { log, lines } = kept();
  const config = { listenTls, proxyProtocol: { from: ['127.0.0.0/8'] } };
  const proxy = await withProxy(t, { redis, config, log });
  const raw = net.connect(proxy.port, '127.0.0.1');
  raw.write(fromAddress('192.0.2.1', 50_000));
  const socket = tls.connect({ socket: raw, ...credentials(), host: '127.0.0.1' });
  await once(socket, 'secureConnect');
  const client = new RawClient(socket, 5000);
  t.equal((await client.call('PING')).toString(), '+PONG\r\n');
  client.destroy();
  const bad = await withRaw(t, proxy.port);
  void bad.write(Buffer.concat([fromAddress('192.0.2.7', 50_007), command('PING')]));
  await bad.readUntilClosed();
  const line = await until(() => lines.find(({ msg }) => String(msg).includes('refused a client')));
  t.equal(line.source, '192.0.2.7:50007', 'it is called by its own address');
});
