// Holds the table of exit codes (src/cli/exit.ts) and the real program to each other: each row is provoked for each kind
// of command, and nothing else was seen on the way.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { EXIT_STATUS } from '../../src/cli/exit.js';
import { builtMain } from '../support/built.js';
import { withFolder } from '../support/folder.js';
import { closedPort, listen, serving } from '../support/listen.js';
import { withProxy } from '../support/proxy.js';
import { startProxyProcess } from '../support/proxy-process.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';

type Kinds = typeof EXIT_STATUS;
/** One way to each code that the table has for a kind of command. */
type Ways<K extends keyof Kinds> = Record<Kinds[K]['rows'][number][0], () => Promise<number | null>>;

const folder = withFolder(t, 'spillway-exit-');
const bad = path.join(folder, 'bad.json');
writeFileSync(bad, '{ "rules": 7 }');

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [builtMain(), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, NO_COLOR: '1', ...env },
    stdio: 'ignore',
  });
}

/** The exit code of `spillway ARGS`, by itself or by what `meanwhile` does to it. */
async function run(
  args: readonly string[],
  { env, meanwhile }: { env?: NodeJS.ProcessEnv; meanwhile?: (child: ChildProcess) => Promise<void> } = {},
): Promise<number | null> {
  const child = start(args, env);
  const exited = once(child, 'exit') as Promise<[number | null]>;
  await meanwhile?.(child);
  return (await exited)[0];
}

/** A command that waits for a server that never answers, ended by two signals. */
async function interrupted(command: string, signal: NodeJS.Signals): Promise<number | null> {
  const silent = createServer();
  const port = await listen(silent);
  const code = await run([command, '-u', `redis://127.0.0.1:${port}`], {
    async meanwhile(child) {
      const [socket] = await once(silent, 'connection');
      child.kill(signal);
      const again = setInterval(() => child.kill(signal), 50);
      child.once('exit', () => {
        clearInterval(again);
        socket.destroy();
      });
    },
  });
  silent.close();
  return code;
}

const usage = (command: string) => () => run([command, '--no-such-flag']);
const config =
  (command: string, ...more: string[]) =>
  () =>
    run([command, '--config', bad, ...more]);
const unreachable = (command: string) => async () =>
  run([command, '-u', `redis://127.0.0.1:${await closedPort()}`]);

/** The address of a Redis that refuses writes. */
async function withFull(t: Test): Promise<string> {
  const { port } = await withRedis(t, ['--maxmemory', '20mb']);
  const direct = await withRaw(t, port);
  for (let i = 0; (await direct.call('SETRANGE', i, 200_000, 'x')).toString().startsWith(':'); i++);
  return `redis://127.0.0.1:${port}`;
}

t.test('every exit code of the table is what the program ends with', async (t) => {
  const redis = await withRedis(t, ['--maxmemory', '100mb']);
  const url = `redis://127.0.0.1:${redis.port}`;
  const unlimited = `redis://127.0.0.1:${(await withRedis(t)).port}`;
  const proxy = await withProxy(t, { redis });
  const admin = { SPILLWAY_ADMIN: `127.0.0.1:${proxy.adminPort}` };
  const full = await withFull(t);

  const ways: { [K in keyof Kinds]: Ways<K> } = {
    run: {
      0: async () => {
        const running = await startProxyProcess({ config: { upstream: { url } } });
        running.signal('SIGTERM');
        return (await running.exited).code;
      },
      1: () => run(['-u', unlimited, '-l', `127.0.0.1:${redis.port}`, '--admin', 'off']),
      64: () => run(['--no-such-flag']),
      78: () => run(['--config', bad]),
    },
    check: {
      0: () => run(['check', '-u', url, '--connect']),
      1: async () => run(['check', '-u', `redis://127.0.0.1:${await closedPort()}`, '--connect']),
      64: usage('check'),
      78: config('check'),
    },
    ask: {
      0: () => run(['stats'], { env: admin }),
      1: async () => run(['stats'], { env: { SPILLWAY_ADMIN: `127.0.0.1:${await closedPort()}` } }),
      64: usage('stats'),
      78: config('stats'),
    },
    failover: {
      // A real one, which needs Sentinels: failover-planned.test.ts.
      0: async () => {
        const plan = { primary: 'a:1', quorum: 'OK', replicas: [], replicaMs: 1, pauseMs: 1300 };
        const proxy = createHttpServer((_, response) => response.end(JSON.stringify({ plan })));
        const env = { SPILLWAY_ADMIN: `127.0.0.1:${await serving(t, proxy)}` };
        return run(['failover', '--dry-run'], { env });
      },
      1: () => run(['failover', '--dry-run'], { env: admin }),
      64: usage('failover'),
      78: config('failover'),
    },
    doctor: {
      0: () => run(['doctor', '-u', url, '--fail-on', 'critical']),
      1: unreachable('doctor'),
      2: () => run(['doctor', '-u', unlimited]),
      3: () => run(['doctor', '-u', full]),
      64: usage('doctor'),
      78: config('doctor'),
      130: () => interrupted('doctor', 'SIGINT'),
      143: () => interrupted('doctor', 'SIGTERM'),
    },
    watch: {
      0: () => run(['watch', '--once', '-u', url]),
      1: unreachable('watch'),
      2: () => run(['watch', '--once', '-u', url, '--threshold', '0.1%,99%']),
      3: () => run(['watch', '--once', '-u', url, '--threshold', '0.1%,0.2%']),
      64: usage('watch'),
      78: config('watch'),
      130: () => interrupted('watch', 'SIGINT'),
      143: () => interrupted('watch', 'SIGTERM'),
    },
    tool: {
      0: () => run(['analyze', '-u', url]),
      1: unreachable('analyze'),
      64: usage('analyze'),
      78: config('analyze'),
      130: () => interrupted('analyze', 'SIGINT'),
      143: () => interrupted('analyze', 'SIGTERM'),
    },
    demo: {
      0: () => run(['demo', '--seconds', '1']),
      1: () => run(['demo', '--seconds', '1'], { env: { SPILLWAY_REDIS_SERVER: path.join(folder, 'none') } }),
      64: usage('demo'),
    },
  };
  const rows = Object.entries(ways).flatMap(([kind, codes]) =>
    Object.entries(codes).map(([code, way]) => ({ kind, code: Number(code), way })),
  );
  // Each is a start of node: two at a time.
  const lane = async (): Promise<void> => {
    for (let row = rows.shift(); row !== undefined; row = rows.shift())
      t.equal(await row.way(), row.code, `${row.kind} ${row.code}`);
  };
  await Promise.all([lane(), lane()]);
});
