// The schema of an entry of `rules`, and the checks across its fields. Each rule must have either `ttl` or `durable`.
import { z } from 'zod';
import { FAMILY_NAMES } from '../core/policy/families.js';
import { FAMILY_PREFIX } from '../core/policy/family-rules.js';
import { PRIORITY_NAMES } from '../core/policy/rule.js';
import {
  countRate,
  duration,
  expected,
  fail,
  flag,
  oneOf,
  percent,
  quietly,
  size,
  sizeRate,
  strict,
} from './fields.js';
import { databases, users } from './rule-scope.js';
import { parseDuration } from './units.js';

/** Counters and metrics use this name for keys that no rule matches. */
const UNREGISTERED = 'unregistered';
const MAX_TTL_MS = parseDuration('36500d');
const MAX_JITTER = 0.9;
const MAX_GLOB_LENGTH = 1024;

const MAX_WRITES = 1_000_000;
const MAX_BYTES = 2 ** 40;
/** Below this limit one key of the rule could exceed it. */
const MIN_BUDGET = 64 * 1024;
const MAX_ERROR_LENGTH = 200;
/** Clients act on these codes: they would follow a redirection, log in again or reload a script. */
const ACTED_ON =
  /^(?:MOVED|ASK|TRYAGAIN|CLUSTERDOWN|CROSSSLOT|NOAUTH|WRONGPASS|NOPERM|LOADING|MASTERDOWN|READONLY|NOSCRIPT|EXECABORT|UNBLOCKED|NOPROTO) /;

const limit = strict({
  writes: countRate(MAX_WRITES)
    .optional()
    .describe('The most growing writes a second, counted by written key.'),
  bytes: sizeRate(1024, MAX_BYTES)
    .optional()
    .describe('The most bytes a second in growing writes, as clients send them.'),
  value: size(1024, MAX_BYTES)
    .optional()
    .describe(
      'The largest single growing write, by the bytes of the command; for MSET and similar commands, of each key with its value.',
    ),
  error: z
    .string({
      error: (issue) => expected(issue, 'an error line in quotes, such as "RATELIMIT too many writes"'),
    })
    .max(MAX_ERROR_LENGTH, `must be at most ${MAX_ERROR_LENGTH} characters long`)
    .regex(
      /^[A-Z][A-Z0-9]{1,31} [ -~]*[!-~]$/,
      'must be one line of printable ASCII that begins with a code in upper case, such as "RATELIMIT too many writes"',
    )
    .refine(
      (text) => !ACTED_ON.test(text),
      'begins with a code on which clients act (such as MOVED or NOAUTH); use another code',
    )
    .optional()
    .describe("The error for writes that this limit refuses. Default: Redis's OOM error."),
}).check((context) => {
  const { writes, bytes, value } = context.value;
  if (writes === undefined && bytes === undefined && value === undefined) {
    fail(context, 'must set at least one of writes, bytes and value');
  }
});

const budget = z
  .union([size(MIN_BUDGET, MAX_BYTES), percent()], {
    error: (issue) =>
      expected(
        issue,
        'a size of 64kb or more such as "200mb", or a percentage of the limit, such as "20%" (100% at most)',
      ),
  })
  .check((context) => {
    if (/^0+(?:\.0+)?%$/.test(String(context.value))) fail(context, 'must be more than 0%');
  });

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
    .refine(
      (name) => !name.startsWith(FAMILY_PREFIX),
      `must not begin with "${FAMILY_PREFIX}": statistics use such names for the built-in rules of job systems`,
    )
    .describe('The name in statistics, metrics and logs. It must be unique.'),
  match: z
    .union([glob, z.array(glob).min(1, 'must hold at least one pattern')], {
      error: (issue) => expected(issue, 'a pattern such as "session:*", or a list of patterns'),
    })
    .optional()
    .describe(
      "One or more of Redis's glob patterns (* ? [a-z] \\x). A pattern must match the whole key, byte by byte. Required unless " +
        'the rule has a family, db or user.',
    ),
  family: oneOf(FAMILY_NAMES)
    .optional()
    .describe(
      'A job system: the rule covers all of its keys, which are then durable. `match` adds further patterns, such as ' +
        'those of queues with their own names.',
    ),
  db: databases,
  user: users,
  ttl: duration(1, MAX_TTL_MS).optional().describe('The TTL for a write that has none.'),
  maxTtl: duration(1, MAX_TTL_MS)
    .optional()
    .describe('The longest TTL that a write may set. Spillway cuts a longer one to it.'),
  jitter: percent(MAX_JITTER)
    .optional()
    .describe(
      'The share by which added TTLs vary up and down, so that keys written together do not expire together.',
    ),
  durable: flag()
    .optional()
    .describe(
      'true: these keys are meant to stay, so they get no TTL. Each rule has either ttl or durable, even a rule that is there only ' +
        'for its limit, budget or scripts.',
    ),
  priority: oneOf(PRIORITY_NAMES)
    .optional()
    .describe(
      'When memory runs short, Spillway refuses writes of a lower priority first; see memory.shed. Default: "normal", and ' +
        '"critical" with a family.',
    ),
  applyTo: oneOf(['strings', 'all'])
    .default('strings')
    .describe(
      'Which writes get the TTL. "strings": SET, SETNX, GETSET, MSET, MSETNX and MSETEX. "all": every command that can ' +
        'create the key, so also hashes, lists and counters. Do not use "all" for queues: they would expire.',
    ),
  renew: flag()
    .optional()
    .describe(
      "true: each write renews the rule's TTL, even if the command keeps the TTL of its key (HSET, RPUSH, INCR " +
        'with applyTo "all"). A TTL that the application set stays. A process renews only TTLs that it gave itself. So with several workers or ' +
        'proxies, or after a restart, a key may expire early. false: a key expires when its first TTL ends.',
    ),
  limit: limit
    .optional()
    .describe(
      'How fast these keys may be written, at any memory pressure. The limits hold over all workers together. A burst may ' +
        "use up one second's worth at once. Deletes, expiries and other writes that do not grow memory always pass.",
    ),
  scripts: oneOf(['pass', 'refuse'])
    .default('pass')
    .describe(
      '"refuse": when Spillway refuses a key of this rule, it also refuses EVAL, EVALSHA and FCALL that name the key, unless ' +
        'the script cannot make memory grow; see memory.passScripts. Spillway refuses the whole script. A script that passes counts against the limits of the rule as one write to ' +
        'each such key. "pass": Spillway refuses no script.',
    ),
  scriptTtl: flag()
    .default(false)
    .describe(
      'true: keys of this rule that EVAL, EVALSHA or FCALL name get the TTL after the script if they have none. Requires ' +
        'applyTo "all".',
    ),
  budget: budget
    .optional()
    .describe(
      'The memory that these keys together may hold: a size, or a percentage of the limit of the server. Spillway estimates ' +
        'what they hold. From 90% of the budget on it refuses a share of their growing writes, and at 100% all of them, at any memory pressure.',
    ),
  evict: flag()
    .optional()
    .describe(
      'true: the application can recreate these keys, as in a cache. When memory is short, Spillway removes the oldest of them before ' +
        'it refuses any write, beginning with rules of the lowest priority; see memory.evict.',
    ),
  mode: oneOf(['enforce', 'observe'])
    .optional()
    .describe('The mode of this rule, in place of the global one. Use "observe" to try out a new rule.'),
});

export type RuleInput = z.infer<typeof ruleFields>;

/** One rule of the config file. Suggested rules must satisfy it, too. */
export const ruleSchema = ruleFields.check((context) => {
  const { match, family, db, user, ttl, maxTtl, jitter, durable, applyTo, renew, scriptTtl, evict } =
    context.value;
  if (match === undefined && family === undefined && db === undefined && user === undefined) {
    fail(context, 'is missing: give a pattern such as "session:*", a family, a db or a user', ['match']);
  }
  for (const [name, value] of [
    ['ttl', ttl],
    ['maxTtl', maxTtl],
  ] as const) {
    if (family === undefined || value === undefined) continue;
    fail(
      context,
      'cannot be set together with family: the keys of a job system hold jobs, which would expire with them; remove it',
      [name],
    );
  }
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
  if (durable === true && evict === true) {
    fail(
      context,
      'cannot be set together with durable: keys that stay may not be evicted; remove one of the two',
      ['evict'],
    );
  }
  if (durable !== true && ttl === undefined && family === undefined) {
    fail(context, 'must have a "ttl", or "durable": true if its keys are meant to stay');
  }
  if (ttl === undefined && renew === true) {
    fail(context, 'renews the added TTL, so the same rule needs a "ttl"', ['renew']);
  }
  if (ttl === undefined && jitter !== undefined) {
    fail(context, 'varies the added TTL, so the same rule needs a "ttl"', ['jitter']);
  }
  if (scriptTtl === true && (ttl === undefined || applyTo !== 'all')) {
    fail(context, 'gives the TTL of the rule, so the same rule needs a "ttl" and "applyTo": "all"', [
      'scriptTtl',
    ]);
  }
  const ttlMs = quietly(ttl, parseDuration);
  const maxTtlMs = quietly(maxTtl, parseDuration);
  if (ttlMs !== undefined && maxTtlMs !== undefined && ttlMs > maxTtlMs) {
    fail(context, 'is longer than maxTtl of the same rule', ['ttl']);
  }
});
