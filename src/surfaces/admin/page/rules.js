// The table of rules: settings, rates, what each did and would do. Owns its columns and the filter above it.
import { sparkline } from './chart.js';
import { addressOf } from './detail.js';
import { byId, element, setText } from './dom.js';
import { evictedText } from './eviction.js';
import { ago, bytes, count, NONE, percent, rate } from './format.js';
import { budgetText, coverage, holdsText, matchText, reasons, ttlText, wouldText } from './outcomes.js';
import { SortedTable } from './tables.js';

/** @import { BudgetSnapshot } from '../../../memory/snapshot.js' */
/** @import { RuleGrowth } from '../../../observe/history/history.js' */
/** @import { RuleStats } from '../../../observe/stats/snapshot.js' */
/** @import { LiveSnapshot } from '../../../observe/snapshots/live.js' */
/** @import { RuleSettings } from './outcomes.js' */

/**
 * @typedef {RuleStats & {
 *   growth: RuleGrowth | undefined, budget: BudgetSnapshot | undefined, rule: RuleSettings | undefined,
 *   match: string, priority: string, mode: string, now: number, spark: number[] | undefined,
 * }} Row
 */

const PRIORITIES = ['low', 'normal', 'high', 'critical'];

/** @param {number | undefined} n */
const rateOrNone = (n) => (n === undefined ? NONE : rate(n));

/** @type {import('./tables.js').Column<Row>[]} */
const COLUMNS = [
  { label: 'Rule', text: true, value: ({ name }) => name, show: showName },
  {
    label: 'Priority',
    minor: true,
    text: true,
    value: ({ priority }) => PRIORITIES.indexOf(priority),
    show: ({ priority }) => priority,
  },
  {
    label: 'TTL',
    minor: true,
    text: true,
    value: ({ rule }) => ttlText(rule),
    show: ({ rule }) => ttlText(rule),
  },
  { label: 'Mode', minor: true, text: true, value: ({ mode }) => mode, show: ({ mode }) => mode },
  {
    label: 'Family',
    minor: true,
    text: true,
    value: ({ rule }) => rule?.family ?? null,
    show: ({ rule }) => rule?.family ?? NONE,
    from: ({ rule }) => rule?.family != null,
  },
  {
    label: 'Growth',
    minor: true,
    value: ({ growth }) => growth?.growthShare ?? null,
    show: ({ growth }) => (growth?.growthShare ? percent(growth.growthShare) : NONE),
    title: 'Share of the growth of memory, estimated over the last minute',
  },
  {
    label: 'Growth/s',
    minor: true,
    value: ({ growth }) => growth?.growthBytesPerSecond ?? null,
    show: ({ growth }) => (growth === undefined ? NONE : bytes(growth.growthBytesPerSecond)),
    title: 'Bytes a second that its writes add to memory, estimated over the last minute',
  },
  {
    label: 'Writes/s',
    value: ({ growth }) => growth?.writesPerSecond ?? null,
    show: ({ growth }) => rateOrNone(growth?.writesPerSecond),
  },
  {
    label: 'Last 10 min',
    minor: true,
    value: ({ growth }) => growth?.writesPerSecond ?? null,
    show: showSpark,
    title: 'Writes per second over the last ten minutes',
  },
  {
    label: 'Refused/s',
    value: ({ growth }) => growth?.shedPerSecond ?? null,
    show: ({ growth }) => rateOrNone(growth?.shedPerSecond),
    alarm: ({ growth }) => (growth?.shedPerSecond ?? 0) > 0,
  },
  {
    label: 'Refused',
    minor: true,
    value: ({ shed }) => shed,
    show: showRefused,
    from: ({ shed }) => shed > 0,
  },
  {
    label: 'Would',
    minor: true,
    text: true,
    value: ({ wouldInject, wouldClamp, wouldShed, wouldEvict }) =>
      wouldInject + wouldClamp + wouldShed + wouldEvict || null,
    show: (row) => wouldText(row) || NONE,
    title: 'What the rule would have done since the start in enforce mode',
    from: ({ wouldInject, wouldClamp, wouldShed, wouldEvict }) =>
      wouldInject + wouldClamp + wouldShed + wouldEvict > 0,
  },
  {
    label: 'Evicted',
    minor: true,
    value: ({ evicted, wouldEvict }) => evicted || wouldEvict || null,
    show: (row) => evictedText(row),
    title:
      'Keys that Spillway removed to make room, and how long they lived; in brackets: keys that it would have removed, in observe mode',
    from: ({ evicted, wouldEvict }) => evicted + wouldEvict > 0,
  },
  {
    label: 'Holds',
    value: ({ holds }) => holds?.bytes ?? null,
    show: showHolds,
    title: 'Memory that its keys hold now, no matter which client wrote them, estimated from random keys',
  },
  {
    label: 'Budget used',
    minor: true,
    value: ({ budget }) => (budget?.budgetBytes ? budget.heldBytes / budget.budgetBytes : null),
    show: showBudget,
    alarm: ({ budget }) => (budget?.refusedShare ?? 0) > 0,
    from: ({ budget }) => budget !== undefined,
  },
  {
    label: 'With TTL',
    minor: true,
    value: coverage,
    show: (row) => {
      const share = coverage(row);
      return share === null ? NONE : percent(share);
    },
    title:
      'Share of its writes that left their key with a TTL. Writes that keep the TTL of their key do not count.',
  },
  {
    label: 'TTLs lost',
    minor: true,
    value: ({ ttlDropped }) => ttlDropped,
    show: ({ ttlDropped }) => count(ttlDropped),
    title: 'Writes that removed the TTL of their key; a lower bound',
    alarm: ({ ttlDropped }) => ttlDropped > 0,
    from: ({ ttlDropped }) => ttlDropped > 0,
  },
  {
    label: 'Bytes/s',
    minor: true,
    value: ({ growth }) => growth?.bytesPerSecond ?? null,
    show: ({ growth }) => (growth === undefined ? NONE : bytes(growth.bytesPerSecond)),
  },
  { label: 'Writes', minor: true, value: ({ writes }) => writes, show: ({ writes }) => count(writes) },
  {
    label: 'Keys',
    minor: true,
    value: ({ distinctKeys }) => distinctKeys,
    show: ({ distinctKeys }) => count(distinctKeys),
    title: 'Number of distinct keys written since the start, estimated within about 1.6%',
  },
  {
    label: 'Last seen',
    minor: true,
    value: ({ lastSeen }) => lastSeen,
    show: ({ lastSeen, now }) => ago(lastSeen, now),
  },
];

/** Sorted by growth at first. */
export function makeRulesTable() {
  const table = new SortedTable(byId('rules'), 'Writes by rule', COLUMNS, ({ name }) => name, 5);
  const filter = /** @type {HTMLInputElement} */ (byId('rules-filter'));
  const narrow = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const { shown, all } = table.filter((row) => {
      const text =
        `${row.name} ${row.match} ${row.priority} ${row.mode} ${row.rule?.family ?? ''}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    setText(byId('rules-found'), words.length === 0 ? '' : `${count(shown)} of ${count(all)} rules`);
  };
  filter.addEventListener('input', narrow);
  return table;
}

/**
 * @param {LiveSnapshot} live
 * @param {ReadonlyMap<string, RuleSettings>} settings
 * @param {string} globalMode
 * @param {ReadonlyMap<string, number[]>} sparks
 * @returns {Row[]}
 */
export function rowsOf({ stats, memory, growth }, settings, globalMode, sparks) {
  const growthOf = new Map(growth.rules.map((rule) => [rule.name, rule]));
  const budgetOf = new Map(memory.budgets.map((budget) => [budget.rule, budget]));
  const now = Date.parse(stats.takenAt);
  return [...stats.rules, stats.unregistered].map((counts) => {
    const rule = counts === stats.unregistered ? undefined : settings.get(counts.name);
    return {
      ...counts,
      growth: growthOf.get(counts.name),
      budget: budgetOf.get(counts.name),
      rule,
      match: counts === stats.unregistered ? 'keys that no rule matches' : rule ? matchText(rule) : '',
      priority: rule?.priority ?? 'normal',
      mode: rule?.mode ?? globalMode,
      now,
      spark: sparks.get(counts.name),
    };
  });
}

/** @param {Row} row @param {HTMLElement} cell */
function showName({ name, match }, cell) {
  if (cell.firstChild === null) cell.append(element('a', { href: addressOf(name) }), element('small'));
  setText(cell.children[0], name);
  setText(cell.children[1], match);
  cell.title = match;
  return undefined;
}

/** @param {Row} row @param {HTMLElement} cell */
function showSpark({ spark: values }, cell) {
  if (values === undefined || cell.dataset.drawn === String(values.length) + values.at(-1)) return undefined;
  cell.dataset.drawn = String(values.length) + values.at(-1);
  cell.replaceChildren(sparkline(values, `writes per second, at most ${rate(Math.max(0, ...values))}`));
  return undefined;
}

/** The number; on it, what it consists of. @param {Row} row @param {HTMLElement} cell */
function showRefused({ shed, shedBy, sparedBy }, cell) {
  const spared = reasons(sparedBy);
  cell.title = [reasons(shedBy), spared === '' ? '' : `spared: ${spared}`]
    .filter((part) => part !== '')
    .join('; ');
  return count(shed);
}

/**
 * What its keys hold; on it, how sure that is.
 * @param {{ holds: import('../../../observe/holders/snapshot.js').Holding | null }} row
 * @param {HTMLElement} cell
 */
export function showHolds({ holds }, cell) {
  if (holds === null) return NONE;
  cell.title = holdsText(holds);
  return bytes(holds.bytes);
}

/** How much of its budget a rule uses; on it, in bytes. @param {Row} row @param {HTMLElement} cell */
function showBudget({ budget }, cell) {
  if (budget === undefined) return NONE;
  cell.title = budgetText(budget);
  return budget.budgetBytes === null
    ? bytes(budget.heldBytes)
    : percent(budget.heldBytes / budget.budgetBytes);
}
