// Bands with a room kept above them, moved or squeezed: whatever the config and the room, they keep their order, begin and end no
// later than the config says, and leave the room.
import fc from 'fast-check';
import t from 'tap';
import { PRIORITY_NAMES, Priority } from '../../../src/core/policy/rule.js';
import { type Band, Bands } from '../../../src/memory/bands.js';

const LIMIT = 100e6;
const DEFAULT: Band[] = [[0.8, 0.88], [0.88, 0.94], [0.94, 0.98], null];
const PRIORITIES = PRIORITY_NAMES.map((_, i) => i as Priority);
const TINY = 1e-9;

/** Bands that follow one another, from the lowest start on. */
const inOrder = fc
  .array(fc.double({ min: 0.05, max: 1, noNaN: true }), { minLength: 6, maxLength: 8 })
  .map((ends) => {
    const sorted = ends.sort((a, b) => a - b);
    return PRIORITIES.map((i): Band => {
      const [start, full] = sorted.slice(2 * i, 2 * i + 2);
      return start === undefined || full === undefined || full - start < 0.001 ? null : [start, full];
    });
  });
/** Room by priority: never less from a lower one; none from the highest. */
const rooms = fc
  .array(fc.double({ min: 0, max: 0.5, noNaN: true }), { minLength: 3, maxLength: 3 })
  .map((shares) => [...shares.sort((a, b) => b - a), 0].map((share) => share * LIMIT));

t.test('order, room, and no later than the config says', async () => {
  fc.assert(
    fc.property(inOrder, rooms, fc.boolean(), (config, room, squeezes) => {
      const bands = new Bands(config);
      bands.reserve(room, LIMIT, squeezes);
      let below = 0;
      for (const priority of PRIORITIES) {
        const [band, before] = [bands.at(priority), config[priority]];
        if (band === null || !before) continue;
        const [start, full] = band;
        if (start < below - TINY || full < start || start > before[0] + TINY || full > before[1] + TINY)
          return false;
        if (full > Math.max(0, 1 - (room[priority] as number) / LIMIT) + TINY) return false;
        if (Math.abs(bands.earlier(priority) - (before[1] - full)) > TINY && full > 0) return false;
        below = squeezes ? full : start;
      }
      return true;
    }),
    { seed: 7, numRuns: 500 },
  );
});

t.test('squeezed, the default bands begin where the config says and leave a tenth', async (t) => {
  const bands = new Bands(DEFAULT);
  bands.reserve([0.1 * LIMIT, 0.1 * LIMIT, 0.1 * LIMIT, 0], LIMIT, true);
  const percent = PRIORITIES.map((i) => bands.at(i)?.map((share) => Math.round(share * 1000) / 10));
  t.same(percent, [[80, 84.4], [84.4, 87.8], [87.8, 90], undefined]);
  t.equal(bands.begins, 0.8);
  bands.reserve([0.1 * LIMIT, 0.1 * LIMIT, 0.1 * LIMIT, 0], LIMIT);
  t.equal(Math.round(bands.begins * 100), 70, 'moved');
  bands.reserve([0.5 * LIMIT, 0.3 * LIMIT, 0.3 * LIMIT, 0], LIMIT, true);
  t.ok((bands.at(Priority.LOW)?.[1] ?? 1) <= 0.5 + TINY, 'more room than a squeeze can leave moves them too');
  bands.reserve([0, 0, 0, 0], LIMIT, true);
  t.same(
    PRIORITIES.map((i) => bands.at(i)),
    DEFAULT,
  );
});
