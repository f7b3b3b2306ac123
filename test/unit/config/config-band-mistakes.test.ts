// Warnings about bands: those in which a priority is refused while a lower one grows are named, and no others; and with the
// default bands no priority is refused, by memory alone, while a lower one is not.
import fc from 'fast-check';
import t from 'tap';
import { bandMistakes } from '../../../src/config/band-mistakes.js';
import { compileConfig } from '../../../src/config/compile.js';
import type { Band } from '../../../src/config/effective.js';
import { loadConfig } from '../../../src/config/load.js';
import { configSchema } from '../../../src/config/schema.js';
import { PRIORITY_NAMES, Priority } from '../../../src/core/policy/rule.js';
import { makePressure } from '../../support/pressure-lab.js';

const DEFAULTS = compileConfig(configSchema.parse({ rules: [] })).memory.bands;

t.test('the default bands follow one another', async (t) => {
  t.same(bandMistakes(DEFAULTS), []);
});

t.test('bands that overlap are named, with what to write instead', async (t) => {
  t.same(bandMistakes([[0.8, 0.9], [0.9, 0.97], [0.95, 0.99], null]), [
    'memory.shed: "high" is refused from 95% on, while "normal" still grows up to 97%: let "high" begin at 97% or later',
  ]);
  t.same(bandMistakes([[0.8, 0.99], [0.9, 0.91], null, [0.95, 1]]), [
    'memory.shed: "normal" is refused from 90% on, while "low" still grows up to 99%: let "normal" begin at 99% or later',
    'memory.shed: "critical" is refused from 95% on, while "high" is never refused: give "high" a band that ends there',
  ]);
  t.same(bandMistakes([null, null, null, null]), []);
  t.same(bandMistakes([[0.8, 0.8], [0.8, 0.8], [0.8, 0.8], null]), []);
});

t.test('the start and `check` say it', async (t) => {
  const shed = { normal: ['90%', '97%'], high: ['95%', '99%'] };
  const { warnings } = loadConfig({
    content: { rules: [{ name: 'a', match: 'a:*', ttl: '1h' }], memory: { shed } },
    env: {},
    flags: {},
  });
  t.match(warnings, [/^memory\.shed: "high" is refused from 95% on/]);
});

t.test(
  'what is warned about is what happens: a priority refused while a lower one is not all refused',
  async (t) => {
    const share = fc.integer({ min: 0, max: 20 }).map((twentieth) => twentieth / 20);
    const band: fc.Arbitrary<Band> = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.tuple(share, share).map(([a, b]): Band => [Math.min(a, b), Math.max(a, b)]),
      },
      { weight: 1, arbitrary: fc.constant(null) },
    );
    const hurtsSomebody = (bands: readonly Band[]): boolean => {
      for (let at = 0; at <= 200; at++) {
        const { read, gate } = makePressure({ bands });
        read(at / 200);
        for (const [priority] of PRIORITY_NAMES.entries()) {
          const refused = gate.thresholds[priority] > 0;
          const grows = priority > Priority.LOW && gate.thresholds[priority - 1] < 2 ** 32;
          if (refused && grows) return true;
        }
      }
      return false;
    };
    t.notOk(hurtsSomebody(DEFAULTS));
    fc.assert(
      fc.property(fc.tuple(band, band, band, band), (bands) => {
        const told = bandMistakes(bands).length > 0;
        t.equal(told, hurtsSomebody(bands), JSON.stringify(bands));
        return told === hurtsSomebody(bands);
      }),
      { numRuns: 60 },
    );
  },
);
