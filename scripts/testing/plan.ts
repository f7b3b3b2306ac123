// Which test files a tier runs, and how often: by the tree and the lists of test/tiers.ts. Starts nothing.
// Invariant: whatever the lists say, `npm test` and the rest together run each file at least once in full.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import {
  ALONE,
  BROWSER_IN_FAST,
  BY_TRANSPORT,
  CUT_POOLED,
  ONE_POOLING,
  POOLED_IN_FAST,
  REST,
} from '../../test/tiers.js';

export type Tier = 'fast' | 'rest' | 'all';

/** One start of one test file. */
export interface TestRun {
  /** With slashes, from the root: `test/unit/x.test.ts`. */
  readonly file: string;
  /** What is special about this one, such as "command pooling"; empty for the plain one. */
  readonly variant: string;
  readonly env: Readonly<Record<string, string>>;
  /** It runs when no other does. */
  readonly alone: boolean;
}

/** The folders whose tests go through a proxy that pools. */
const POOLING = ['conformance/', 'integration/', 'robustness/'];
/** Files of these are long, in this order; short ones fill the gaps behind them. */
const ORDER = ['tools/', 'conformance/', 'robustness/', 'integration/', 'browser/', 'property/', 'unit/'];

interface TestFile {
  /** Below test/. */
  readonly name: string;
  readonly text: string;
}

/** All test files but those of the benchmarks, the longest first. */
export function testFiles(root: string): TestFile[] {
  const names = readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .map((name) => name.split(path.sep).join('/'))
    .filter((name) => name.endsWith('.test.ts') && !name.startsWith('bench/'));
  const place = (name: string): number =>
    REST.includes(name)
      ? REST.indexOf(name) - REST.length
      : ORDER.findIndex((folder) => name.startsWith(folder));
  return names
    .sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1))
    .map((name) => ({ name, text: readFileSync(path.join(root, 'test', name), 'utf8') }));
}

/** @throws Error when a list names a file that is not there. */
export function plan(tier: Tier, files: readonly TestFile[]): TestRun[] {
  checkLists(files.map(({ name }) => name));
  const wanted = (one: 'fast' | 'rest') => tier === 'all' || tier === one;
  return files.flatMap((file) =>
    runsOf(file, tier)
      .filter(({ tier }) => wanted(tier))
      .map(({ run }) => run),
  );
}

/** Every run of one file that there is; the first in full. */
export function everyRun(file: TestFile): TestRun[] {
  return runsOf(file, 'all').map(({ run }) => run);
}

function runsOf({ name, text }: TestFile, asked: Tier): { tier: 'fast' | 'rest'; run: TestRun }[] {
  const runs: { tier: 'fast' | 'rest'; run: TestRun }[] = [];
  const add = (tier: 'fast' | 'rest', variant: string, env: Record<string, string> = {}): void => {
    const run = { file: `test/${name}`, variant, env, alone: isOneOf(name, ALONE) };
    if (tier === 'fast' && asked !== 'all' && text.includes('/support/tier.js')) {
      runs.push({
        tier,
        run: { ...run, variant: comma('a cut', variant), env: { ...env, SPILLWAY_TIER: 'fast' } },
      });
      runs.push({ tier: 'rest', run });
    } else runs.push({ tier, run });
  };
  if (name.startsWith('browser/')) {
    add(isOneOf(name, BROWSER_IN_FAST) ? 'fast' : 'rest', '');
    return runs;
  }
  add(isOneOf(name, REST) ? 'rest' : 'fast', '');
  const poolsAgain = POOLING.some((folder) => name.startsWith(folder)) && !/\bPOOLS\b/.test(text);
  if (poolsAgain && !isOneOf(name, ONE_POOLING)) {
    const cut = isOneOf(name, CUT_POOLED);
    add(isOneOf(name, POOLED_IN_FAST) ? 'fast' : 'rest', cut ? 'command pooling, a cut' : 'command pooling', {
      SPILLWAY_POOL: 'command',
      ...(cut && { SPILLWAY_TIER: 'fast' }),
    });
  }
  if (isOneOf(name, BY_TRANSPORT)) {
    add('rest', 'by TLS', { SPILLWAY_TRANSPORT: 'tls' });
    add('rest', 'by unix sockets', { SPILLWAY_TRANSPORT: 'unix' });
  }
  return runs;
}

const comma = (...parts: string[]): string => parts.filter((part) => part !== '').join(', ');

function isOneOf(name: string, list: readonly string[]): boolean {
  return list.some((entry) => (entry.endsWith('/') ? name.startsWith(entry) : name === entry));
}

function checkLists(names: readonly string[]): void {
  const lists = { REST, POOLED_IN_FAST, CUT_POOLED, ONE_POOLING, BY_TRANSPORT, BROWSER_IN_FAST, ALONE };
  for (const [list, entries] of Object.entries(lists)) {
    const gone = entries.find((entry) => !names.some((name) => isOneOf(name, [entry])));
    if (gone !== undefined) throw new Error(`test/tiers.ts: ${list} names test/${gone}, which is not there`);
  }
}
