// Redis's own test-suite (Tcl), against a server that it has not started: as Redis's CI runs it for external servers.
// Knows its command line and its output, nothing of what stands at the port.
import { cp, symlink } from 'node:fs/promises';
import path from 'node:path';
import { need } from '../apt.js';
import type { Later } from '../cases.js';
import { Program } from '../program.js';
import { type SuiteRun, Verdicts } from './verdicts.js';

/** What the tests ask of a server that is not theirs. */
export const REDIS_SUITE_SERVER = ['protected-configs', 'debug-command', 'module-command'].flatMap((each) => [
  `--enable-${each}`,
  'yes',
]);
const COLORS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
const LINE = /^\[(ok|err|ignore)\]: (.*)$/gm;

/**
 * Runs the suite in `source` against 127.0.0.1:`port`. `basePort` is where it looks for ports of its own; two runs at
 * a time need two of them, and two copies of the source: `copy` is where this one goes. `single`: files to run, all by default.
 */
export async function runRedisSuite(
  source: string,
  copy: string,
  {
    port,
    basePort,
    later,
    single = [],
  }: { port: number; basePort: number; later: Later; single?: readonly string[] },
): Promise<SuiteRun> {
  await need(['tclsh', 'tclsh8.6', 'tclsh8.7'], 'tcl', console.error);
  await cp(source, copy, { recursive: true });
  for (const name of ['redis-cli', 'redis-benchmark']) {
    await symlink(await need([name], 'redis-tools'), path.join(copy, 'src', name));
  }
  // Durable: a test that fails by an exception ends itself, not the run. Slow tests are left out, as in Redis's CI.
  const tests = ['--tags', '-slow', '--durable', '--baseport', String(basePort)];
  for (const file of single) tests.push('--single', file);
  const address = ['--host', '127.0.0.1', '--port', String(port)];
  const inCopy = ['-c', 'cd "$0" && exec ./runtest "$@"', copy];
  const { stdout } = await new Program('/bin/sh', [...inCopy, ...address, ...tests], later).end();
  return parse(stdout.replace(COLORS, ''));
}

function parse(output: string): SuiteRun {
  const verdicts = new Verdicts();
  const reasons = new Map<string, number>();
  for (const [, status, text = ''] of output.matchAll(LINE)) {
    if (status === 'ok') verdicts.add(text.replace(/ \(\d+ ms\)$/, ''), 'passed');
    // What follows the name of a failed test tells how it failed, and where.
    else if (status === 'err') verdicts.add(text.replace(/ in tests\/.*$/, ''), 'failed');
    else {
      const reason = text.replace(/^.*: /, '');
      const why = reason.replace(/^slow denied$/, 'tagged as slow');
      reasons.set(why, (reasons.get(why) ?? 0) + 1);
    }
  }
  const skipped = [...reasons].map(([why, count]) => ({ what: `${count} tests`, why }));
  return { verdicts: verdicts.all, skipped, tail: output.slice(-3000) };
}
