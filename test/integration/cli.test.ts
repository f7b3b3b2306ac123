// The command line as a user meets it: the real program as a child process, its output and its exit codes.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { builtMain } from '../support/built.js';
import { serving } from '../support/listen.js';
import { withRedis } from '../support/redis.js';
import { FULL } from '../support/tier.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SPILLWAY_'));

function start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [builtMain(), ...args], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function cli(args: readonly string[], env: Record<string, string> = {}) {
  const child = start(args, env);
  if (child.stdout === null || child.stderr === null) throw new Error('no pipes');
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { stdout, stderr, code };
}

t.test('--help reads like a manual page, and exits 0', async (t) => {
  const { stdout, stderr, code } = await cli(['--help']);
  t.equal(code, 0);
  t.equal(stderr, '');
  for (const part of ['Usage: spillway', 'Description:', 'Examples:', 'Environment:', 'Exit status:'])
    t.match(stdout, part);
  for (const flag of ['--config', '--listen', '--upstream', '--admin', '--log-level', '--version'])
    t.match(stdout, flag);
  t.match((await cli(['check', '--help'])).stdout, '--json');
  t.match((await cli(['demo', '--help'])).stdout, '--seconds');
});

t.test('--help names every variable and every exit code that exists', async (t) => {
  const { stdout } = await cli(['--help']);
  const { stderr } = await cli(['check'], { SPILLWAY_NOPE: '1' });
  const known = /Spillway has no such variable\. It has (.*)/.exec(stderr)?.[1].split(', ') ?? [];
  t.ok(known.length >= 7);
  t.same(new Set(stdout.match(/SPILLWAY_\w+/g)), new Set(known));
  t.same(stdout.match(/^ {2}\d+(?= )/gm)?.map(Number), [0, 1, 64, 78]);
});

t.test('--version is the version of the package', async (t) => {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  t.match(await cli(['--version']), { stdout: `${version}\n`, stderr: '', code: 0 });
});

t.test('help and version are commands, too', async (t) => {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  t.match(await cli(['version']), { stdout: `${version}\n`, stderr: '', code: 0 });
  t.same(await cli(['help']), await cli(['--help']));
  t.same(await cli(['help', 'stats']), await cli(['stats', '--help']));
});

t.test('wrong usage exits 64 and says how to find help', async (t) => {
  const cases: [string[], RegExp][] = [
    [['--nope'], /unknown option '--nope'/],
    [['nope'], /unknown command 'nope'/],
    [['help', 'statz'], /^error: unknown command 'statz'; did you mean stats\?\nSee spillway --help\.\n/],
    [['statz'], /unknown command 'statz'; did you mean stats\?/],
    [['serve', 'nope'], /too many arguments for 'serve'/],
    [['--listen'], /option '-l, --listen <host:port>' argument missing/],
    [['check', '--nope'], /unknown option '--nope'/],
    [['check', 'nope'], /too many arguments for 'check'/],
    [
      ['demo', '--seconds', 'x'],
      /'--seconds <duration>' argument 'x' is invalid\. It must be a duration such as/,
    ],
    [
      ['demo', '--seconds', '0'],
      /'--seconds <duration>' argument '0' is invalid\. It must be from 1ms to 7d/,
    ],
  ];
  await Promise.all(
    cases.slice(0, FULL ? cases.length : 4).map(async ([args, message]) => {
      const { stdout, stderr, code } = await cli(args);
      t.equal(code, 64, args.join(' '));
      t.equal(stdout, '');
      t.match(stderr, message);
      const command = /^(check|demo|serve)$/.test(args[0] ?? '') ? `${args[0]} ` : '';
      t.match(stderr, `See spillway ${command}--help`);
    }),
  );
});

t.test('check prints the effective config, for people and for programs', async (t) => {
  const plain = await cli(['check', '--config', 'proxy.config.json', '--listen', ':7000'], {
    SPILLWAY_LOG_LEVEL: 'warn',
  });
  t.match(plain, { code: 0, stderr: '' });
  t.match(plain.stdout, /^proxy\.config\.json: valid\n/);
  t.match(plain.stdout, /^listen +:7000$/m);
  t.match(plain.stdout, /name=sessions {2}match=session:\* {2}ttl=1d {2}maxTtl=7d {2}priority=high/);
  t.match(plain.stdout, /^ {2}level +warn$/m);

  const json = await cli(['--listen', ':1', 'check', '--json'], {
    SPILLWAY_CONFIG: 'proxy.config.json',
    SPILLWAY_UPSTREAM: 'redis://u:hunter2@127.0.0.1',
  });
  t.equal(json.code, 0);
  t.match(JSON.parse(json.stdout), {
    ok: true,
    file: 'proxy.config.json',
    warnings: [],
    config: { listen: ':1', upstream: { url: 'redis://u:***@127.0.0.1:6379' }, rules: { length: 4 } },
  });
  t.notMatch(json.stdout, /hunter2/);
});

t.test('check and run refuse a bad config alike: exit 78, every problem with its place', async (t) => {
  const dir = t.testdir({ 'bad.json': '{ "rules": [{ "name": "a", "match": "a:*" }], "mdoe": "observe" }' });
  const file = `${dir}/bad.json`;
  for (const command of [['check'], []]) {
    const { stdout, stderr, code } = await cli([...command, '--config', file]);
    t.equal(code, 78);
    t.equal(stdout, '');
    t.match(stderr, `spillway: ${file}: 2 problems\n`);
    t.match(stderr, /^ {2}rules\[0\] \(rule "a", line 1\): must have a "ttl"/m);
    t.match(stderr, /^ {2}mdoe \(line 1\): is not a setting here; did you mean "mode"\?/m);
  }
  const json = await cli(['check', '--json', '--config', file]);
  t.equal(json.code, 78);
  t.match(JSON.parse(json.stdout), { ok: false, code: 'CONFIG_INVALID', problems: { length: 2 } });
  t.match(await cli(['--config', `${dir}/none.json`]), { code: 78, stderr: /there is no such file/ });
});

t.test('check without a file: valid, with a warning that there are no rules', async (t) => {
  t.match(await cli(['check']), { code: 0, stdout: /^defaults: valid/, stderr: /warning: no rules/ });
});

t.test('a port in use: one line that says which flag changes it, and exit 1', async (t) => {
  const port = await serving(t, createServer());
  const busy = `127.0.0.1:${port}`;
  const client = await cli(['--listen', busy, '--admin', 'off', '--log-level', 'silent']);
  t.match(client, { code: 1, stdout: '' });
  t.equal(
    client.stderr,
    `spillway: cannot listen on ${busy}: the port is in use; stop the process that uses it, or choose another port (--listen)\n`,
  );
  const admin = await cli(['--listen', '127.0.0.1:0', '--admin', busy, '--log-level', 'silent']);
  t.match(admin, { code: 1, stdout: '' });
  t.equal(
    admin.stderr,
    `spillway: cannot listen on ${busy}: the port is in use; stop the process that uses it, or choose another port (--admin)\n`,
  );
});

interface LogLine {
  readonly msg: string;
  readonly listen?: string;
  readonly dataPort?: string;
}

/** Starts a proxy; resolves at its "listening". `logged(msg)` resolves at the next line with that message. */
async function running(t: Test, args: readonly string[]) {
  const child = start(['--listen', '127.0.0.1:0', '--admin', 'off', ...args]);
  t.teardown(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  if (child.stdout === null) throw new Error('no pipe');
  const lines: LogLine[] = [];
  const waiting = new Map<string, (line: LogLine) => void>();
  createInterface(child.stdout).on('line', (json) => {
    const line: LogLine = JSON.parse(json);
    lines.push(line);
    waiting.get(line.msg)?.(line);
  });
  const logged = (msg: string) =>
    Promise.race([
      new Promise<LogLine>((resolve) => {
        const past = lines.find((line) => line.msg === msg);
        if (past === undefined) waiting.set(msg, resolve);
        else resolve(past);
      }),
      exited.then(() => Promise.reject(new Error(`it ended before it logged "${msg}"`))),
    ]);
  const { listen = '' } = await logged('listening');
  return { child, exited, logged, port: Number(listen.split(':').at(-1)) };
}

for (const signal of FULL ? (['SIGTERM', 'SIGINT'] as const) : (['SIGTERM'] as const)) {
  t.test(`${signal} ends it gracefully with exit 0`, async (t) => {
    const { child, exited } = await running(t, []);
    child.kill(signal);
    t.same(await exited, [0, null]);
  });
}

t.test('it says that its port is closed while the server refuses connections', async (t) => {
  const { logged } = await running(t, ['--upstream', `redis://127.0.0.1:${await findFreePort()}`]);
  t.match(await logged('listening'), { dataPort: /^closed until the server accepts/ });
  const redis = await withRedis(t);
  const { logged: open } = await running(t, ['--upstream', `redis://127.0.0.1:${redis.port}`]);
  t.equal((await open('listening')).dataPort, undefined);
});

t.test('a client that waits holds the drain, and a second signal ends it at once', async (t) => {
  // A server that leaves BLPOP waiting and has no answer to anything else.
  let blocked = () => {};
  const waits = new Promise<void>((resolve) => {
    blocked = resolve;
  });
  const upstream = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      if (bytes.includes('BLPOP')) blocked();
      else socket.write('-ERR not here\r\n');
    });
  });
  const upstreamPort = await serving(t, upstream);
  const { child, exited, logged, port } = await running(t, [
    '--upstream',
    `redis://127.0.0.1:${upstreamPort}`,
  ]);
  const client = connect(port, '127.0.0.1').on('error', () => {});
  t.teardown(() => client.destroy());
  client.write('*3\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n$1\r\n0\r\n');
  await waits;
  child.kill('SIGTERM');
  await logged('closing: clients may finish their commands');
  child.kill('SIGTERM');
  t.same(await exited, [1, null]);
});
