// Checks the databases and users that rules name against those of the server. The checks of the file cannot notice a mistake
// there, and the rule would never apply.
import { printable } from '../../core/words.js';
import type { Facts } from './facts.js';
import type { Check, Finding } from './finding.js';

export const PLACE_CHECKS: readonly Check[] = [{ id: 'rule-places', run: missingPlaces }];

function missingPlaces(facts: Facts): Finding | undefined {
  const { info, config, users, rules } = facts;
  // A Cluster has only database 0, whatever CONFIG says; newer ones may have more, by another setting.
  const databases = info.get('redis_mode') === 'cluster' ? Number.NaN : Number(config?.get('databases'));
  const missing: string[] = [];
  const mend = new Set<string>();
  for (const rule of rules?.rules ?? []) {
    const named = `rule "${printable(rule.name)}"`;
    const beyond = rule.databases?.filter((db) => db >= databases) ?? [];
    if (beyond.length > 0) {
      missing.push(
        `${named}: database ${beyond.join(', ')}, but the server has ${databases} (0 to ${databases - 1})`,
      );
      mend.add(
        '# correct "db" of the rule in the configuration; or raise `databases` in redis.conf, and restart the server',
      );
    }
    const unknown = rule.users?.filter((user) => users !== undefined && !users.has(user)) ?? [];
    for (const user of unknown.map((name) => printable(Buffer.from(name, 'latin1').toString('utf8')))) {
      missing.push(`${named}: no user "${user}"`);
      mend.add(
        '# correct "user" of the rule in the configuration; ACL USERS lists those that the server has',
      );
    }
  }
  if (missing.length === 0) return undefined;
  return {
    severity: 'warning',
    title: 'Rules name databases or users that the server does not have',
    evidence: missing.join('; '),
    reason: 'Such a rule never applies: other rules, or none, decide about its keys.',
    mend: [...mend],
  };
}
