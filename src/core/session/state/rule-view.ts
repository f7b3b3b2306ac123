// The rules for the client's next write: those of its database and user (policy/rule-views). If these, and so the rules, depend
// on a pending reply, the write waits for it. If no rule names a database or user, this costs one comparison.
import { Carry, type CommandSpec } from '../../commands/spec.js';
import type { Policy } from '../../policy/policy.js';
import type { RuleSet } from '../../policy/rule-set.js';
import type { RequestScanner } from '../../resp/request-scanner.js';
import { readCopy } from '../request/copy-options.js';
import type { Database } from './database.js';
import type { User } from './user.js';

export class RuleView {
  private of: RuleSet | undefined;
  private version = -1;
  private view: RuleSet;
  private undecided = false;

  constructor(
    private readonly policy: Policy,
    private readonly database: Database,
    private readonly user: User,
  ) {
    this.view = policy.rules;
  }

  /** Whether some rule names databases or users. */
  get matters(): boolean {
    return this.policy.rules.scoped;
  }

  /** The view, as far as is known now. */
  get rules(): RuleSet {
    const { rules } = this.policy;
    if (!rules.scoped) return rules;
    this.look(rules);
    return this.view;
  }

  /** Whether a pending reply decides which rules apply in the client's database. */
  get waits(): boolean {
    const { rules } = this.policy;
    if (!rules.scoped) return false;
    this.look(rules);
    return this.undecided;
  }

  /** The same for another database: its rules are unknown until the user is known. */
  get waitsElsewhere(): boolean {
    return this.matters && (this.database.unanswered || this.user.unanswered);
  }

  /** The rules for the key that the command under scan writes. */
  rulesFor(spec: CommandSpec, args: RequestScanner): RuleSet {
    if (spec.carry !== Carry.COPY || !this.matters || args.streaming) return this.rules;
    return this.rulesIn(readCopy(args).db);
  }

  /** The rules for keys of database `db`; undefined: the client's own. */
  rulesIn(db: number | undefined): RuleSet {
    return db === undefined ? this.rules : this.policy.rules.view(db, this.user.current);
  }

  private look(rules: RuleSet): void {
    const { database, user } = this;
    const version = database.version + user.version;
    if (rules === this.of && version === this.version) return;
    this.of = rules;
    this.version = version;
    this.view = rules.view(database.current, user.current);
    this.undecided = false;
    if (!database.unanswered && !user.unanswered) return;
    const views = new Set<RuleSet>();
    for (const db of database.candidates) {
      for (const name of user.candidates) views.add(rules.view(db, name));
    }
    if (views.size > 1) this.undecided = true;
    else for (const view of views) this.view = view;
  }
}
