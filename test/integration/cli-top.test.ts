// What somebody sees on a terminal: the log as text; and `spillway top`: the table while it changes, sorting by keys, a window that becomes
// smaller, a proxy that goes and comes back, and a terminal that is as it was when it has ended.
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { spawn } from '@lydell/node-pty';
import t, { type Test } from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { builtMain } from '../support/built.js';
import { withProxy } from '../support/proxy.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const PATIENCE = { timeoutMs: 30_000 };
const RULES = [
  { name: 'sessions', match: 'session:*', ttl: '24h' },
  { name: 'cache', match: 'cache:*', ttl: '1h' },
];
const [CLEAR_BELOW, SHOW_CURSOR, WRAP] = ['\x1b[J', '\x1b[?25h', '\x1b[?7h'];

function onTerminal(t: Test, args: readonly string[]) {
  const terminal = spawn(process.execPath, [builtMain(), ...args], {
    cwd: root,
    cols: 120,
    rows: 30,
    env: { ...process.env, TERM: 'xterm-256color', NO_COLOR: '1' },
  });
  t.teardown(() => terminal.kill('SIGKILL'));
  let all = '';
  terminal.onData((data) => {
    all += data;
  });
  const ended = new Promise<number>((resolve) => terminal.onExit(({ exitCode }) => resolve(exitCode)));
  /** The lines of the last whole picture. */
  const lines = (): string[] => {
    const picture = all.split(CLEAR_BELOW).at(-2) ?? '';
    return stripVTControlCharacters(picture).trim().split('\r\n');
  };
  const shows = (wanted: RegExp | string) =>
    until(
      () => lines().some((line) => (typeof wanted === 'string' ? line.includes(wanted) : wanted.test(line))),
      {
        ...PATIENCE,
        describe: `the terminal to show ${wanted}, behind ${JSON.stringify(lines())}`,
      },
    );
  return { terminal, ended, lines, shows, all: () => all };
}

t.test('the log is text on a terminal, unless JSON is asked for', { timeout: 60_000 }, async (t) => {
  const args = ['serve', '--listen', '127.0.0.1:0', '--admin', 'off', '--workers', '2'];
  for (const [more, first] of [
    [
      [],
      /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}listening {2}version=.*? listen=127\.0\.0\.1:\d+ .*mode=enforce$/m,
    ],
    [['--log-format', 'json'], /^\{"level":30,.*"msg":"listening"\}/m],
  ] as const) {
    const proxy = onTerminal(t, [...args, ...more]);
    await until(() => first.test(stripVTControlCharacters(proxy.all()).replaceAll('\r', '')), {
      ...PATIENCE,
      describe: `the terminal to show ${first}, behind ${proxy.all()}`,
    });
    proxy.terminal.kill('SIGTERM');
    t.equal(await proxy.ended, 0);
  }
});

t.test('top on a terminal', { timeout: 120_000 }, async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '50mb']);
  const port = await findFreePort();
  const config = { rules: RULES, admin: { listen: `127.0.0.1:${port}` } };
  const proxy = await withProxy(t, { redis, config });
  const client = await withRaw(t, proxy.port);
  const top = onTerminal(t, ['top', '--interval', '0.1', '--admin', `http://127.0.0.1:${port}`]);
  await top.shows('spillway top');
  await top.shows(/^cache +0 +0/);

  let writing = true;
  const writer = (async () => {
    for (let i = 0; writing; i++) {
      await client.call('SET', `cache:${i % 100}`, 'x'.repeat(10));
      await client.call('SET', 'session:1', 'x'.repeat(5000));
      await client.call('SET', `cache:${i % 100}`, 'y');
    }
  })();
  t.teardown(() => {
    writing = false;
  });
  const before = (first: string, second: string) => () => {
    const at = (name: string) => top.lines().findIndex((line) => new RegExp(`^${name} +[1-9]`).test(line));
    return at(first) >= 0 && at(first) < at(second);
  };
  await until(before('cache', 'sessions'), { ...PATIENCE, describe: 'cache to write most often' });
  top.terminal.write('b');
  await until(before('sessions', 'cache'), { ...PATIENCE, describe: 'sessions to write most bytes' });
  top.terminal.write('w');
  await until(before('cache', 'sessions'), { ...PATIENCE, describe: 'the order to be as before' });

  top.terminal.resize(120, 4);
  await until(() => top.lines().length === 3, { ...PATIENCE, describe: 'three lines in a window of four' });
  top.terminal.resize(120, 30);
  await top.shows(/^cache +[1-9]/);
  writing = false;
  await writer;

  await proxy.running.stop(0);
  await top.shows('nothing listens there');
  await withProxy(t, { redis, config });
  await top.shows(/^cache +0/);
  t.notMatch(top.lines().join('\n'), 'nothing listens there');

  top.terminal.write('\x03');
  t.equal(await top.ended, 0);
  t.ok(top.all().trimEnd().endsWith(`${WRAP}${SHOW_CURSOR}`), 'the terminal is as it was');
});
