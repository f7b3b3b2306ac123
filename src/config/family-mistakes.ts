// Warns about rules that split the keys of a job system: that give a part of them a TTL, or another priority than the rest.
// Judges by the texts alone, so a family counts as used if a rule names a part of it. Pure.
import {
  chosenFamilies,
  FAMILIES,
  type Family,
  type FamilyChoice,
  familyGlobs,
} from '../core/policy/families.js';
import { STAR } from '../core/policy/glob.js';
import { elementsCover } from '../core/policy/glob-cover.js';
import { type GlobElement, globElements } from '../core/policy/glob-elements.js';
import { PRIORITY_NAMES, Priority, type Rule } from '../core/policy/rule.js';
import { isScoped } from '../core/policy/rule-views.js';

interface Own {
  readonly rule: Rule;
  readonly elements: readonly GlobElement[];
}

/** With more patterns, they are not compared with the table, which would take seconds. */
const MOST_COMPARED = 1000;

/** One line for each rule and family. */
export function familyMistakes(rules: readonly Rule[], choice: FamilyChoice): string[] {
  if (rules.reduce((sum, { globs }) => sum + globs.length, 0) > MOST_COMPARED) return [];
  const own = rules.flatMap((rule) =>
    rule.globs.map((glob): Own => ({ rule, elements: globElements(glob) })),
  );
  const recognized = new Set(chosenFamilies(choice));
  return [
    ...hidden(own, recognized),
    ...FAMILIES.flatMap((family) => ofFamily(family, own, recognized.has(family))),
  ];
}

/** The first rule that matches all keys of one of the family's globs, or parts of them. */
interface Treatment {
  readonly glob: string;
  /** The rule that matches all of them; undefined: the rest goes to the built-in rule, or to none. */
  readonly taker: Rule | undefined;
  /** Rules that name only these keys, or a part of them. */
  readonly naming: readonly Rule[];
}

function ofFamily(family: Family, own: readonly Own[], recognized: boolean): string[] {
  const treatments = familyGlobs(family.name).map((glob, i) =>
    treatmentOf(family.globs[i] as string, globElements(glob), own),
  );
  const naming = new Set(treatments.flatMap((each) => each.naming));
  const wide = treatments.flatMap(({ taker }) => (taker?.applyToAll && !takesAll(taker) ? [taker] : []));
  const expiring = [...new Set([...naming, ...wide])].filter(
    ({ ttlMs, maxTtlMs }) => ttlMs > 0 || maxTtlMs > 0,
  );
  const found = expiring.map((rule) => {
    const which = rule.applyToAll ? 'lists, hashes and sets' : 'strings';
    return `rules: "${rule.name}" gives TTLs to ${which} that belong to ${family.title} if it uses this Redis, and its jobs expire; use "family": "${family.name}" instead of the pattern`;
  });
  const takers = treatments.flatMap(({ taker }) => (taker === undefined || takesAll(taker) ? [] : [taker]));
  for (const rule of new Set([...naming, ...takers])) {
    if (rule.evict !== true) continue;
    found.push(
      `rules: "${rule.name}" evicts keys of ${family.title} if it uses this Redis, and jobs are lost; take "evict" away`,
    );
  }
  // A rule that treats the family as the built-in rule would does not split it.
  for (const rule of naming) {
    if (rule.family === family.name || expiring.includes(rule)) continue;
    const other = treatments.find(
      ({ taker, naming }) => !naming.includes(rule) && priorityOf(taker, recognized) !== rule.priority,
    );
    if (other === undefined) continue;
    const rest = PRIORITY_NAMES[priorityOf(other.taker, recognized)];
    found.push(
      `rules: "${rule.name}" names only a part of the keys of ${family.title}: it has priority ${PRIORITY_NAMES[rule.priority]}, ` +
        `but ${JSON.stringify(other.glob)} has ${rest}, and if only some of them are refused, jobs are lost or run twice; use "family": "${family.name}"`,
    );
  }
  return found;
}

function takesAll({ globs }: Rule): boolean {
  return globs.some((glob) => glob.length > 0 && glob.every((byte) => byte === STAR));
}

function treatmentOf(glob: string, family: readonly GlobElement[], own: readonly Own[]): Treatment {
  const naming = new Set<Rule>();
  for (const { rule, elements } of own) {
    if (elementsCover(family, elements)) naming.add(rule);
    if (!isScoped(rule) && elementsCover(elements, family)) {
      return { glob, taker: rule, naming: [...naming] };
    }
  }
  return { glob, taker: undefined, naming: [...naming] };
}

function priorityOf(taker: Rule | undefined, recognized: boolean): Priority {
  return taker?.priority ?? (recognized ? Priority.CRITICAL : Priority.NORMAL);
}

/** A rule for all keys comes before the built-in rules, so none of these protects anything. */
function hidden(all: readonly Own[], recognized: ReadonlySet<Family>): string[] {
  // A rule for a database or user was meant for all of their keys.
  const own = all.filter(({ rule }) => !isScoped(rule));
  const at = own.findIndex(({ elements }) => elements.length > 0 && elements.every((each) => each === STAR));
  const rule = own[at]?.rule;
  if (rule === undefined || (rule.durable && rule.priority === Priority.CRITICAL)) return [];
  const before = own.slice(0, at);
  const left = [...recognized].filter(
    ({ name }) =>
      !familyGlobs(name).every((glob) => {
        const elements = globElements(glob);
        return before.some((each) => elementsCover(each.elements, elements));
      }),
  );
  if (left.length === 0) return [];
  const ttl = rule.applyToAll && rule.ttlMs > 0 ? ' gives their lists, hashes and sets a TTL and' : '';
  const evicts = rule.evict ? ' may evict jobs and' : '';
  return [
    `rules: "${rule.name}" matches every key, so it${ttl}${evicts} hides the built-in rules for job systems ` +
      `(${left.map(({ title }) => title).join(', ')}): for each one that uses this Redis put a rule such as ` +
      `{ "name": "jobs", "family": "${left[0]?.name}" } before it, and name these in "families" ("off" if there is none)`,
  ];
}
