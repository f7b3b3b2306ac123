// The commands that spillway doctor prints, run as they are by a shell: with a password, a user, a unix socket, TLS.
import { spawnSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { redisCliFlags, spillwayFlags } from '../../src/tools/keyspace/shell.js';
import { builtMain } from '../support/built.js';
import { Authority } from '../support/certificates.js';
import { withFolder } from '../support/folder.js';
import { withIoredis } from '../support/ioredis.js';
import { withRedis } from '../support/redis.js';

const MAIN = builtMain();
const PASSWORD = 'se$cret \'x\' "y"';
const ENCODED = encodeURIComponent(PASSWORD).replaceAll("'", '%27');

interface Around {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

function doctor(args: readonly string[], { env, input }: Around = {}) {
  return spawnSync(process.execPath, [MAIN, 'doctor', '--sample', '0', ...args], {
    ...{ encoding: 'utf8', env: { ...process.env, ...env } },
    ...(input !== undefined && { input }),
  });
}

/** Runs what it prints for a server without maxmemory, and sees that there is one then. */
async function mends(t: Test, port: number, args: readonly string[], around: Around = {}): Promise<string> {
  const direct = withIoredis(t, port, { password: PASSWORD });
  const limit = async () => Number(((await direct.config('GET', 'maxmemory')) as string[])[1]);
  await direct.config('SET', 'maxmemory', '0');
  const { stdout, stderr } = doctor(args, around);
  const commands = stdout.match(/^ {4}redis-cli .*$/gm) ?? [];
  t.ok(commands.length > 0, stderr);
  for (const command of commands) {
    const env = { ...process.env, REDISCLI_AUTH: PASSWORD };
    t.equal(spawnSync('sh', ['-c', command], { env, encoding: 'utf8' }).stdout, 'OK\n', command);
  }
  t.ok((await limit()) > 0);
  t.notOk(`${stdout}${stderr}`.includes(PASSWORD) || stdout.includes(ENCODED), 'no password');
  t.match(stdout, /REDISCLI_AUTH/);
  return stdout;
}

t.test('the printed commands mend', async (t) => {
  const folder = withFolder(t, "spillway doctor's ");
  const socket = path.join(folder, 'redis.sock');
  const authority = await Authority.create(t);
  const [server, client] = await Promise.all([authority.issue('server'), authority.issue('client')]);
  const secure = await findFreePort();
  const { port } = await withRedis(t, [
    ...['--unixsocket', socket, '--tls-port', String(secure)],
    ...['--tls-ca-cert-file', authority.ca, '--tls-cert-file', server.cert, '--tls-key-file', server.key],
    ...['--tls-auth-clients', 'optional'],
  ]);
  const direct = withIoredis(t, port);
  // Not each version takes its quotes as an argument.
  await direct.config('SET', 'requirepass', PASSWORD);
  await direct.call('ACL', 'SETUSER', "op's", 'on', `>${PASSWORD}`, '~*', '&*', '+@all');

  await mends(t, port, ['-u', `redis://:${ENCODED}@127.0.0.1:${port}`]);
  t.match(await mends(t, port, ['-u', `redis://op's:${ENCODED}@127.0.0.1:${port}`]), /--user 'op'\\''s'/);
  await mends(t, port, ['-u', `unix://:${ENCODED}@${socket.replaceAll(' ', '%20')}`]);
  const auth = { env: { REDISCLI_AUTH: PASSWORD } };
  const at = ['-h', '127.0.0.1', '-p', String(port)];
  await mends(t, port, [...at, '--user', "op's"], auth);
  await mends(t, port, [...at, '-a', PASSWORD]);
  await mends(t, port, [...at, '--askpass'], { input: `${PASSWORD}\n` });
  await mends(t, port, ['-s', socket], auth);
  await mends(t, port, ['-u', `redis://127.0.0.1:${port}`], auth);
  const byTls = ['-p', String(secure), '--tls', '--cacert', authority.ca, '--sni', 'localhost'];
  t.match(
    await mends(t, port, [...byTls, '--cert', client.cert, '--key', client.key], auth),
    /--cert .* --key /,
  );
  const plain = doctor(['-u', `redis://127.0.0.1:${secure}`]);
  t.match(plain, { status: 1, stderr: /ECONNRESET .*a port with TLS needs rediss:\/\/ or --tls\)/ });
  const url = `rediss://:${ENCODED}@127.0.0.1:${secure}`;
  t.match(await mends(t, port, ['-u', url, '--upstream-ca', authority.ca]), /--tls --cacert /);
  const config = path.join(folder, 'proxy.config.json');
  writeFileSync(config, JSON.stringify({ upstream: { url, tls: { ca: authority.ca, ...client } } }));
  await direct.config('SET', 'tls-auth-clients', 'yes');
  t.match(await mends(t, port, ['-c', config]), /--tls --cacert .* --cert .* --key /);
});

t.test('the tools that it names go to the same server', async (t) => {
  const { port } = await withRedis(t, ['--requirepass', 'secret', '--maxmemory', '2mb']);
  const direct = withIoredis(t, port, { password: 'secret' });
  const used = Number(/used_memory:(\d+)/.exec(await direct.info('memory'))?.[1]);
  await direct.config('SET', 'maxmemory', used);
  const args = [MAIN, 'doctor', '--sample', '0', '-u', `redis://:secret@127.0.0.1:${port}`];
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const command = /^ +spillway (analyze .*)$/m.exec(stdout)?.[1] ?? '';
  t.match(command, `analyze -u redis://127.0.0.1:${port}`);
  const env = { ...process.env, SPILLWAY_UPSTREAM_PASSWORD: 'secret' };
  t.equal(spawnSync('sh', ['-c', `'${process.execPath}' '${MAIN}' ${command}`], { env }).status, 0);

  // Started by npx, which alone finds the program in a checkout, the commands begin with npx.
  const bin = path.join(withFolder(t), 'spillway');
  symlinkSync(MAIN, bin);
  const byNpx = spawnSync(process.execPath, [bin, ...args.slice(1)], {
    ...{ encoding: 'utf8', env: { ...process.env, npm_command: 'exec' } },
  });
  t.match(byNpx.stdout, `    npx spillway ${command}\n`);
  t.notMatch(byNpx.stdout, /^ +spillway /m);
});

t.test('flags', (t) => {
  t.equal(spillwayFlags({}), '');
  t.equal(
    spillwayFlags({ upstream: 'rediss://me:p@ss@h:1/2', upstreamCa: 'a b' }),
    "-u rediss://me@h:1/2 --cacert 'a b'",
  );
  t.equal(
    spillwayFlags({ upstream: 'redis-sentinel://:pw@h:1,g:2/m', config: 'c' }),
    '-c c -u redis-sentinel://h:1,g:2/m',
  );
  t.equal(spillwayFlags({ upstream: 'unix://:pw@/run/a@b.sock' }), '-u unix:///run/a@b.sock');
  const at = { host: 'redis.example', port: 6379, connectTimeoutMs: 1000 };
  t.equal(redisCliFlags({ ...at, password: 'x' }), '-h redis.example -p 6379');
  t.equal(redisCliFlags({ ...at, tls: {} }), '-h redis.example -p 6379 --tls', 'with the well-known CAs');
  t.equal(redisCliFlags({ ...at, tls: {} }, { serverName: 'a' }), '-h redis.example -p 6379 --tls --sni a');
  t.equal(
    redisCliFlags({ ...at, host: '$(reboot)' }),
    "-h '$(reboot)' -p 6379",
    'a name that a Cluster tells',
  );
  t.end();
});

t.test("redis-cli's flags that do not go together, and what they say", async (t) => {
  const refused = (args: readonly string[], around?: Around): string => {
    const { status, stderr } = doctor(args, around);
    t.equal(status, 64, stderr);
    return stderr;
  };
  t.match(
    refused(['-u', 'redis://h', '-p', '1']),
    /'-u, --upstream <url>' cannot be used with .*'-p, --port <port>'/,
  );
  t.match(refused(['-s', '/x', '-h', 'a']), /'-s, --socket <path>' cannot be used with .*'-h, --host/);
  t.match(
    refused(['-p', '70000']),
    /'-p, --port <port>' argument '70000' is invalid. It must be a number from 1 to 65535/,
  );
  t.match(
    doctor(['-p', '1', '-a', 'x']).stderr,
    /other users of this machine can see a password after -a.*\n.*127.0.0.1:1/,
  );
  t.notMatch(doctor(['-p', '1', '-a', 'x', '--no-auth-warning']).stderr, /password/);
  const help = doctor(['-h']);
  t.equal(help.status, 0);
  t.match(help.stdout, /^Usage: spillway doctor/, '-h alone asks for help');
});
