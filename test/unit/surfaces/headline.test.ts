// The headline of the page says how full memory is, and how much of it nothing can evict. The page is plain JavaScript.
import t from 'tap';

const PAGE: string = '../../../src/surfaces/admin/page/headline.js';
const MB = 2 ** 20;

const memory = {
  usedBytes: 32 * MB,
  limitBytes: 64 * MB,
  usedShare: 0.5,
  pressure: 0.5,
  stale: false,
  rehearsal: null,
  serverEvicts: 'none',
  evictedKeysPerSecond: 0,
  evictedAfterSeconds: null,
  level: {},
};
const growth = { memory: null, timeToFull: null, timeToFullUnrefused: null, rules: [], shedPerSecond: 0 };

t.test('used memory comes first, wherever a part of it can be evicted', async (t) => {
  const { headline } = (await import(PAGE)) as { headline: (live: object) => { text: string } };
  const said = (more: object) =>
    headline({ memory: { ...memory, ...more }, growth, state: { state: 'ok', also: [] } }).text.split(
      ', too early',
    )[0];
  t.equal(said({}), 'Memory 50% of 64.0 MB');
  t.equal(said({ pressure: 0.29 }), 'Memory 50% of 64.0 MB; 29% cannot be evicted', 'by Spillway');
  t.equal(
    said({ pressure: 0.29, serverEvicts: 'expiring' }),
    'Memory 50% of 64.0 MB; 29% cannot be evicted',
    'by the server',
  );
});
