// The schema of an entry of `rules`, and the checks across its fields. Each rule must have either `ttl` or `durable`.
import { z } from 'zod';
import { PRIORITY_NAMES } from '../core/policy/rule.js';
import { duration, expected, fail, flag, oneOf, percent, quietly, strict } from './fields.js';
import { parseDuration } from './units.js';

/** Counters and metrics use this name for keys that no rule matches. */
const UNREGISTERED = 'unregistered';
const MAX_TTL_MS = parseDuration('36500d');
const MAX_JITTER = 0.9;
const MAX_GLOB_LENGTH = 1024;

const glob = z
  .string({ error: (issue) => expected(issue, 'a pattern in quotes, such as "session:*"') })
  .min(1, 'must not be empty')
  .max(MAX_GLOB_LENGTH, `must be at most ${MAX_GLOB_LENGTH} characters long`)
  .refine(
    (text) => !/\p{Surrogate}/u.test(text),
    'contains half of a surrogate pair, which no key can match',
  );

const ruleFields = strict({
  name: z
    .string({ error: (issue) => expected(issue, 'a name in quotes') })
    .regex(/^[A-Za-z0-9_.:-]{1,64}$/, 'must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -')
    .refine(
      (name) => name !== UNREGISTERED,
      `must not be "${UNREGISTERED}": statistics use this name for keys without a rule`,
    )
    .describe('The name in statistics, metrics and logs. It must be unique.'),
  match: z
    .union([glob, z.array(glob).min(1, 'must hold at least one pattern')], {
      error: (issue) => expected(issue, 'a pattern such as "session:*", or a list of patterns'),
    })
    .describe(
      "One or more of Redis's glob patterns (* ? [a-z] \\x). A pattern must match the whole key, byte by byte.",
    ),
  ttl: duration(1, MAX_TTL_MS).optional().describe('The TTL for a write that has none.'),
  maxTtl: duration(1, MAX_TTL_MS)
    .optional()
    .describe('The longest TTL that a write may set. Spillway cuts a longer one to it.'),
  jitter: percent(MAX_JITTER)
    .optional()
    .describe(
      'The share by which added TTLs vary up and down, so that keys written together do not expire together.',
    ),
  durable: flag().optional().describe('true: these keys are meant to stay, so they get no TTL.'),
  priority: oneOf(PRIORITY_NAMES)
    .default('normal')
    .describe('When memory runs short, Spillway refuses writes of a lower priority first; see memory.shed.'),
  applyTo: oneOf(['strings', 'all'])
    .default('strings')
    .describe(
      'Which writes get the TTL. "strings": SET, SETNX, GETSET, MSET, MSETNX and MSETEX. "all": every command that can ' +
        'create the key, so also hashes, lists and counters. Do not use "all" for queues: they would expire.',
    ),
  mode: oneOf(['enforce', 'observe'])
    .optional()
    .describe('The mode of this rule, in place of the global one. Use "observe" to try out a new rule.'),
});

export type RuleInput = z.infer<typeof ruleFields>;

/** One rule of the config file. Suggested rules are held to it too. */
export const ruleSchema = ruleFields.check((context) => {
  const { ttl, maxTtl, jitter, durable } = context.value;
  if (durable === true && ttl !== undefined) {
    fail(context, 'cannot be set together with durable: keys either expire or stay; remove one of the two', [
      'ttl',
    ]);
  }
  if (durable === true && maxTtl !== undefined) {
    fail(
      context,
      'cannot be set together with durable: keys that stay have no TTL to cut; remove one of the two',
      ['maxTtl'],
    );
  }
  if (durable !== true && ttl === undefined) {
    fail(context, 'must have a "ttl", or "durable": true if its keys are meant to stay');
  }
  if (ttl === undefined && jitter !== undefined) {
    fail(context, 'varies the added TTL, so the same rule needs a "ttl"', ['jitter']);
  }
  const ttlMs = quietly(ttl, parseDuration);
  const maxTtlMs = quietly(maxTtl, parseDuration);
  if (ttlMs !== undefined && maxTtlMs !== undefined && ttlMs > maxTtlMs) {
    fail(context, 'is longer than maxTtl of the same rule', ['ttl']);
  }
});
