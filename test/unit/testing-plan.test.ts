// Which test runs when: every file has a tier by itself, and nothing is left out between the two.
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { everyRun, plan, testFiles } from '../../scripts/testing/plan.js';

const files = testFiles(fileURLToPath(new URL('../../', import.meta.url)));
const named = (runs: ReturnType<typeof plan>) => runs.map(({ file, variant }) => `${file} ${variant}`);

t.test('each run of each test file is in exactly one tier', async (t) => {
  const [fast, rest] = [plan('fast', files), plan('rest', files)];
  const inFull = [...fast, ...rest].filter(({ variant }) => !variant.startsWith('a cut'));
  const all = files.flatMap(everyRun);
  t.same(named(inFull).sort(), named(all).sort());
  t.same(named(plan('all', files)).sort(), named(all).sort());
  t.equal(new Set(named([...fast, ...rest])).size, fast.length + rest.length);
  for (const { name } of files)
    t.ok(
      all.some(({ file }) => file === `test/${name}`),
      name,
    );
});

t.test('a new file runs in npm test, with the other pooling in the rest', async (t) => {
  const name = 'integration/new.test.ts';
  const runs = (tier: 'fast' | 'rest', text: string, as = name) =>
    named(plan(tier, [...files, { name: as, text }]).filter(({ file }) => file === `test/${as}`));
  t.same(runs('fast', ''), [`test/${name} `]);
  t.same(runs('rest', ''), [`test/${name} command pooling`]);
  t.same(runs('rest', 'for (const pool of POOLS) {'), [], 'unless it plays both by itself');
  t.same(runs('fast', '', 'unit/new.test.ts'), ['test/unit/new.test.ts ']);
  t.same(runs('rest', '', 'unit/new.test.ts'), []);
});

t.test('a file that asks for its tier plays a cut first, and everything later', async (t) => {
  const name = 'conformance/new.test.ts';
  const text = "import { FULL } from '../support/tier.js';";
  const runs = (tier: 'fast' | 'rest') =>
    plan(tier, [...files, { name, text }])
      .filter(({ file }) => file === `test/${name}`)
      .map(({ variant, env }) => ({ variant, env }));
  t.same(runs('fast'), [{ variant: 'a cut', env: { SPILLWAY_TIER: 'fast' } }]);
  t.same(runs('rest'), [
    { variant: '', env: {} },
    { variant: 'command pooling', env: { SPILLWAY_POOL: 'command' } },
  ]);
});

t.test('a list that names what is not there says so', async (t) => {
  t.throws(() => plan('fast', files.slice(1)), /test\/tiers\.ts: \w+ names test\/.*, which is not there/);
});
