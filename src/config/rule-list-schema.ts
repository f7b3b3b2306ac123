// The schema of the list `rules`, each of which is rule-schema.ts's, and of `families`, the built-in rules.
import { z } from 'zod';
import { FAMILY_NAMES } from '../core/policy/families.js';
import { expected, fail, oneOf } from './fields.js';
import { ruleSchema } from './rule-schema.js';
import { boundViews } from './rule-scope.js';

const MAX_RULES = 10_000;
/** With more of them the samples of keys, which share a bounded memory, say too little. */
const MAX_BUDGETS = 100;

export const rulesSchema = z
  .array(ruleSchema, {
    error: (issue) =>
      expected(issue, 'a list of rules, such as [{ "name": "cache", "match": "cache:*", "ttl": "1h" }]'),
  })
  .max(MAX_RULES, `must hold at most ${MAX_RULES} rules`)
  .check((context) => {
    const firstOf = new Map<string, number>();
    for (const [index, { name }] of context.value.entries()) {
      const first = firstOf.get(name);
      if (first === undefined) firstOf.set(name, index);
      else fail(context, `is also the name of rules[${first}]; names must be unique`, [index, 'name']);
    }
    boundViews(context);
    const budgets = context.value.filter(({ budget }) => budget !== undefined).length;
    if (budgets > MAX_BUDGETS)
      fail(context, `at most ${MAX_BUDGETS} rules may have a budget; these are ${budgets}`);
  });

export const familiesSchema = z
  .union(
    [
      z.enum(['auto', 'off']),
      z
        .array(oneOf(FAMILY_NAMES), { error: (issue) => expected(issue, 'a list of job systems') })
        .max(FAMILY_NAMES.length, `must hold each job system once`),
    ],
    {
      error: (issue) => expected(issue, `"auto", "off", or a list of ${FAMILY_NAMES.join(', ')}`),
    },
  )
  .default('auto')
  .describe(
    'Job systems whose keys Spillway recognizes if no rule matches them. They are critical and get no TTL, because refusing or ' +
      `expiring a part of them loses jobs. "auto": all that Spillway knows (${FAMILY_NAMES.join(', ')}). "off": none.`,
  );
