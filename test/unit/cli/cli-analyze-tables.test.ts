// The table of analyze: patterns that init puts together are one row, with the sums and means of all.
import t from 'tap';
import { drawAnalysis } from '../../../src/cli/analyze-tables.js';
import { createPaint } from '../../../src/cli/terminal/paint.js';
import { type Analysis, assemble, type GroupAnalysis } from '../../../src/tools/analyze/analysis.js';
import { Biggest } from '../../../src/tools/analyze/biggest.js';
import { Groups } from '../../../src/tools/analyze/groups.js';

const paint = createPaint({ isTTY: false } as NodeJS.WriteStream);

const exactly = (estimate: number) => ({ estimate, low: estimate, high: estimate });

function group(name: string, keys: number, bytes: number, more: Partial<GroupAnalysis> = {}): GroupAnalysis {
  return {
    ...{ name, by: 'pattern', db: null, keys: exactly(keys), bytes: exactly(keys * bytes), share: 0.01 },
    ...{ averageBytes: bytes, largestBytes: 2 * bytes, withoutTtl: exactly(keys), withoutTtlBytes: 0 },
    ...{ longestTtlSeconds: null, types: { list: 1 }, encodings: { quicklist: 1 } },
    ttl: [{ band: 'all', seconds: null, keys: 0, bytes: 0 }],
    idle: [
      { band: '≤ 1 h', share: 1 },
      { band: '> 1 h', share: 0 },
    ],
    ...more,
  };
}

function tableOf(groups: readonly GroupAnalysis[], top = 20): string[] {
  const analysis: Analysis = {
    ...{ version: 1, at: '', seconds: 1, servers: ['a:1'], partial: false, sampled: false, notes: [] },
    keys: { total: 9, looked: 9, gone: 0 },
    memory: { usedBytes: 9, limitBytes: 0, keyBytes: exactly(9), otherBytes: 0, ttlBytes: 0 },
    ...{ groups, biggest: {} },
  };
  return drawAnalysis(analysis, top, paint).split('\n');
}

t.test('five named queues are one row', async (t) => {
  const queues = ['mail', 'push', 'sms', 'web'].map((word) => group(`queue:${word}:*`, 10, 100));
  const old = {
    encodings: { listpack: 1 },
    idle: [
      { band: '≤ 1 h', share: 0 },
      { band: '> 1 h', share: 1 },
    ],
  };
  const lines = tableOf([
    group('cache:*', 5000, 1000, { types: { string: 1 }, share: 0.9 }),
    ...[...queues, group('queue:fax:*', 40, 200, old)],
  ]);
  t.match(
    lines.find((line) => line.startsWith('queue')),
    /^queue:\* \(5 patterns\) +80 +11\.7 KB +5% +150 B +400 B +100%$/,
  );
  t.match(
    lines.findLast((line) => line.startsWith('queue')),
    /^queue:\* \(5 patterns\) +list +(quicklist|listpack) 50%, (quicklist|listpack) 50% /,
  );
  t.match(
    lines.findLast((line) => line.startsWith('queue')),
    /≤ 1 h 50%, > 1 h 50%$/,
  );
  t.notOk(lines.some((line) => line.startsWith('…')));
});

t.test('with fewer, or of several types, each has its own', async (t) => {
  const cache = group('cache:*', 5000, 1000, { types: { string: 1 } });
  const four = ['mail', 'push', 'sms', 'web'].map((word) => group(`queue:${word}:*`, 10, 100));
  t.equal(tableOf([cache, ...four]).filter((line) => /^queue:\w+:\* +10 /.test(line)).length, 4);
  const five = [...four, group('queue:seen:*', 10, 100, { types: { set: 1 } })];
  t.equal(tableOf([cache, ...five]).filter((line) => /^queue:\w+:\* +10 /.test(line)).length, 5);
  t.ok(tableOf([cache, ...five], 2).includes('… and 4 more (--top)'));
});

t.test('a sample that met keys twice says neither more keys than there are nor a rest', async (t) => {
  const head = (looked: number): string => {
    const part = { groups: new Groups(undefined, 0), biggest: new Biggest(0), looked, gone: 0, moved: false };
    const seen = { servers: ['a:1'], keys: 8401, sampled: true, partial: false, seconds: 1 };
    const memory = { usedBytes: 9, startupBytes: 1, overheadBytes: 1, limitBytes: 0, ttlBytes: 0 };
    const analysis = assemble(seen, { ...part, mishaps: [] }, [memory], new Map());
    return drawAnalysis(analysis, 20, paint).split('\n')[0];
  };
  t.equal(head(8539), 'a:1: 8,539 of 8,539 keys in 1.0 s');
  t.equal(head(800), 'a:1: 800 of 8,401 keys in 1.0 s, the rest is estimated');
});
