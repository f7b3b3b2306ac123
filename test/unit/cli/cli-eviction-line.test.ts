// How room is made, in words: `stats` and the page say of each phase the same, and of a refusal only where there is one.
import t from 'tap';
import { evictionLines } from '../../../src/cli/eviction-line.js';
import { createPaint } from '../../../src/cli/terminal/paint.js';
import type { EvictionPhase } from '../../../src/memory/eviction.js';

const PAGE: string = '../../../src/surfaces/admin/page/eviction.js';
const { evictionText, rehearsedText } = (await import(PAGE)) as Record<
  'evictionText' | 'rehearsedText',
  (memory: object) => string
>;
const paint = createPaint({ isTTY: false } as NodeJS.WriteStream);

const PHASES: Readonly<Record<EvictionPhase, { line: RegExp; page: RegExp; refuses?: true }>> = {
  observing: {
    line: /^evict: in observe mode, so keys are only counted; 2\.0 MB could go, the oldest written 62 s ago$/,
    page: /only observe.* counts those that could go, 2\.0 MB, the oldest written 62 s ago\.$/,
  },
  unable: {
    line: /^evict: no keys can be removed: no UNLINK$/,
    page: /^No room is made.*: no UNLINK\.$/,
    refuses: true,
  },
  unknown: {
    line: /^evict: waits for a memory reading and a limit$/,
    page: /no memory reading, or no limit/,
  },
  behind: { line: /grows faster/, page: /grows faster/, refuses: true },
  active: {
    line: /^evict: making room down to 76%, 1\.0 MB can go, the oldest written 62 s ago$/,
    page: /^Making room down to 76%; 1\.0 MB can go, the oldest written 62 s ago\.$/,
  },
  waiting: {
    line: /^evict: from 78% on, down to 76%, 1\.0 MB can go/,
    page: /^Room is made from 78% on, down to 76%; 1\.0 MB can go/,
  },
};

for (const [phase, { line, page, refuses }] of Object.entries(PHASES)) {
  t.test(phase, async (t) => {
    const memory = {
      eviction: {
        ...{ phase: phase as EvictionPhase, startShare: 0.78, stopShare: 0.76 },
        ...{ active: phase === 'active', holding: true, trouble: phase === 'unable' ? 'no UNLINK' : null },
        ...{ byAgeAlone: false, evictableBytes: 1024 ** 2 },
        ring: { keys: 3, bytes: 64, capacityBytes: 64, dropped: 0 },
        rules: [{ rule: 'cache', keys: 3, bytes: 2 * 1024 ** 2, oldestSeconds: 62 }],
      },
    };
    const said = evictionLines(memory, paint).join('\n');
    t.match(said, line);
    t.match(evictionText(memory), page);
    for (const text of [said, evictionText(memory)]) {
      t.equal(/writes are refused|no keys can be removed/.test(text), refuses === true, text);
    }
  });
}

t.test('what a rehearsal would evict, by rule', async (t) => {
  const said = (rules: readonly object[]) => rehearsedText({ rehearsal: { wouldEvict: { rules } } });
  const rule = (name: string, keys: number | null = 1500) => ({ rule: name, keys, bytes: 1024 ** 2 });
  t.match(
    said([rule('cache'), rule('found', null)]),
    /removes no keys; .* would remove keys of cache \(1,500 keys, 1\.0 MB\), found \(1\.0 MB\)\.$/,
  );
  const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => rule(name));
  t.match(said(many.slice(0, 6)), / e \([^)]*\), 1 more rule\.$/);
  t.match(said(many), / e \([^)]*\), 2 more rules\.$/);
  t.equal(said([]), '');
  t.equal(rehearsedText({ rehearsal: null }), '');
  t.equal(rehearsedText({ rehearsal: { wouldEvict: null } }), '', 'no rule has evict');
});
