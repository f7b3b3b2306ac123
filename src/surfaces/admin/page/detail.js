// The view of one rule, at #rule=NAME: its settings, what it did and would do, its keys, and explain for a key. Owns that
// section, and which of the two views is shown.
// Invariants: the back button returns to the overview; a name in the address is only ever compared and shown as text.
import { byId, element, setText } from './dom.js';
import { ago, bytes, count, duration, NONE, percent, rate } from './format.js';
import {
  budgetText,
  coverage,
  given,
  holdsText,
  livedText,
  matchText,
  reasons,
  ttlText,
  wouldText,
} from './outcomes.js';
import { getJson } from './stream.js';

/** @import { Explanation } from '../../../surfaces/explain/types.js' */
/** @import { LiveSnapshot } from '../../../observe/snapshots/live.js' */
/** @import { Row } from './rules.js' */

const MOST_PATTERNS = 50;

/** The rule that the address names; undefined: the overview. */
export function ruleInAddress() {
  const name = /^#rule=(.+)$/.exec(location.hash)?.[1];
  if (name === undefined) return undefined;
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

/** @param {string} name */
export function addressOf(name) {
  return `#rule=${encodeURIComponent(name)}`;
}

/** @type {string | undefined} */
let before;

/** Shows the view that the address names. Moves the focus when it changes. @param {() => void} redraw */
export function followAddress(redraw) {
  addEventListener('hashchange', () => {
    redraw();
    window.scrollTo(0, 0);
    const name = ruleInAddress();
    const link = [...document.querySelectorAll('#rules tbody a')].find(
      (each) => each.getAttribute('href') === (before === undefined ? '' : addressOf(before)),
    );
    if (name !== undefined) byId('rule-title').focus();
    else if (link instanceof HTMLElement) link.focus();
    before = name;
  });
  before = ruleInAddress();
  byId('rule-title').tabIndex = -1;
  byId('explain').addEventListener('submit', (event) => {
    event.preventDefault();
    void explain();
  });
}

/** @param {readonly Row[]} rows @param {LiveSnapshot} live */
export function showDetail(rows, live) {
  const name = ruleInAddress();
  byId('overview').hidden = name !== undefined;
  byId('rule').hidden = name === undefined;
  if (name === undefined) return;
  const row = rows.find((each) => each.name === name);
  if (byId('rule').dataset.rule !== name) {
    byId('rule').dataset.rule = name;
    byId('explained').replaceChildren();
    /** @type {HTMLInputElement} */ (byId('explain-key')).value = '';
  }
  setText(byId('rule-title'), name);
  byId('rule-facts').hidden = row === undefined;
  setText(
    byId('rule-match'),
    row === undefined ? 'There is no such rule, or Spillway has seen none of its keys.' : row.match,
  );
  if (row === undefined) return;
  const now = Date.parse(live.stats.takenAt);
  list('rule-settings', settings(row));
  list('rule-did', did(row));
  list('rule-would', would(row));
  list('rule-keys', keys(row, now));
  showPatterns(row, live);
}

/** @typedef {[term: string, text: string]} Fact */

/** @param {Row} row @returns {Fact[]} */
function settings({ rule, priority, mode, budget }) {
  const { limit = {}, db, user, evict, family } = rule ?? {};
  const limits = Object.entries(limit).map(([what, most]) => `${what} ${most}`);
  return [
    ['Priority', priority],
    ['Mode', mode],
    ['TTL', ttlText(rule)],
    ['Family', family ?? NONE],
    ['Budget', budget === undefined ? NONE : budgetText(budget)],
    ['Limit', limits.length === 0 ? NONE : limits.join(', ')],
    ['Makes room', evict ? 'its oldest keys are evicted' : 'no'],
    [
      'Counts for',
      [
        db === undefined ? 'all databases' : `database ${[db].flat().join(', ')}`,
        user === undefined ? 'all users' : `user ${[user].flat().join(', ')}`,
      ].join(', '),
    ],
  ];
}

/** @param {Row} row @returns {Fact[]} */
function did(row) {
  const share = coverage(row);
  const spared = reasons(row.sparedBy);
  return [
    ['Writes', `${count(row.writes)} (${bytes(row.bytes)})`],
    [
      'Now',
      row.growth === undefined
        ? NONE
        : `${rate(row.growth.writesPerSecond)}/s, ${rate(row.growth.shedPerSecond)}/s refused`,
    ],
    ['TTLs set', `${count(given(row))}, of which ${count(row.ttlClamped)} shortened`],
    ['With a TTL', share === null ? NONE : percent(share)],
    ['TTLs lost', count(row.ttlDropped)],
    ['Refused', row.shed === 0 ? '0' : `${count(row.shed)} (${reasons(row.shedBy)})`],
    ['Spared', spared === '' ? '0' : `${count(row.spared)} (${spared})`],
    ['Evicted', row.evicted === 0 ? '0' : `${count(row.evicted)} (${bytes(row.evictedBytes)})`],
  ];
}

/** @param {Row} row @returns {Fact[]} */
function would(row) {
  if (row.mode === 'enforce' && wouldText(row) === '') return [['Held back', 'nothing: this rule enforces']];
  const why = reasons(row.wouldShedBy);
  return [
    ['TTLs set', count(row.wouldInject)],
    ['TTLs shortened', count(row.wouldClamp)],
    ['Refused', why === '' ? '0' : `${count(row.wouldShed)} (${why})`],
    ['Evicted', row.wouldEvict === 0 ? '0' : `${count(row.wouldEvict)} (${bytes(row.wouldEvictBytes)})`],
  ];
}

/** @param {Row} row @param {number} now @returns {Fact[]} */
function keys(row, now) {
  const commands = Object.entries(row.commands).toSorted(([, a], [, b]) => b - a);
  return [
    ['Holds now', row.holds === null ? NONE : holdsText(row.holds)],
    ['Keys written', `about ${count(row.distinctKeys)}`],
    [
      'Growth',
      row.growth === undefined
        ? NONE
        : `${bytes(row.growth.growthBytesPerSecond)}/s${row.growth.growthShare === null ? '' : `, ${percent(row.growth.growthShare)} of all growth`}`,
    ],
    ['Keys live', livedText(row)],
    ['Last write', ago(row.lastSeen, now)],
    [
      'Commands',
      commands.length === 0
        ? NONE
        : commands
            .slice(0, 8)
            .map(([name, n]) => `${name.toUpperCase()} ${count(n)}`)
            .join(', '),
    ],
  ];
}

/** @param {Row} row @param {LiveSnapshot} live */
function showPatterns({ rule, name }, { stats }) {
  const patterns =
    name === stats.unregistered.name
      ? stats.discovered.map(({ pattern, writes }) => `${pattern || '(empty key)'}: ${count(writes)} writes`)
      : [rule?.match ?? []].flat();
  const items = patterns
    .slice(0, MOST_PATTERNS)
    .map((pattern) => element('li', {}, element('code', {}, pattern)));
  const text = patterns.join('\n');
  const place = byId('rule-patterns');
  if (place.dataset.text === text) return;
  place.dataset.text = text;
  place.replaceChildren(
    ...(items.length === 0
      ? [element('li', {}, rule === undefined ? 'None seen yet.' : matchText(rule))]
      : items),
  );
}

/** Fills a list of facts, whose terms stay the same elements. @param {string} id @param {Fact[]} facts */
function list(id, facts) {
  const place = byId(id);
  if (place.children.length !== facts.length)
    place.replaceChildren(...facts.map(() => element('div', {}, element('dt'), element('dd'))));
  facts.forEach(([term, text], i) => {
    setText(place.children[i].children[0], term);
    setText(place.children[i].children[1], text);
  });
}

async function explain() {
  const key = /** @type {HTMLInputElement} */ (byId('explain-key')).value;
  const command = /** @type {HTMLInputElement} */ (byId('explain-command')).value.trim();
  const query = new URLSearchParams({ key, ...(command !== '' && { command }) });
  const place = byId('explained');
  try {
    const said = await getJson(`/api/explain?${query}`);
    place.replaceChildren(...sentences(said).map((text) => element('li', {}, text)));
  } catch (error) {
    place.replaceChildren(element('li', {}, error instanceof Error ? error.message : String(error)));
  }
}

/** @param {Explanation} explanation */
function sentences({ why, command, kind, sends, changed, keys: written, now }) {
  const one = written[0];
  const [least, most] = one?.ttl?.givesMs ?? [0, 0];
  const gives =
    most > 0 ? ` TTL: ${duration(least / 1000)}${least === most ? '' : ` to ${duration(most / 1000)}`}.` : '';
  return [
    `${command.join(' ')}: ${why}`,
    ...(one === undefined
      ? []
      : [
          `Rule: ${one.rule === null ? 'none matches' : `${one.rule.name} (${one.rule.match})`}, priority ${one.priority}, mode ${one.mode}.`,
        ]),
    ...(kind === 'write'
      ? [`Sent ${changed ? `as ${sends.map((words) => words.join(' ')).join('; ')}` : 'unchanged'}.`]
      : []),
    ...(one?.ttl ? [`${one.ttl.why}.${gives}`.replace('..', '.')] : []),
    ...(one ? [one.shed.why] : []),
    ...(now === null
      ? []
      : [
          now.shed
            ? `Refused now: ${now.refused?.why ?? now.reason}.`
            : now.wouldShed
              ? `Would be refused now: ${now.refused?.why ?? now.reason}.`
              : 'Admitted now.',
        ]),
    ...(one?.evict ? [one.evict] : []),
  ];
}
