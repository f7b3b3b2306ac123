// Where the figures of long runs are kept, and with which command.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { keepRun } from '../support/figures.js';

t.test('a run with command pooling has a file of its own, and each says what repeats it', (t) => {
  const folder = t.testdir();
  const argv = ['node', path.resolve('test/robustness/links-full.ts'), '--share', '0.2'];
  const env = { SPILLWAY_FIGURES: folder, SPILLWAY_COMMANDS: '9', HOME: '/' };
  const kept = (file: string) => JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
  const pools = { 'links.json': ['session', undefined], 'links-command.json': ['command'] };
  for (const pool of Object.values(pools).flat()) {
    keepRun('links', { pool: pool ?? 'default' }, { argv, env: { ...env, SPILLWAY_POOL: pool } });
  }
  t.strictSame(readdirSync(folder).sort(), Object.keys(pools).sort());
  const repeated = 'npx tsx test/robustness/links-full.ts --share 0.2';
  t.match(kept('links.json'), { pool: 'default', command: `SPILLWAY_COMMANDS=9 ${repeated}` });
  t.match(kept('links-command.json'), {
    pool: 'command',
    command: `SPILLWAY_COMMANDS=9 SPILLWAY_POOL=command ${repeated}`,
  });
  keepRun('links', {}, { argv, env: {} });
  t.equal(readdirSync(folder).length, 2, 'nothing is kept where SPILLWAY_FIGURES names no folder');
  t.end();
});
