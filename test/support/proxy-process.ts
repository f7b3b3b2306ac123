// The proxy as a process of its own, as in production: for benchmarks, and for tests that watch its memory, CPU,
// signals or exit code. For everything else the in-process proxy (proxy.ts) is quicker.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LastLines } from '../../src/cli/local-server/last-lines.js';
import { guardProcess } from '../../src/cli/local-server/process-guard.js';
import { type AskAdmin, adminAt } from './ask-admin.js';
import { builtMain } from './built.js';
import { POOL, WORKERS } from './proxy.js';
import type { TestScope } from './redis.js';

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;
const ROOT = new URL('../../', import.meta.url);

export interface ProxyProcessOptions {
  /** The config file's content; ports 0, POOL and the info log level where it says nothing else. */
  config: Record<string, unknown>;
  /** `dist` (default) is what users run and needs `npm run build`; `source` and a file of one's own run through tsx. */
  entry?: 'dist' | 'source' | URL;
  /** More arguments for node itself, such as `--max-old-space-size=64`. */
  nodeArgs?: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** So many files it may open, and each of its workers. */
  openFiles?: number;
  /** Of another tree: its built dist/cli/main.js, instead of `entry`. */
  main?: string;
}

export interface ProxyProcess {
  readonly pid: number;
  readonly port: number;
  readonly adminPort: number | undefined;
  /** Its config file. */
  readonly file: string;
  readonly admin: AskAdmin;
  /** The last lines of its log. */
  log(): string;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it has ended. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** SIGTERM, and SIGKILL when that takes long. May be called again. */
  stop(): Promise<void>;
}

/** As startProxyProcess, and stopped when `t` ends. */
export async function withProxyProcess(
  t: Pick<TestScope, 'teardown'>,
  options: ProxyProcessOptions,
): Promise<ProxyProcess> {
  const proxy = await startProxyProcess(options);
  t.teardown(() => proxy.stop());
  return proxy;
}

/** Resolves once it listens. @throws Error with its output when it does not. */
export async function startProxyProcess(options: ProxyProcessOptions): Promise<ProxyProcess> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'spillway-proxy-'));
  const file = path.join(folder, 'proxy.config.json');
  const defaults = {
    listen: '127.0.0.1:0',
    admin: { listen: '127.0.0.1:0' },
    // An older program, which a benchmark compares with, knows nothing of it.
    ...(WORKERS > 1 && { workers: WORKERS }),
  };
  const upstream = { pool: POOL, ...(options.config.upstream as object | undefined) };
  await writeFile(file, JSON.stringify({ ...defaults, ...options.config, upstream }));
  // As a shell does it: node raises no limit beyond this one.
  const shell =
    options.openFiles === undefined ? [] : ['sh', '-c', `ulimit -n ${options.openFiles}; exec "$@"`, 'sh'];
  const [program = '', ...args] = [...shell, process.execPath];
  const child = spawn(
    program,
    [
      ...args,
      ...(options.nodeArgs ?? []),
      ...(options.main === undefined ? entryArgs(options.entry) : [options.main]),
      '--config',
      file,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      cwd: fileURLToPath(ROOT),
      env: options.env ?? process.env,
    },
  );
  const { pid } = child;
  if (pid === undefined) throw new Error('could not start node for the proxy');
  const guard = guardProcess(pid, folder);
  const log = new LastLines(60);
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => {
      guard.kill('SIGKILL');
      resolve({ code, signal });
    });
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true });
  };
  child.stderr.on('data', (chunk: Buffer) => log.add(String(chunk)));
  let timer: NodeJS.Timeout | undefined;
  const listening = new Promise<Listening | undefined>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.add(`${line}\n`);
      const found = parseListening(line);
      if (found !== undefined) resolve(found);
    });
    void exited.then(() => resolve(undefined));
    timer = setTimeout(() => resolve(undefined), START_TIMEOUT_MS);
  });
  const found = await listening;
  clearTimeout(timer);
  if (found === undefined) {
    await stop();
    throw new Error(`the proxy did not come up; its output:\n${log.text()}`);
  }
  return {
    pid,
    file,
    port: portOf(found.listen),
    adminPort: found.admin === 'off' ? undefined : portOf(found.admin),
    admin: adminAt(`http://${found.admin}`),
    log: () => log.text(),
    signal: (signal) => child.kill(signal),
    exited,
    stop,
  };
}

/** The processes that `pid` has started and that have not ended: the workers of a proxy. */
export function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

interface Listening {
  listen: string;
  admin: string;
}

function entryArgs(entry: ProxyProcessOptions['entry'] = 'dist'): string[] {
  if (entry === 'dist') return [builtMain()];
  const main = entry === 'source' ? new URL('src/cli/main.ts', ROOT) : entry;
  return ['--import', 'tsx', fileURLToPath(main)];
}

function parseListening(line: string): Listening | undefined {
  if (!line.includes('"listening"')) return undefined;
  const { msg, listen, admin } = JSON.parse(line) as { msg: string } & Listening;
  return msg === 'listening' ? { listen, admin } : undefined;
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
