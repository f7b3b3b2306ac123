// When, on what and of which commit a benchmark was run. Reads the machine; measures nothing.
import { execFileSync, spawnSync } from 'node:child_process';
import os from 'node:os';
import type { Circumstances } from './types.js';

/** What each program is asked for its version; the first number with a dot in its answer counts. */
const PROGRAMS: Readonly<Record<string, readonly [binary: string, flag: string]>> = {
  'redis-server': ['redis-server', '--version'],
  twemproxy: ['nutcracker', '--version'],
  haproxy: ['haproxy', '-v'],
};

export function circumstances(rounds: number): Circumstances {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    machine: {
      cpu: os.cpus()[0]?.model ?? 'unknown',
      cores: os.cpus().length,
      memoryGiB: Math.round(os.totalmem() / 2 ** 30),
      kernel: os.release(),
    },
    versions: versions(),
    rounds,
  };
}

function commit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}

function versions(): Record<string, string> {
  const found: Record<string, string> = { node: process.versions.node };
  for (const [name, [binary, flag]] of Object.entries(PROGRAMS)) {
    const { stdout, stderr } = spawnSync(binary, [flag], { encoding: 'utf8' });
    const version = /\d+(\.\d+)+/.exec(`${stdout ?? ''}${stderr ?? ''}`)?.[0];
    if (version !== undefined) found[name] = version;
  }
  return found;
}
