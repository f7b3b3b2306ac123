// Durations on the command line: with units, and as bare seconds where a flag took those before.
import { InvalidArgumentError } from 'commander';
import t from 'tap';
import { durationFlag, secondsFlag } from '../../../src/cli/duration-flags.js';

t.test('seconds: with a unit, or bare', async (t) => {
  const parse = secondsFlag(100, 3_600_000);
  for (const [text, seconds] of [
    ['2s', 2],
    ['500ms', 0.5],
    ['1m30s', 90],
    ['1h', 3600],
    ['2', 2],
    ['0.1', 0.1],
    ['3600', 3600],
  ] as const)
    t.equal(parse(text), seconds, text);
  for (const text of ['0', '0.09', '3601', '61m', '99ms'])
    t.throws(() => parse(text), new InvalidArgumentError('It must be from 100ms to 1h.'), text);
  for (const text of ['', '-1', '1e3', 'Infinity', '0x10', '2 s', '.5', 's'])
    t.throws(() => parse(text), { name: 'Error', message: /^It must be a duration such as / }, text);
});

t.test('milliseconds: the unit is required', async (t) => {
  const parse = durationFlag(0, 3_600_000);
  t.equal(parse('0s'), 0);
  t.equal(parse('1h'), 3_600_000);
  t.throws(() => parse('10'), { message: /^It must have a unit, such as / });
  t.throws(() => parse('2h'), { message: 'It must be from 0s to 1h.' });
});
