// Where and when a benchmark was measured: machine, commit and versions. Reads, never writes. What cannot be found out
// (no git, a binary that is not installed) is left out or said to be unknown, never guessed.
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import type { Circumstances } from './types.js';

/** How each binary says its version; on either stream. */
const BINARIES = [
  { name: 'redis-server', command: 'redis-server', flag: '--version', pattern: /v=(\S+)/ },
  { name: 'twemproxy', command: 'nutcracker', flag: '-V', pattern: /nutcracker-(\S+)/ },
  { name: 'haproxy', command: 'haproxy', flag: '-v', pattern: /version (\d[^\s-]*)/i },
] as const;

const ROOT = new URL('../../', import.meta.url);

export function circumstances(rounds: number): Circumstances {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    machine: {
      cpu: os.cpus()[0]?.model ?? 'unknown',
      cores: os.cpus().length,
      memoryGiB: Math.round((os.totalmem() / 2 ** 30) * 10) / 10,
      kernel: `${os.type()} ${os.release()}`,
    },
    versions: versions(),
    rounds,
  };
}

/** What earlier benchmarks have saved is no change of what is measured. */
function commit(): string {
  const hash = run('git', 'rev-parse', '--short', 'HEAD');
  if (hash === undefined) return 'unknown';
  const changes = run('git', 'status', '--porcelain', '--', '.', ':!bench/results');
  return changes === '' ? hash : `${hash}+`;
}

function versions(): Record<string, string> {
  const found: Record<string, string> = { node: process.versions.node };
  for (const { name, command, flag, pattern } of BINARIES) {
    const version = pattern.exec(run(command, flag) ?? '')?.[1];
    if (version !== undefined) found[name] = version;
  }
  return found;
}

/** All that the command prints; undefined when it is not there or fails. */
function run(command: string, ...args: string[]): string | undefined {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', timeout: 5000 });
  return status === 0 ? `${stdout}${stderr}`.trim() : undefined;
}
