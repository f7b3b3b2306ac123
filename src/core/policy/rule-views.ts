// Which rules apply to which clients. A rule may name databases and users; the rules that apply to one database and user
// are a view. A view is made when it is first needed, so looking up a key costs the same as without databases and users.
// Databases that no rule names have one view, and so have users; views of the same rules are one.
// Invariant: a rule never applies by guess. While the database or user is unknown (SELECT waits for its answer), a rule
// that may or may not apply is a MAYBE, and the caller must not touch its keys.
import { ANY_DATABASE } from './key-memory.js';
import { atOnce, type Sliced } from './slices.js';

/** The clients to which a rule applies. */
export interface RuleScope {
  /** undefined: all. */
  readonly databases?: readonly number[] | undefined;
  /** Names as Redis compares them, Latin-1, one character a byte; undefined: all. */
  readonly users?: readonly string[] | undefined;
}

/** The user of a client that has not logged in, or only with a password. */
export const DEFAULT_USER = 'default';

export const Fit = { NO: 0, YES: 1, MAYBE: 2 } as const;
export type Fit = (typeof Fit)[keyof typeof Fit];

/** Stand for all databases and users that no rule names, and for an unknown user. No user has such a name. */
const OTHER_DATABASE = -2;
const OTHER_USER = ' ';
const UNKNOWN_USER = '';
/** Each of databases and users has these in addition to those that rules name: others, and unknown. */
const UNNAMED = 2;

export class RuleViews<View> {
  private readonly databases: ReadonlySet<number>;
  private readonly users: ReadonlySet<string>;
  private readonly views = new Map<number, Map<string, View>>();
  private readonly byFits = new Map<string, View>();

  /** `make` makes the view in which the given rules apply, in their order. */
  constructor(
    private readonly scopes: readonly RuleScope[],
    private readonly make: (fits: readonly Fit[]) => Sliced<View>,
  ) {
    this.databases = new Set(scopes.flatMap(({ databases = [] }) => databases));
    this.users = new Set(scopes.flatMap(({ users = [] }) => users));
  }

  /** The view for a database and user; ANY_DATABASE, undefined: unknown. */
  of(db: number, user: string | undefined): View {
    const known = this.known(db, user);
    return known ?? atOnce(this.making(db, user));
  }

  /** Makes the views that were used in `before`, so that nobody waits for them now. */
  *makeThoseOf(before: RuleViews<View>): Sliced<void> {
    for (const [db, users] of before.views) {
      for (const name of users.keys()) {
        // Names that the rules of `before` did not name count as others here, too.
        const user = name === UNKNOWN_USER ? undefined : name;
        if (this.known(db, user) === undefined) yield* this.making(db, user);
      }
    }
  }

  private known(db: number, user: string | undefined): View | undefined {
    return this.views.get(this.databaseOf(db))?.get(this.userOf(user));
  }

  private databaseOf(db: number): number {
    return db === ANY_DATABASE || this.databases.has(db) ? db : OTHER_DATABASE;
  }

  private userOf(user: string | undefined): string {
    return user === undefined ? UNKNOWN_USER : this.users.has(user) ? user : OTHER_USER;
  }

  private *making(db: number, user: string | undefined): Sliced<View> {
    const database = this.databaseOf(db);
    const view = yield* this.withFits(this.scopes.map((scope) => fitOf(scope, database, user)));
    let ofDatabase = this.views.get(database);
    if (ofDatabase === undefined) {
      ofDatabase = new Map();
      this.views.set(database, ofDatabase);
    }
    ofDatabase.set(this.userOf(user), view);
    return view;
  }

  private *withFits(fits: readonly Fit[]): Sliced<View> {
    const key = fits.join('');
    let view = this.byFits.get(key);
    if (view === undefined) {
      view = yield* this.make(fits);
      this.byFits.set(key, view);
    }
    return view;
  }
}

export function isScoped({ databases, users }: RuleScope): boolean {
  return databases !== undefined || users !== undefined;
}

/** Whether a rule applies to a client of this database and user. */
export function fitOf({ databases, users }: RuleScope, db: number, user: string | undefined): Fit {
  const ofDatabase = databases === undefined ? Fit.YES : db === ANY_DATABASE ? Fit.MAYBE : fit(databases, db);
  const ofUser = users === undefined ? Fit.YES : user === undefined ? Fit.MAYBE : fit(users, user);
  if (ofDatabase === Fit.NO || ofUser === Fit.NO) return Fit.NO;
  return ofDatabase === Fit.MAYBE || ofUser === Fit.MAYBE ? Fit.MAYBE : Fit.YES;
}

function fit<T>(named: readonly T[], one: T): Fit {
  return named.includes(one) ? Fit.YES : Fit.NO;
}

/** Whether the first rule applies wherever the second one does. */
export function scopeCovers(wide: RuleScope, narrow: RuleScope): boolean {
  return covers(wide.databases, narrow.databases) && covers(wide.users, narrow.users);
}

function covers<T>(wide: readonly T[] | undefined, narrow: readonly T[] | undefined): boolean {
  return wide === undefined || (narrow?.every((one) => wide.includes(one)) ?? false);
}

/** The most patterns that all views together can hold. `globs`: the number of each rule. */
export function patternsOfViews(rules: readonly (RuleScope & { readonly globs: number })[]): number {
  const databases = new Set(rules.flatMap(({ databases = [] }) => databases)).size + UNNAMED;
  const users = new Set(rules.flatMap(({ users = [] }) => users)).size + UNNAMED;
  return rules.reduce((sum, { globs, ...scope }) => {
    const inDatabases = scope.databases === undefined ? databases : scope.databases.length + 1;
    const ofUsers = scope.users === undefined ? users : scope.users.length + 1;
    return sum + globs * inDatabases * ofUsers;
  }, 0);
}
