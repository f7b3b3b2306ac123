// explain, stats and top as a user meets them: the real program as a child process, before a real proxy and Redis, and
// before what is no proxy.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { builtMain } from '../support/built.js';
import { closedPort, serving } from '../support/listen.js';
import { withProxyProcess } from '../support/proxy-process.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SPILLWAY_'));
const TOKEN = 'a-token-of-this-test';
const RULES = [
  { name: 'sessions', match: 'session:*', ttl: '24h', priority: 'high' },
  { name: 'cache', match: 'cache:*', ttl: '1h', maxTtl: '2h', priority: 'low' },
];

async function cli(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [builtMain(), ...args], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { stdout, stderr, code };
}

/** A server that answers everything with this. */
async function answering(t: Test, status: number, body: string): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(status).end(body));
  return `http://127.0.0.1:${await serving(t, server)}`;
}

t.test('explain from the config alone', async (t) => {
  const dir = t.testdir({ 'a.json': JSON.stringify({ rules: RULES }) });
  const config = ['--config', `${dir}/a.json`];
  const [plain, json, whole, before] = await Promise.all([
    cli(['explain', 'cache:1', 'SET', 'EX', '9999', ...config]),
    cli(['explain', ...config, '--json', 'session:42']),
    cli(['explain', 'cache:1', 'MSET', 'cache:1', 'a', 'no\x1b[2Jne', 'b', ...config]),
    cli([...config, 'explain', 'cache:1', 'SETEX', '--', '-1']),
  ]);
  t.match(plain, { code: 0, stderr: '' });
  t.match(plain.stdout, /^SET cache:1 value EX 9999$/m);
  t.match(plain.stdout, /rule +cache, number 2: cache:\* matches\n +no match +sessions \(session:\*\)/);
  t.match(plain.stdout, /TTL +Its TTL is longer than the rule's maxTtl/);
  t.match(plain.stdout, /from 80%, this key above 8\d(\.\d)?%, all from 88%/);
  t.match(plain.stdout, /sent as +SET cache:1 value EX 7200\n/);
  t.match(plain.stdout, /now +unknown/);
  t.match(JSON.parse(json.stdout), {
    command: ['SET', 'session:42', 'value'],
    sends: [['SET', 'session:42', 'value', 'PX', '86400000']],
    keys: [
      {
        rule: { name: 'sessions', position: 1 },
        ttl: { outcome: 'ttlInjected', givesMs: [86400000, 86400000] },
      },
    ],
    now: null,
  });
  t.match(whole.stdout, /then +PEXPIRE cache:1 3600000 NX/);
  t.match(whole.stdout, /rule +none matches/);
  t.notMatch(whole.stdout, '\x1b', 'no control character reaches the terminal');
  t.match(before.stdout, /^SETEX cache:1 -1 value\n.*Redis refuses it/);
});

t.test('a running proxy: its token, its figures, its answers', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '50mb']);
  const proxy = await withProxyProcess(t, {
    config: { upstream: { url: `redis://127.0.0.1:${redis.port}` }, rules: RULES },
    env: { ...process.env, SPILLWAY_ADMIN_TOKEN: TOKEN },
  });
  const client = await withRaw(t, proxy.port);
  for (let i = 0; i < 20; i++) await client.call('SET', `cache:${i}`, 'x');
  await client.call('SET', 'other:1', 'y');
  const url = `http://127.0.0.1:${proxy.adminPort}`;
  const admin = ['--admin', url];
  const env = { SPILLWAY_ADMIN_TOKEN: TOKEN };
  const dir = t.testdir({ token: `${TOKEN}\n` });
  const headers = { authorization: `Bearer ${TOKEN}` };
  const recent = async () =>
    (await (await fetch(`${url}/api/report`, { headers })).json()) as { text: string };
  await until(async () => (await recent()).text.includes(': 20 TTLs'), {
    describe: 'the report to have the writes, which it looks for once a second',
  });

  const [stats, picked, json, none, top, explained, explainedToo, byFile, byConfig] = await Promise.all([
    cli(['stats', ...admin], env),
    cli(['stats', 'c?che', ...admin, '--json'], env),
    cli(['stats', 'other:*', ...admin, '--json'], env),
    cli(['stats', 'nothing', ...admin], env),
    cli(['top', '--interval', '100ms', '--sort', 'bytes', ...admin], env),
    cli(['explain', 'cache:1', ...admin, '--json'], env),
    cli(['explain', 'cache:1'], { ...env, SPILLWAY_ADMIN: `127.0.0.1:${proxy.adminPort}` }),
    cli(['stats', ...admin], { SPILLWAY_ADMIN_TOKEN_FILE: `${dir}/token` }),
    cli(['stats'], { ...env, SPILLWAY_ADMIN: `127.0.0.1:${proxy.adminPort}` }),
  ]);
  for (const answer of [stats, picked, json, top, explained, byFile, byConfig])
    t.match(answer, { code: 0, stderr: '' });
  t.match(stats.stdout, /^memory [\d.]+ [KM]B of 50\.0 MB, pressure/m);
  t.match(stats.stdout, /^cache +20 +\d+ B +(?:-|[\d.]+ K?B) +20 +0 +20 +0$/m);
  t.match(stats.stdout, /^other:\* +1 /m);
  t.notMatch(stats.stdout, '\x1b', 'no colors outside a terminal');
  t.match(byFile.stdout, /^cache +20 /m);
  t.match(JSON.parse(picked.stdout), {
    rules: [{ name: 'cache', writes: 20 }],
    discovered: [],
    memory: { active: true },
  });
  t.match(JSON.parse(json.stdout), { rules: [], discovered: [{ pattern: 'other:*', writes: 1 }] });
  t.match(none, { code: 1, stdout: '', stderr: /no rule and no discovered pattern matches/ });
  t.match(top.stdout, /^rule +writes\/s +bytes\/s v +sheds\/s/m);
  t.match(top.stdout, /^cache +0 .* 20 +0$/m);
  t.match(stats.stdout, /^in the last \d+ seconds?: 20 TTLs given, 0 writes refused$/m);
  const report = await cli(['report', ...admin], env);
  t.match(report, {
    code: 0,
    stderr: '',
    stdout: /^in the last \d+ seconds?: 20 TTLs given, 0 writes refused\nsince 2\d{3}-/,
  });
  t.match(report.stdout, /^cache +enforce +20 +20 +0 +0 +0 +0$/m);
  const long = await cli(['report', '--window', '24h', '--json', ...admin], env);
  t.match(JSON.parse(long.stdout), { total: { ttls: 20 }, rules: [{ name: 'sessions' }, { ttls: 20 }, {}] });
  t.match(await cli(['report', '--window', '25h', ...admin], env), {
    code: 1,
    stderr: /window must be from 5m to 24h/,
  });
  t.match(await cli(['simulate', '95%', '--seconds', '10m', ...admin], env), {
    code: 0,
    stderr: '',
    stdout:
      /^rehearsal until 2\d{3}-.*: writes are refused as if memory were 95% full; spillway simulate off ends it$/m,
  });
  t.match(
    (await cli(['stats', ...admin], env)).stdout,
    /^REHEARSAL: as if memory were 95% full, for another \d+ s$/m,
  );
  t.match(await cli(['simulate', 'off', '--json', ...admin], env), {
    code: 0,
    stdout: '{"rehearsal":null}\n',
  });
  t.match(explainedToo.stdout, /^ {2}rule +cache, number 2: cache:\* matches\n(.*\n)* {2}now +passes/m);
  t.match(JSON.parse(explained.stdout), {
    sends: [['SET', 'cache:1', 'value', 'PX', '3600000']],
    now: { shed: false, pressure: Number, reason: /noeviction/ },
  });

  const [missing, wrong] = await Promise.all([
    cli(['stats', ...admin]),
    cli(['explain', 'a', ...admin], { SPILLWAY_ADMIN_TOKEN: `${TOKEN}x` }),
  ]);
  t.match(missing, { code: 1, stdout: '', stderr: /needs a token: set SPILLWAY_ADMIN_TOKEN/ });
  t.match(wrong, { code: 1, stdout: '', stderr: /has another token/ });
  t.notMatch(proxy.log() + missing.stderr + wrong.stderr, TOKEN, 'the token is shown nowhere');
  t.equal((await fetch(`${url}/readyz`)).status, 200, 'probes need none');
});

t.test(
  'an address without a proxy, or with one of another version: one message that says what to do',
  async (t) => {
    const port = await closedPort();
    const redis = await withRedis(t);
    const old = await answering(t, 404, '{"error":"not_found","message":"No such page"}');
    const other = await answering(t, 200, '<html>');
    const elsewhere = await answering(t, 403, '{"error":"host_not_allowed","message":"Use \\u001b[2J it"}');
    const cases: [args: string[], code: number, message: RegExp][] = [
      [['stats', '--admin', `127.0.0.1:${port}`], 1, /nothing listens there; check that the proxy runs/],
      [['explain', 'a', '--admin', `127.0.0.1:${port}`], 1, /nothing listens there; .*or name a config file/],
      [['top', '--admin', `http://127.0.0.1:${port}`], 1, /nothing listens there/],
      [['explain', 'a', '--admin', old], 1, /knows no \/api\/explain: .*another version/],
      [['stats', '--admin', other], 1, /is not an admin address of Spillway/],
      [
        ['stats', '--admin', `127.0.0.1:${redis.port}`],
        1,
        /as Redis and the data port do; name the admin address/,
      ],
      [['stats', '--admin', '127.0.0.1:6000'], 1, /choose another one for admin\.listen/],
      [['stats', '--admin', elsewhere], 1, /refuses \(403\): Use \\u001b\[2J it/],
      [['stats', '--admin', 'ftp://x'], 1, /--admin must be a URL/],
      [['stats', '--admin', 'http://u:p@x'], 1, /--admin must be a URL/],
      [['stats', '--config', '/nowhere.json'], 78, /there is no such file/],
      [['top', '--sort', 'x'], 64, /Allowed choices are writes, bytes, sheds/],
      [
        ['top', '--interval', '0'],
        64,
        /'--interval <duration>' argument '0' is invalid\. It must be from 100ms to 1h/,
      ],
      [['explain'], 64, /missing required argument 'key'/],
      [['report', '--window', '1y', '--admin', old], 1, /knows no \/api\/report/],
      [['simulate', '95'], 64, /must be a share such as 95%, at most 200%, or off/],
      [['simulate', '95%', '--seconds', '0.5'], 64, /must be from 1s to 1h/],
      [['stats', 'a', 'b'], 64, /too many arguments for 'stats'/],
    ];
    await Promise.all(
      cases.map(async ([args, code, message]) => {
        const answer = await cli(args);
        t.match(answer, { code, stdout: '', stderr: message }, args.join(' '));
      }),
    );
    const off = await cli(['stats'], { SPILLWAY_ADMIN: 'off' });
    t.match(off, { code: 1, stderr: /turns the admin server off; name another proxy with --admin/ });
  },
);

t.test('--help of each reads like a manual page', async (t) => {
  for (const command of ['explain', 'stats', 'top', 'report', 'simulate']) {
    const { stdout, code } = await cli([command, '--help']);
    t.equal(code, 0);
    for (const part of [
      `Usage: spillway ${command}`,
      'Description:',
      'Examples:',
      'Environment:',
      'Exit status:',
    ])
      t.match(stdout, part, `${command}: ${part}`);
  }
});
