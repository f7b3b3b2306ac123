// hiredis's own tests (C) against a server on TCP. They want a Unix socket as well: that one is Redis's own, so what
// runs there is not counted.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { need } from '../apt.js';
import type { Later } from '../cases.js';
import { Program } from '../program.js';
import { type SuiteRun, Verdicts } from './verdicts.js';

const BUILD_TIMEOUT_MS = 300_000;

/** Builds the test program in `source`. */
export async function buildHiredisSuite(source: string): Promise<void> {
  await need(['cc'], 'gcc', console.error);
  const make = await need(['make'], 'make', console.error);
  await promisify(execFile)(make, ['-C', source, 'hiredis-test'], {
    timeout: BUILD_TIMEOUT_MS,
    maxBuffer: 64 << 20,
  });
}

export async function runHiredisSuite(
  source: string,
  { port, unixSocket, later }: { port: number; unixSocket: string; later: Later },
): Promise<SuiteRun> {
  const args = ['-h', '127.0.0.1', '-p', String(port), '-s', unixSocket];
  const { stdout } = await new Program(`${source}/hiredis-test`, args, later).end();
  const verdicts = new Verdicts();
  const [, overTcp = ''] =
    /Testing against TCP connection.*?\n([\s\S]*?)Testing against Unix/.exec(stdout) ?? [];
  for (const [, name = '', verdict] of overTcp.matchAll(/^#\d+ (.*?):? ?(?:.\[0;3\dm)?(PASSED|FAILED)/gm)) {
    verdicts.add(name, verdict === 'PASSED' ? 'passed' : 'failed');
  }
  const skipped = [
    { what: 'its tests of formatting, parsing and Unix sockets', why: 'no TCP connection is involved' },
  ];
  return { verdicts: verdicts.all, skipped, tail: stdout.slice(-2000) };
}
