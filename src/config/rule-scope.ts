// The fields of a rule that say to which clients it applies, `db` and `user`, and how many different ones rules may name.
import { z } from 'zod';
import { type FamilyName, familyGlobs } from '../core/policy/families.js';
import { patternsOfViews } from '../core/policy/rule-views.js';
import { count, expected, fail } from './fields.js';

/** No server has more databases. */
const MAX_DATABASE = 999_999;
const MAX_USER_LENGTH = 256;
/** The most databases and users together: each view has an index of its patterns, some 300 bytes for each. */
const MAX_PATTERNS = 500_000;

const number = count(0, MAX_DATABASE);

export const databases = z
  .union([number, z.array(number).min(1, 'must hold at least one database')], {
    error: (issue) =>
      expected(issue, `the number of a database from 0 to ${MAX_DATABASE}, or a list such as [1, 2]`),
  })
  .optional()
  .describe(
    'The databases (SELECT) in which the rule applies. Default: all. Without match and family, a rule with db or user applies to ' +
      'all of their keys.',
  );

/** ACL SETUSER refuses spaces and null characters in a name. */
const name = z
  .string({ error: (issue) => expected(issue, 'the name of an ACL user in quotes, such as "cache-app"') })
  .min(1, 'must not be empty; clients that do not log in are the user "default"')
  .max(MAX_USER_LENGTH, `must be at most ${MAX_USER_LENGTH} characters long`)
  .refine(
    (text) => !/[\s\0]|\p{Surrogate}/u.test(text),
    'must be the name of an ACL user, which has no spaces',
  );

export const users = z
  .union([name, z.array(name).min(1, 'must hold at least one user')], {
    error: (issue) =>
      expected(issue, 'the name of an ACL user in quotes, such as "cache-app", or a list of names'),
  })
  .optional()
  .describe(
    'The ACL users to whose writes the rule applies. Default: all. Clients that do not log in, or only with a password, are the ' +
      'user "default". Redis does not record who wrote a key, so analyze and sweep skip rules with user.',
  );

interface Patterns {
  readonly match?: string | string[] | undefined;
  readonly family?: FamilyName | undefined;
}

/** The part of a rule that says to which keys and clients it applies. */
interface Scoped extends Patterns {
  readonly db?: number | number[] | undefined;
  readonly user?: string | string[] | undefined;
}

/** The globs of a rule, without those of its family. */
export function patternsOf({ match, family }: Patterns): string[] {
  return [match ?? (family === undefined ? '*' : [])].flat();
}

/** The different ones among one or more values; undefined: all. */
export function namedIn<T extends string | number>(values: T | readonly T[] | undefined): T[] | undefined {
  return values === undefined ? undefined : [...new Set([values].flat() as T[])];
}

/** Refuses rules that name so many databases and users that their combinations would take too much memory. */
export function boundViews(context: z.core.ParsePayload<readonly Scoped[]>): void {
  const scoped = context.value.filter(({ db, user }) => db !== undefined || user !== undefined);
  if (scoped.length === 0) return;
  const patterns = patternsOfViews(
    context.value.map((rule) => ({
      globs: patternsOf(rule).length + (rule.family === undefined ? 0 : familyGlobs(rule.family).length),
      databases: namedIn(rule.db),
      users: namedIn(rule.user),
    })),
  );
  if (patterns <= MAX_PATTERNS) return;
  fail(
    context,
    `name so many databases and users that their combinations have ${patterns} patterns, and at most ${MAX_PATTERNS} are ` +
      'possible: name fewer databases and users, or give rules fewer patterns',
  );
}
