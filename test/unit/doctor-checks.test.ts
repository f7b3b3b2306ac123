// The checks whose faults are hard to plant: on what a server would say. And each check has its line in docs/TOOLS.md.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { CHECKS, judge } from '../../src/doctor/doctor.js';
import type { Setting } from '../../src/doctor/facts.js';
import { facts, found, MB } from '../support/doctor-facts.js';

t.test('a healthy server', (t) => {
  t.same(found({}), []);
  t.end();
});

t.test('fragmentation, and what only looks like it', (t) => {
  const fragmented = {
    mem_fragmentation_ratio: 1.8,
    mem_fragmentation_bytes: 400 * MB,
    allocator_frag_ratio: 1.7,
  };
  t.same(found(fragmented), ['warning fragmentation']);
  t.same(found(fragmented, { config: new Map([['activedefrag', 'yes']]) }), [], 'it is being mended');
  t.same(found({ ...fragmented, active_defrag_running: 12 }, { config: undefined }), []);
  t.same(found({ ...fragmented, used_memory: 3 * MB, mem_fragmentation_ratio: 6 }), [], 'a small heap');
  t.same(found({ ...fragmented, mem_fragmentation_bytes: 40 * MB }), [], 'not much');
  const afterPeak = { ...fragmented, allocator_frag_ratio: 1.02, used_memory_peak: 900 * MB };
  t.same(found(afterPeak), ['notice fragmentation']);
  t.end();
});

t.test('swap, the room of a container, the backlog', (t) => {
  t.same(found({}, { process: { swapBytes: 50 * MB, limitBytes: undefined } }), ['warning swap']);
  t.same(found({}, { process: { swapBytes: 0, limitBytes: 1100 * MB } }), ['warning maxmemory-too-large']);
  t.same(found({}, { process: { swapBytes: 0, limitBytes: 900 * MB } }), ['critical maxmemory-too-large']);
  t.same(found({}, { process: { swapBytes: 0, limitBytes: 1500 * MB } }), []);
  t.same(found({ expired_stale_perc: '25.00' }), ['warning expired-backlog']);
  t.end();
});

t.test('sets just past a limit, which Redis 7.2 has for any', (t) => {
  const none = { keys: 0, roomy: [], numbers: [] };
  const shapes = (count: number, ofNumbers = true) => {
    const roomy = Array.from({ length: 40 }, () => count);
    return { hash: none, zset: none, set: { keys: 100, roomy, numbers: ofNumbers ? roomy : [] } };
  };
  const since72 = new Map<Setting, string>([
    ['set-max-intset-entries', '512'],
    ['set-max-listpack-entries', '128'],
  ]);
  t.same(found({}, { shapes: shapes(200) }), [], 'before 7.2 sets of strings are never compact');
  t.same(found({}, { shapes: shapes(200), config: since72 }), ['notice set-just-past-compact']);
  t.same(found({}, { shapes: shapes(300), config: since72 }), []);
  t.same(found({}, { shapes: shapes(600), config: since72 }), ['notice set-just-past-compact']);
  t.same(
    found({}, { shapes: shapes(600, false), config: since72 }),
    [],
    'the limit of numbers is not theirs',
  );
  t.same(found({}, { shapes: shapes(200, false), config: since72 }), ['notice set-just-past-compact']);
  t.same(found({}, { shapes: shapes(600), config: undefined }), ['notice set-just-past-compact']);
  t.end();
});

t.test('what is found is ranked, and what cannot be checked is said', (t) => {
  const judged = judge(
    facts(
      {
        maxmemory_policy: 'noeviction',
        used_memory: 990 * MB,
        errorstat_OOM: 'count=7',
        rejected_connections: 3,
      },
      { process: undefined, slow: undefined },
    ),
  );
  t.same(
    judged.findings.map(({ severity }) => severity),
    ['critical', 'critical', 'warning', 'warning'],
  );
  t.ok(['swap', 'slow-commands', 'big-keys'].every((id) => judged.notMade.includes(id)));
  t.equal(judged.findings.length + judged.fine.length + judged.notMade.length, CHECKS.length);
  for (const { mend, reason, evidence } of judged.findings) t.ok(mend.length > 0 && reason && evidence);
  t.end();
});

t.test('docs/TOOLS.md lists the checks', (t) => {
  const text = readFileSync(new URL('../../docs/TOOLS.md', import.meta.url), 'utf8');
  const section = /^## spillway doctor$.*?(?=^## )/ms.exec(text)?.[0] ?? '';
  const listed = [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, id]) => id);
  t.same(listed.sort(), CHECKS.map(({ id }) => id).sort());
  t.end();
});
