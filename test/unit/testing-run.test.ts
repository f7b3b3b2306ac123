// Files that fail: a few are run once more, by themselves, and named; many are not, and a second failure counts.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { runAll } from '../../scripts/testing/run.js';

const PASSES = `import t from 'tap'; t.ok(true);`;
const FAILS = `import t from 'tap'; t.ok(false, 'never');`;
const FAILS_ONCE = `
  import { existsSync, writeFileSync } from 'node:fs';
  import t from 'tap';
  const seen = import.meta.filename + '.seen';
  t.ok(existsSync(seen), 'at first');
  writeFileSync(seen, '');`;

async function runs(t: Test, programs: readonly string[], again: boolean) {
  const root = t.testdir();
  const files = programs.map((program, i) => {
    writeFileSync(path.join(root, `${i}.mjs`), program);
    return { file: `${i}.mjs`, variant: '', env: {}, alone: false };
  });
  const lines: string[] = [];
  const log = t.capture(console, 'log', (line: string) => void lines.push(line));
  const results = await runAll(files, { root, compiled: (file) => path.join(root, file), again });
  log.restore();
  return { results, lines };
}

t.test('a file that fails once is named, and does not fail the run', async (t) => {
  const { results, lines } = await runs(t, [PASSES, FAILS_ONCE, FAILS], true);
  t.match(
    results.map(({ failures, unsteady }) => [failures.length, unsteady?.failures.length ?? 0]),
    [
      [0, 0],
      [0, 1],
      [1, 0],
    ],
  );
  t.ok(lines.includes('once more, by themselves: 2 that failed'));
  t.match(
    readFileSync(results[1]?.unsteady?.output as string, 'utf8'),
    /^not ok /m,
    'what it printed is kept',
  );
});

t.test('more than three that fail are not run again, nor is any where each run counts', async (t) => {
  for (const [programs, again] of [
    [Array(4).fill(FAILS_ONCE), true],
    [[FAILS_ONCE], false],
  ] as const) {
    const { results } = await runs(t, programs, again);
    t.ok(results.every(({ failures }) => failures.length === 1));
  }
});
