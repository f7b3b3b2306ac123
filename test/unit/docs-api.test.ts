// The tables of docs/API.md name every state, reason and advice that the API can answer, and no other.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { PIN_REASONS } from '../../src/core/commands/spec.js';
import { REFUSAL_NAMES } from '../../src/core/policy/refusal.js';
import { SPARED_NAMES } from '../../src/core/policy/spared.js';
import { ADVICE_IDS } from '../../src/observe/advice/advice.js';
import { STATES } from '../../src/observe/state/service-state.js';

const API = readFileSync(new URL('../../docs/API.md', import.meta.url), 'utf8');

/** The first column of the first table below a heading. */
function rowsBelow(heading: string): string[] {
  const [, section = ''] = API.split(`\n## ${heading}\n`);
  const [table = ''] = /^\|(?:.*\n)(?:\|.*\n)+/m.exec(section.split('\n## ')[0] ?? '') ?? [];
  return [...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name as string);
}

t.test('the states of the service, the most important first', async (t) => {
  t.same(rowsBelow('/api/state'), STATES);
});

t.test('the reasons for a refusal, and for sparing a write', async (t) => {
  t.same(rowsBelow('Why a write is refused').sort(), [...REFUSAL_NAMES].sort());
  t.same(rowsBelow('Why a refused key is spared').sort(), [...SPARED_NAMES].sort());
});

t.test('the reasons for an own connection', async (t) => {
  const [, table = ''] = API.split('| reason | the client needs its own connection for |\n');
  const names = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell]) =>
    (cell as string).split(', ').map((name) => name.slice(1, -1)),
  );
  t.same(names.sort(), [...PIN_REASONS].sort());
});

t.test('the advice on the eviction policy', async (t) => {
  for (const id of ADVICE_IDS) t.match(API, `\`${id}\``);
});
