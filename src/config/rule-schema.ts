// One entry of `rules` as it stands in the file, and the checks across its fields.
// Owns the rule that a rule must decide: a TTL, or durable; there is no third option.
import { z } from 'zod';
import { PRIORITY_NAMES } from '../core/policy/rule.js';
import { duration, expected, fail, flag, oneOf, percent, quietly, strict } from './fields.js';
import { parseDuration } from './units.js';

/** Counters and metrics already use this name for keys that no rule matches. */
const UNREGISTERED = 'unregistered';
const MAX_TTL_MS = parseDuration('36500d');
const MAX_JITTER = 0.9;
const MAX_GLOB_LENGTH = 1024;

const glob = z
  .string({ error: (issue) => expected(issue, 'a pattern in quotes, such as "session:*"') })
  .min(1, 'must not be empty')
  .max(MAX_GLOB_LENGTH, `must be at most ${MAX_GLOB_LENGTH} characters long`)
  .refine((text) => !/\p{Surrogate}/u.test(text), 'holds half of a surrogate pair, which no key can match');

const ruleFields = strict({
  name: z
    .string({ error: (issue) => expected(issue, 'a name in quotes') })
    .regex(/^[A-Za-z0-9_.:-]{1,64}$/, 'must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -')
    .refine(
      (name) => name !== UNREGISTERED,
      `must not be "${UNREGISTERED}": that is what keys without a rule are called`,
    )
    .describe('Name in statistics, metrics and logs; unique among the rules.'),
  match: z
    .union([glob, z.array(glob).min(1, 'must hold at least one pattern')], {
      error: (issue) => expected(issue, 'a pattern such as "session:*", or a list of patterns'),
    })
    .describe(
      "One or more of Redis's own glob patterns (* ? [a-z] \\x), compared with the whole key, byte by byte.",
    ),
  ttl: duration(1, MAX_TTL_MS).optional().describe('TTL that a write gets when it carries none.'),
  maxTtl: duration(1, MAX_TTL_MS)
    .optional()
    .describe('Longest TTL that a write may ask for; a longer one is cut to it.'),
  jitter: percent(MAX_JITTER)
    .optional()
    .describe(
      'Share by which an injected TTL varies up and down, so that keys written together do not expire together.',
    ),
  durable: flag()
    .optional()
    .describe('true: these keys are meant to stay. They get no TTL, and none is missed.'),
  priority: oneOf(PRIORITY_NAMES)
    .default('normal')
    .describe('When memory runs short, writes of a lower priority are refused first; see memory.shed.'),
  applyTo: oneOf(['strings', 'all'])
    .default('strings')
    .describe(
      'Which writes get the TTL: "strings" is SET, SETNX, GETSET, MSET, MSETNX and the like; "all" is every command ' +
        'that can create the key, so also hashes, lists and counters. Do not use "all" on queues: they would expire.',
    ),
  mode: oneOf(['enforce', 'observe'])
    .optional()
    .describe('This rule\'s own mode, in place of the global one: stage a new rule with "observe".'),
});

export type RuleInput = z.infer<typeof ruleFields>;

/** One rule of the config file. Suggested rules are held to it too. */
export const ruleSchema = ruleFields.check((context) => {
  const { ttl, maxTtl, jitter, durable } = context.value;
  if (durable === true && ttl !== undefined) {
    fail(context, 'excludes durable: keys either expire or stay; remove one of the two', ['ttl']);
  }
  if (durable === true && maxTtl !== undefined) {
    fail(context, 'excludes durable: keys that stay have no TTL to cut; remove one of the two', ['maxTtl']);
  }
  if (durable !== true && ttl === undefined) {
    fail(
      context,
      'must say what becomes of its keys: give it a "ttl", or "durable": true if they are meant to stay',
    );
  }
  if (ttl === undefined && jitter !== undefined) {
    fail(context, 'varies the injected TTL, so it needs a "ttl" in the same rule', ['jitter']);
  }
  const ttlMs = quietly(ttl, parseDuration);
  const maxTtlMs = quietly(maxTtl, parseDuration);
  if (ttlMs !== undefined && maxTtlMs !== undefined && ttlMs > maxTtlMs) {
    fail(context, 'is longer than maxTtl of the same rule', ['ttl']);
  }
});
