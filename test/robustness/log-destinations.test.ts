// Where the log goes can fail in every way that there is: clients, old and new, are served, the admin server answers, and
// SIGTERM ends the process as ever.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, constants, openSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { builtMain } from '../support/built.js';
import { connectRaw, withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

t.jobs = 3;
/** Reloads, each of which is logged: as many as make the old way of writing stop the process. */
const RELOADS = 5;
const redis = await withRedis(t);

/** A pipe that takes no byte more, and that nobody reads. */
function fullPipe(t: Test): number {
  const file = path.join(t.testdirName, 'pipe');
  execFileSync('mkfifo', [file]);
  const held = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  const page = Buffer.alloc(4096, '.');
  try {
    for (;;) writeSync(held, page);
  } catch {
    // Full.
  }
  const end = openSync(file, constants.O_WRONLY);
  t.teardown(() => {
    closeSync(end);
    closeSync(held);
  });
  return end;
}

/** The same of another user: it is there, and cannot be opened anew. */
function foreignPipe(t: Test): number {
  const end = fullPipe(t);
  chmodSync(path.join(t.testdirName, 'pipe'), 0);
  return end;
}

/** Root may open any file, but for what it gives up. */
const WITHOUT_PRIVILEGES =
  process.getuid?.() === 0 ? ['setpriv', '--inh-caps=-all', '--bounding-set=-all', '--'] : [];

/** A pipe whose reader has gone. */
function brokenPipe(t: Test): number {
  const file = path.join(t.testdirName, 'pipe');
  execFileSync('mkfifo', [file]);
  const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  const end = openSync(file, constants.O_WRONLY);
  closeSync(reader);
  t.teardown(() => closeSync(end));
  return end;
}

function fullDisk(t: Test): number {
  const full = openSync('/dev/full', 'w');
  t.teardown(() => closeSync(full));
  return full;
}

interface Destination {
  readonly stdout: number;
  readonly stderr: number | 'ignore';
  /** A write to it may never end: then only SIGKILL ends the process. */
  readonly stuck?: boolean;
}

const DESTINATIONS: Record<string, (t: Test) => Destination> = {
  'a full disk': (t) => ({ stdout: fullDisk(t), stderr: 'ignore' }),
  'a pipe that nobody reads': (t) => {
    const pipe = fullPipe(t);
    return { stdout: pipe, stderr: pipe };
  },
  'a pipe of another user that nobody reads': (t) => ({
    stdout: foreignPipe(t),
    stderr: 'ignore',
    stuck: true,
  }),
  'a pipe whose reader has gone': (t) => ({ stdout: brokenPipe(t), stderr: 'ignore' }),
};

for (const workers of [1, 2]) {
  for (const [what, open] of Object.entries(DESTINATIONS)) {
    t.test(`${what}, workers ${workers}`, { timeout: 60_000 }, async (t) => {
      const [port, adminPort] = [await findFreePort(), await findFreePort()];
      const file = path.join(t.testdir({}), 'proxy.config.json');
      const config = {
        listen: `127.0.0.1:${port}`,
        admin: { listen: `127.0.0.1:${adminPort}` },
        upstream: { url: `redis://127.0.0.1:${redis.port}` },
        workers,
        log: { level: 'debug' },
      };
      writeFileSync(file, JSON.stringify(config));
      const { stdout, stderr, stuck = false } = open(t);
      const [program = '', ...args] = [
        ...(stuck ? WITHOUT_PRIVILEGES : []),
        process.execPath,
        ...[builtMain(), '--config', file],
      ];
      const child = spawn(program, args, { stdio: ['ignore', stdout, stderr] });
      const exited = once(child, 'exit');
      t.teardown(() => child.kill('SIGKILL'));
      const admin = async (address: string): Promise<Response> =>
        fetch(`http://127.0.0.1:${adminPort}${address}`, { signal: AbortSignal.timeout(5000) });
      await until(async () => (await admin('/readyz').catch(() => undefined))?.ok, { timeoutMs: 60_000 });
      const old = await withRaw(t, port);
      const reloads = async (): Promise<number> =>
        ((await (await admin('/api/config')).json()) as { reloads: number }).reloads;
      for (let i = 0; i < RELOADS; i++) {
        const before = await reloads();
        child.kill('SIGHUP');
        await until(async () => (await reloads()) > before);
      }
      t.equal(String(await old.call('PING')), '+PONG\r\n', 'a client that was there');
      const fresh = await connectRaw(port);
      t.equal(String(await fresh.call('PING')), '+PONG\r\n', 'a new client');
      fresh.destroy();
      t.equal(await (await admin('/healthz')).text(), 'ok');
      t.match(await (await admin('/metrics')).text(), /^spillway_log_lines_lost_total 0$/m);
      child.kill('SIGTERM');
      const [code, signal] = (await exited) as [number | null, NodeJS.Signals | null];
      t.ok(code === 0 || (stuck && signal === 'SIGKILL'), `ended by ${code ?? signal}`);
    });
  }
}
