// Collections just past a limit of their compact encoding: told where raising that one limit would make them compact.
import t from 'tap';
import type { Facts, Setting } from '../../../src/tools/doctor/facts.js';
import type { Collection, Roomy, Shapes } from '../../../src/tools/doctor/shapes.js';
import { found, mendOf } from '../../support/doctor-facts.js';

/** Forty keys like this one among a hundred of their type. */
function shapes(type: Collection, one: Partial<Roomy>, config?: Record<string, string>): Partial<Facts> {
  const none = { keys: 0, roomy: [] };
  const roomy = Array.from({ length: 40 }, () => ({ count: 10, longest: 10, numbers: false, ...one }));
  const all: Shapes = { ...{ hash: none, zset: none, set: none }, [type]: { keys: 100, roomy } };
  return { shapes: all, ...(config && { config: new Map(Object.entries(config) as [Setting, string][]) }) };
}

t.test('past the limit of elements, and past the limit of their length', (t) => {
  const hash = (count: number, longest: number) => shapes('hash', { count, longest });
  t.same(found({}, hash(600, 20)), ['notice hash-just-past-compact']);
  t.same(found({}, hash(600, 200)), [], 'more entries would not make them compact');
  t.same(found({}, hash(600, Number.POSITIVE_INFINITY)), []);
  t.same(found({}, hash(600, 100)), [], 'past both');
  t.same(found({}, hash(10, 70)), ['notice hash-just-past-compact']);
  t.same(found({}, hash(10, 129)), [], 'far past');
  t.same(found({}, hash(10, 20)), [], 'was larger once');
  t.match(mendOf('hash-just-past-compact', {}, hash(10, 70)), /CONFIG SET hash-max-listpack-value 128 /);
  t.match(mendOf('hash-just-past-compact', {}, hash(600, 20)), /CONFIG SET hash-max-listpack-entries 1024 /);
  const old = { 'zset-max-ziplist-entries': '128', 'zset-max-ziplist-value': '100' };
  t.match(
    mendOf('zset-just-past-compact', {}, shapes('zset', { longest: 120 }, old)),
    /zset-max-ziplist-value 200 /,
  );
  t.same(found({}, shapes('zset', { longest: 90 }, old)), []);
  t.end();
});

t.test('sets, for which Redis 7.2 has a limit for any', (t) => {
  const since72 = {
    'set-max-intset-entries': '512',
    'set-max-listpack-entries': '128',
    'set-max-listpack-value': '64',
  };
  const set = (count: number, numbers = true, config?: Record<string, string>, longest = 10) =>
    found({}, shapes('set', { count, numbers, longest }, config));
  const notice = ['notice set-just-past-compact'];
  t.same(set(200), [], 'before 7.2 sets of strings are never compact');
  t.same(set(20, false, undefined, 70), []);
  t.same(set(200, true, since72), notice);
  t.same(set(300, true, since72), []);
  t.same(set(600, true, since72), notice);
  t.same(set(600, false, since72), [], 'the limit of numbers is not theirs');
  t.same(set(200, false, since72), notice);
  t.same(set(200, false, since72, 80), []);
  t.same(set(20, false, since72, 80), notice);
  t.same(set(600), notice);
  t.end();
});
