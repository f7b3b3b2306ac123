// Reports once, in the log and in the events, that clients write keys of a job system for which the config has no rule.
import type { Logger } from 'pino';
import { FAMILIES } from '../core/policy/families.js';
import { FAMILY_PREFIX } from '../core/policy/family-rules.js';
import type { EventLog } from '../observe/history/event-log.js';

export class FamilyWatch {
  private readonly reported = new Set<string>();

  constructor(
    private readonly log: Logger,
    private readonly events: EventLog,
  ) {}

  /** `rules`: those of the statistics, which name a built-in rule once its keys have been seen. */
  take(rules: readonly { readonly name: string }[]): void {
    for (const { name } of rules) {
      if (!name.startsWith(FAMILY_PREFIX) || this.reported.has(name)) continue;
      this.reported.add(name);
      const family = FAMILIES.find((each) => name === FAMILY_PREFIX + each.name);
      if (family === undefined) continue;
      const what = `clients write keys like those of ${family.title}, which have priority critical and get no TTL`;
      this.log.info(
        { family: family.name, rule: name },
        `${what}; to change that, add a rule with this "family"`,
      );
      this.events.record('family', what);
    }
  }
}
