// The schema of `memory`: how it is read, and from where on which writes are refused.
import { z } from 'zod';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../core/units.js';
import { evictSchema } from './evict-schema.js';
import { duration, expected, fail, oneOf, percent, quietly, size, strict } from './fields.js';
import { parseDuration, parsePercent } from './units.js';

const MAX_PROXIES = 1000;
const MAX_MEMORY = 2 ** 50;
const MAX_HYSTERESIS = 0.5;
const MAX_RESERVE = 0.5;

const band = z
  .union([z.literal('never'), z.tuple([percent(), percent()])], {
    error: (issue) => expected(issue, '"never", or a pair of percentages in quotes, such as ["80%", "88%"]'),
  })
  .check((context) => {
    if (typeof context.value === 'string') return;
    const [start, full] = context.value.map((text) => quietly(text, parsePercent));
    if (start !== undefined && full !== undefined && start > full) {
      fail(context, 'must be [start, full], with start not above full: exchange the two');
    }
  });

const shed = strict({
  low: band.default(['80%', '88%']).describe('The band of rules with priority low.'),
  normal: band
    .default(['88%', '94%'])
    .describe('The band of rules with priority normal, and of keys without a rule.'),
  high: band.default(['94%', '98%']).describe('The band of rules with priority high.'),
  critical: band.default('never').describe('The band of rules with priority critical.'),
});

const reserve = strict({
  horizon: duration(SECOND_MS, HOUR_MS)
    .default('30s')
    .describe('Spillway keeps room for the memory that higher priorities add in this time.'),
  most: percent(MAX_RESERVE)
    .default('10%')
    .describe('The most room that Spillway keeps, as a share of the limit. 0%: none.'),
});

export const memorySchema = strict({
  pollInterval: duration(10, MINUTE_MS)
    .default('500ms')
    .describe(
      'How often Spillway reads INFO memory while memory is far from the limit. Near the limit it reads more often.',
    ),
  staleAfter: duration(20, HOUR_MS)
    .default('5s')
    .describe('Spillway does not use a reading that is older than this.'),
  proxies: z
    .union([z.int().min(1).max(MAX_PROXIES), z.literal('auto')], {
      error: `must be a whole number from 1 to ${MAX_PROXIES}, or "auto"`,
    })
    .default(1)
    .describe(
      'How many proxies write to this Redis. Near the limit, each one reads memory as early as if the others wrote as much as it ' +
        'does, so that Spillway refuses a burst through all of them in time. This number alone refuses no write. "auto" counts ' +
        'them: each one subscribes to the channel __spillway__:here and asks PUBSUB NUMSUB.',
    ),
  onStale: oneOf(['admit', 'hold'])
    .default('admit')
    .describe('Without a valid reading: "admit" lets every write pass, "hold" keeps the last level.'),
  hysteresis: percent(MAX_HYSTERESIS)
    .default('2%')
    .describe(
      'How far pressure must fall below the point at which a level rose before the level falls again.',
    ),
  limit: size(1, MAX_MEMORY)
    .optional()
    .describe(
      "A memory limit for a server without one (maxmemory 0), or one that is lower than the server's.",
    ),
  shedWhen: oneOf(['auto', 'always', 'never'])
    .default('auto')
    .describe(
      '"auto": the bands apply to memory that the server cannot evict under its maxmemory-policy. With noeviction that is ' +
        'all memory, with volatile-* the memory of keys without a TTL; with allkeys-* Spillway refuses nothing. "always": they ' +
        'apply to used memory under every policy. "never": Spillway only watches.',
    ),
  passScripts: z
    .array(
      z
        .string({ error: (issue) => expected(issue, 'a SHA1 or the name of a function, in quotes') })
        .regex(/^[A-Za-z0-9_]{1,64}$/, 'must be a SHA1 (40 hexadecimal digits) or the name of a function'),
      { error: (issue) => expected(issue, 'a list of SHA1s and names of functions') },
    )
    .max(1000, 'must hold at most 1000 names')
    .default([])
    .describe(
      'Scripts (by SHA1) and functions (by name) that rules with scripts "refuse" let pass: those that free memory. You need not ' +
        'list a script if Spillway has seen its source (in EVAL or SCRIPT LOAD) and it calls no command that may grow.',
    ),
  shed: shed
    .prefault({})
    .describe(
      'A band [start, full] for each priority, as shares of the limit. Below start Spillway refuses nothing. At full it refuses ' +
        'every growing write. Between the two it refuses writes to a rising share of the keys, the same keys each time; keys ' +
        'with the same {tag} are refused together. "never": no refusals. Begin each band where the lower priority\'s ' +
        'band ends: otherwise Spillway refuses a priority while a lower one still fills memory.',
    ),
  reserve: z
    .union([z.literal('off'), reserve], {
      error: (issue) => expected(issue, '"off", or an object with horizon and most'),
    })
    .prefault({})
    .describe(
      'Room for higher priorities. Spillway measures the memory that all higher priorities, and writers that bypass it, add ' +
        'in `horizon`, and refuses a priority that much earlier. So lower priorities do not fill the memory that higher ones ' +
        'need next. "off": the bands alone decide.',
    ),
  evict: evictSchema
    .prefault({})
    .describe('Making room: how Spillway removes keys of rules with evict before it refuses any write.'),
}).check((context) => {
  const pollInterval = quietly(context.value.pollInterval, parseDuration);
  const staleAfter = quietly(context.value.staleAfter, parseDuration);
  if (pollInterval !== undefined && staleAfter !== undefined && staleAfter <= pollInterval) {
    fail(context, 'must be longer than pollInterval, or each reading expires before the next', [
      'staleAfter',
    ]);
  }
});
