// The dashboard: shows a snapshot each second from the stream. Owns the content of the page, and stores nothing.
// Invariant: all figures on the page come from one snapshot, whose time is in main's data-taken-at. Charts and sparklines
// come from /api/history.
import { showAdvice } from './advice.js';
import { Chart, sparkline } from './chart.js';
import { byId, element, setText } from './dom.js';
import { evictedText, evictionText } from './eviction.js';
import { ago, bytes, count, duration, NONE, percent, rate } from './format.js';
import { headline } from './headline.js';
import { showState } from './state.js';
import { follow, getJson, keepToken, Unauthorized } from './stream.js';
import { SortedTable } from './tables.js';

/** @import { BudgetSnapshot } from '../../../memory/snapshot.js' */
/** @import { DiscoveredPattern, RuleStats } from '../../../observe/stats/snapshot.js' */
/** @import { HistorySeries, RuleGrowth } from '../../../observe/history/history.js' */
/** @import { AdviceSnapshot } from '../../../observe/advice/snapshot.js' */
/** @import { Report } from '../../../observe/history/report.js' */
/** @import { ClientSnapshot } from '../../../observe/snapshots/connections.js' */
/** @import { LiveSnapshot } from '../../../observe/snapshots/live.js' */

/** @typedef {RuleStats & { growth: RuleGrowth | undefined, budget: BudgetSnapshot | undefined, match: string }} Row */
/** @typedef {ClientSnapshot & { key: string, perSecond: number | null }} ClientRow */

/** @typedef {'10m' | '2h'} Span */
/** @type {Record<Span, { seconds: number, text: string }>} */
const SPANS = { '10m': { seconds: 600, text: '10 min' }, '2h': { seconds: 7200, text: '2 h' } };
const UNREGISTERED = 'unregistered';
const EVENTS = 50;
/** The charts are drawn again after this many snapshots; less often with many rules, because the history is large then. */
const CHART_EVERY = 2;
const CHART_EVERY_LARGE = 10;
const LARGE = 100;

const main = byId('main');
const connection = byId('connection');
/** @type {Map<string, string>} */
let matches = new Map();
/** Number of the last event that changed the rules shown; undefined: before the first snapshot. */
/** @type {number | undefined} */
let configured;
/** @type {Map<string, number[]>} */
let sparks = new Map();
/** @type {Span} */
let span = '10m';
/** @type {LiveSnapshot | undefined} */
let shown;
/** @type {Map<string, number>} */
let sentBefore = new Map();
let clientsAt = 0;
let snapshots = 0;
let drawing = false;

const memoryChart = new Chart(byId('memory-chart'));
const writesChart = new Chart(byId('writes-chart'));

/** @param {number | undefined} n */
const rateOrNone = (n) => (n === undefined ? NONE : rate(n));

const rulesTable = new SortedTable(
  byId('rules'),
  'Writes by rule',
  /** @type {import('./tables.js').Column<Row>[]} */ ([
    { label: 'Rule', text: true, value: ({ name }) => name, show: showName },
    {
      label: 'Growth',
      value: ({ growth }) => growth?.growthShare ?? null,
      show: ({ growth }) => (growth?.growthShare ? percent(growth.growthShare) : NONE),
      title: 'Share of the growth of memory, estimated over the last minute',
    },
    {
      label: 'Growth/s',
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
      value: ({ growth }) => growth?.writesPerSecond ?? null,
      show: (row, cell) => showSpark(row, cell),
      title: 'Writes per second over the last ten minutes',
    },
    {
      label: 'Bytes/s',
      value: ({ growth }) => growth?.bytesPerSecond ?? null,
      show: ({ growth }) => (growth === undefined ? NONE : bytes(growth.bytesPerSecond)),
    },
    {
      label: 'With TTL',
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
      value: ({ ttlDropped }) => ttlDropped,
      show: ({ ttlDropped }) => count(ttlDropped),
      title: 'Writes that removed the TTL of their key; a lower bound',
      alarm: ({ ttlDropped }) => ttlDropped > 0,
    },
    {
      label: 'Refused/s',
      value: ({ growth }) => growth?.shedPerSecond ?? null,
      show: ({ growth }) => rateOrNone(growth?.shedPerSecond),
      alarm: ({ growth }) => (growth?.shedPerSecond ?? 0) > 0,
    },
    { label: 'Refused', value: ({ shed }) => shed, show: showRefused },
    {
      label: 'Evicted',
      value: ({ evicted, wouldEvict }) => evicted || wouldEvict || null,
      show: (row) => evictedText(row),
      title:
        'Keys removed to make room, and how long they lived; in brackets: keys that would have been, in observe mode',
    },
    { label: 'Writes', value: ({ writes }) => writes, show: ({ writes }) => count(writes) },
    {
      label: 'Keys',
      value: ({ distinctKeys }) => distinctKeys,
      show: ({ distinctKeys }) => count(distinctKeys),
      title: 'Number of distinct keys written since the start, estimated within about 1.6 %',
    },
    {
      label: 'Holds',
      value: ({ holds }) => holds?.bytes ?? null,
      show: showHolds,
      title: 'Memory that its keys hold now, whoever wrote them, estimated from random keys',
    },
    {
      label: 'Budget used',
      value: ({ budget }) => (budget?.budgetBytes ? budget.heldBytes / budget.budgetBytes : null),
      show: showBudget,
      alarm: ({ budget }) => (budget?.refusedShare ?? 0) > 0,
    },
    { label: 'Last seen', value: ({ lastSeen }) => lastSeen, show: ({ lastSeen }) => ago(lastSeen, now()) },
  ]),
  ({ name }) => name,
  1,
);

const discoveredTable = new SortedTable(
  byId('discovered'),
  'Patterns of keys that no rule matches, with a rule to paste',
  /** @type {import('./tables.js').Column<DiscoveredPattern>[]} */ ([
    {
      label: 'Pattern',
      text: true,
      value: ({ pattern }) => pattern,
      show: ({ pattern }) => pattern || '(empty key)',
    },
    { label: 'Writes', value: ({ writes }) => writes, show: ({ writes }) => count(writes) },
    { label: 'Bytes', value: (row) => row.bytes, show: (row) => bytes(row.bytes) },
    {
      label: 'Holds',
      value: ({ holds }) => holds?.bytes ?? null,
      show: showHolds,
      title: 'Memory that its keys hold now, whoever wrote them, estimated from random keys',
    },
    { label: 'Without TTL', value: (row) => row.withoutTtl, show: (row) => count(row.withoutTtl) },
    {
      label: 'Rule',
      value: ({ suggestion }) => suggestion?.ttl ?? null,
      show: showCopyButton,
      title: 'Copies a rule to paste into the configuration',
    },
    { label: 'Why', text: true, value: ({ note }) => note, show: showNote },
  ]),
  ({ pattern }) => pattern,
  1,
);

const clientsTable = new SortedTable(
  byId('clients'),
  'Clients by bytes sent',
  /** @type {import('./tables.js').Column<ClientRow>[]} */ ([
    { label: 'Address', text: true, value: ({ address }) => address, show: ({ address }) => address },
    { label: 'Name', text: true, value: ({ name }) => name || null, show: ({ name }) => name || NONE },
    {
      label: 'Bytes/s',
      value: ({ perSecond }) => perSecond,
      show: ({ perSecond }) => (perSecond === null ? NONE : bytes(perSecond)),
    },
    { label: 'Bytes', value: (row) => row.bytes, show: (row) => bytes(row.bytes) },
  ]),
  ({ key }) => key,
  3,
);

/** The time of the snapshot that is shown. */
function now() {
  return shown === undefined ? 0 : Date.parse(shown.stats.takenAt);
}

/** The number; on it, what it consists of. @param {Row} row @param {HTMLElement} cell */
function showRefused({ shed, shedBy, sparedBy }, cell) {
  const reasons = Object.entries(shedBy).map(([reason, refused]) => `${reason}: ${count(refused)}`);
  for (const [reason, passed] of Object.entries(sparedBy))
    reasons.push(`spared, ${reason}: ${count(passed)}`);
  cell.title = reasons.join(', ');
  return count(shed);
}

/**
 * What its keys hold; on it, how sure that is.
 * @param {{ holds: import('../../../observe/holders/snapshot.js').Holding | null }} row
 * @param {HTMLElement} cell
 */
function showHolds({ holds }, cell) {
  if (holds === null) return NONE;
  const large = holds.largeKeys === 0 ? '' : `, ${count(holds.largeKeys)} of them large`;
  cell.title = `${bytes(holds.bytes)}, give or take ${bytes(holds.errorBytes)}, in ${count(holds.keys)} keys${large}; ${bytes(holds.expiringBytes)} with a TTL${lives(holds)}`;
  return bytes(holds.bytes);
}

/** @param {import('../../../observe/holders/snapshot.js').Holding} holds */
function lives({ lifetime }) {
  if (lifetime === null) return '';
  const { livesSeconds, ofSeconds, errorSeconds } = lifetime;
  return `; keys live ${duration(livesSeconds)} of their ${duration(ofSeconds)}, give or take ${duration(errorSeconds)}`;
}

/** How much of its budget a rule uses; on it, in bytes. @param {Row} row @param {HTMLElement} cell */
function showBudget({ budget }, cell) {
  if (budget === undefined) return NONE;
  const { budgetBytes, heldBytes, method } = budget;
  const held = `${method === 'counting' ? 'at least ' : ''}${bytes(heldBytes)}`;
  cell.title = `Its keys hold ${held} of ${budgetBytes === null ? 'a share of an unknown limit' : bytes(budgetBytes)} (${method})`;
  return budgetBytes === null ? held : percent(heldBytes / budgetBytes);
}

/** @param {Row} row @param {HTMLElement} cell */
function showName({ name, match }, cell) {
  if (cell.firstChild === null) cell.append(element('span'), element('small'));
  setText(cell.children[0], name);
  setText(cell.children[1], match);
  cell.title = match;
  return undefined;
}

/** @param {Row} row @param {HTMLElement} cell */
function showSpark({ name }, cell) {
  const values = sparks.get(name);
  if (values === undefined || cell.dataset.drawn === String(values.length) + values.at(-1)) return undefined;
  cell.dataset.drawn = String(values.length) + values.at(-1);
  cell.replaceChildren(sparkline(values, `writes per second, at most ${rate(Math.max(0, ...values))}`));
  return undefined;
}

/** @param {DiscoveredPattern} row @param {HTMLElement} cell */
function showCopyButton({ pattern, suggestion }, cell) {
  if (suggestion === null) return NONE;
  const rule = JSON.stringify(suggestion);
  cell.dataset.rule = rule;
  if (cell.firstChild !== null) return undefined;
  const button = element(
    'button',
    { type: 'button', 'aria-label': `Copy a rule for ${pattern}` },
    'Copy rule',
  );
  button.addEventListener('click', () => void copy(cell.dataset.rule ?? rule));
  cell.append(button);
  return undefined;
}

/** @param {DiscoveredPattern} row @param {HTMLElement} cell */
function showNote({ note }, cell) {
  cell.classList.add('note');
  return note;
}

/** @param {string} text */
async function copy(text) {
  const said = byId('copied');
  try {
    await navigator.clipboard.writeText(text);
    setText(said, `Copied: ${text}`);
  } catch {
    // Without TLS a browser has a clipboard for localhost only. So the rule is shown and selected.
    setText(said, text);
    getSelection()?.selectAllChildren(said);
  }
}

/**
 * Share of the writes that left their key with a TTL, among those that do not just keep the key's TTL; null: there are none.
 * @param {RuleStats} row
 */
function coverage(row) {
  const deciding = row.writes - row.kept;
  if (deciding <= 0) return null;
  const followed = row.followUps - row.followUpsDenied - row.followUpsFailed;
  return Math.max(0, row.ttlInjected + row.ttlClamped + row.hadTtl + followed) / deciding;
}

/** @param {LiveSnapshot} live */
function show(live) {
  shown = live;
  const { stats, memory, growth, events } = live;
  const lastReload = events.find(({ kind }) => kind === 'config' || kind === 'family')?.number ?? 0;
  if (configured !== undefined && configured !== lastReload) learnMatches().catch(() => {});
  configured = lastReload;
  showState(byId('state'), live.state, Date.parse(stats.takenAt));
  const { text, tone } = headline(live, (rule) => nameOf(rule, stats.discovered));
  const head = byId('headline');
  setText(head, text);
  head.className = tone;
  document.title = memory.pressure === null ? 'Spillway' : `${percent(memory.pressure)} · Spillway`;
  showLevels(live);
  const growthOf = new Map(growth.rules.map((rule) => [rule.name, rule]));
  const budgetOf = new Map(memory.budgets.map((budget) => [budget.rule, budget]));
  rulesTable.update(
    [...stats.rules, stats.unregistered].map((rule) => ({
      ...rule,
      growth: growthOf.get(rule.name),
      budget: budgetOf.get(rule.name),
      match: rule.name === UNREGISTERED ? 'keys that no rule matches' : (matches.get(rule.name) ?? ''),
    })),
  );
  discoveredTable.update(stats.discovered);
  clientsTable.update(withRates(live));
  showEvents(live);
  main.dataset.takenAt = stats.takenAt;
  main.hidden = false;
  const every = stats.rules.length > LARGE ? CHART_EVERY_LARGE : CHART_EVERY;
  if (snapshots++ % every === 0) void drawCharts();
}

/** @param {string} rule @param {DiscoveredPattern[]} discovered */
function nameOf(rule, discovered) {
  if (rule !== UNREGISTERED) return matches.get(rule) ?? rule;
  const [most] = discovered.toSorted((a, b) => b.bytes - a.bytes);
  return most === undefined ? 'keys without a rule' : `keys without a rule (mostly ${most.pattern})`;
}

/** @param {LiveSnapshot} live */
function showLevels({ memory, growth, state: service }) {
  const items = Object.entries(memory.level).map(([priority, { shedShare, band, reservedBytes }]) => {
    const state =
      service.state === 'down' ? 'full' : shedShare === 1 ? 'full' : shedShare > 0 ? 'partial' : 'open';
    const what = {
      full: service.state === 'down' ? 'not served' : 'all refused',
      partial: `${percent(shedShare)} refused`,
      open: 'admitted',
    }[state];
    const from = growth.marks.find(({ name }) => name === `${priority} begins`);
    const soon = state === 'open' && from?.seconds ? `, in about ${duration(from.seconds)}` : '';
    const kept = reservedBytes > 0 ? `, ${bytes(reservedBytes)} kept for higher priorities` : '';
    const where =
      band === null ? 'never refused' : `from ${percent(band[0])} to ${percent(band[1])}${soon}${kept}`;
    return element(
      'li',
      {
        class: state,
        ...(state === 'partial' && {
          title: 'The same keys each time. Keys with the same {tag} are refused together.',
        }),
      },
      element('strong', {}, `${priority}: ${what}`),
      element('span', {}, where),
    );
  });
  byId('levels').replaceChildren(...items);
  const { maxmemoryBytes, policy, reason } = memory;
  const limit =
    maxmemoryBytes === null || maxmemoryBytes === 0 ? 'no maxmemory' : `maxmemory ${bytes(maxmemoryBytes)}`;
  setText(byId('eviction'), evictionText(memory));
  setText(byId('reason'), `Shedding is ${reason} (${limit}, ${policy ?? 'policy unknown'}).`);
}

/** @param {LiveSnapshot} live @returns {ClientRow[]} */
function withRates({ clients }) {
  const elapsed = (now() - clientsAt) / 1000;
  const rows = clients.map((client, i) => {
    // All clients of a unix socket have the same address, so the page cannot tell them apart.
    const alike = clients.findIndex(({ address }) => address === client.address) !== i;
    const key = alike ? `${client.address} ${i}` : client.address;
    const before = sentBefore.get(client.address);
    const perSecond =
      before === undefined || elapsed <= 0 ? null : Math.max(0, client.bytes - before) / elapsed;
    return { ...client, key, perSecond: client.address === 'unix' ? null : perSecond };
  });
  sentBefore = new Map(clients.map(({ address, bytes: sent }) => [address, sent]));
  clientsAt = now();
  return rows;
}

/** @param {LiveSnapshot} live */
function showEvents({ events }) {
  const list = byId('events');
  const newest = String(events[0]?.number ?? 0);
  if (list.dataset.newest === newest) return;
  list.dataset.newest = newest;
  const items = events.slice(0, EVENTS).map(({ at, times, firstAt, text }) => {
    const time = element('time', { datetime: at, title: at }, new Date(at).toLocaleTimeString('en-GB'));
    const often = times === undefined ? '' : ` (${times} times since ${firstAt ?? at})`;
    return element('li', {}, time, element('span', {}, text + often));
  });
  list.replaceChildren(...(items.length > 0 ? items : [element('li', {}, 'Nothing yet.')]));
}

async function drawCharts() {
  if (drawing) return;
  drawing = true;
  try {
    /** @type {[HistorySeries, Report, AdviceSnapshot]} */
    const [history, report, advice] = await Promise.all([
      getJson(`/api/history?span=${span}`),
      getJson('/api/report'),
      getJson('/api/advice'),
    ]);
    showAdvice(advice);
    setText(byId('report'), `${report.text.charAt(0).toUpperCase()}${report.text.slice(1)}.`);
    sparks = new Map(history.rules.map(({ name, writesPerSecond }) => [name, writesPerSecond]));
    if (shown !== undefined) draw(history, shown);
  } catch {
    // The stream reports what is wrong; the charts stay as they were.
  } finally {
    drawing = false;
  }
}

/** @param {HistorySeries} history @param {LiveSnapshot} live */
function draw(history, { memory, growth }) {
  const { at, countedBytes, committedBytes, limitBytes } = history;
  const evicts = memory.serverEvicts !== 'none';
  const { seconds, text } = SPANS[span];
  const limit = limitBytes.at(-1) ?? undefined;
  const used = countedBytes.filter((value) => value !== null);
  const bands = Object.entries(memory.level).flatMap(([priority, { band }]) =>
    band === null || limit === undefined
      ? []
      : [
          {
            name: `${priority}: ${percent(band[0])} to ${percent(band[1])}`,
            from: band[0] * limit,
            to: band[1] * limit,
          },
        ],
  );
  const high = limit === undefined ? 1.1 * Math.max(1, ...used) : Math.max(limit, ...used);
  const committed = evicts ? committedBytes.filter((value) => value !== null) : [];
  const least = Math.min(high, ...used, ...committed, ...bands.map(({ from }) => from));
  const low = Math.max(0, Math.floor((least / high - 0.05) * 10) / 10) * high;
  const rising = growth.memory !== null && growth.memory.lowBytesPerSecond > 0;
  memoryChart.draw({
    at,
    // The slope goes on from the first line.
    lines: [
      { name: 'used', values: evicts ? committedBytes : countedBytes },
      ...(evicts ? [{ name: 'evictable', values: countedBytes }] : []),
    ],
    seconds,
    low,
    high,
    bands,
    format: bytes,
    label: `Memory over the last ${text}`,
    ...(limit !== undefined && { limit }),
    ...(rising && growth.memory !== null && { slope: growth.memory.bytesPerSecond }),
  });
  const perSecond = growth.memory === null ? '' : `, ${signed(growth.memory.bytesPerSecond)}/s`;
  const [usedNow, committedNow] = [used.at(-1), committed.at(-1)];
  const keeps = committedNow === undefined ? '' : `, ${bytes(committedNow)} of it committed`;
  setText(byId('memory-now'), usedNow === undefined ? NONE : `${bytes(usedNow)}${keeps}${perSecond}`);

  const most = Math.max(1, ...history.writesPerSecond, ...history.shedPerSecond);
  writesChart.draw({
    at,
    lines: [
      { name: 'used', values: history.writesPerSecond },
      { name: 'shed', values: history.shedPerSecond },
    ],
    seconds,
    low: 0,
    high: roundUp(most),
    format: rate,
    label: `Admitted and refused writes per second over the last ${text}`,
  });
  byId('writes-now').replaceChildren(
    element('span', { class: 'key-used' }, `admitted ${rate(growth.writesPerSecond)}`),
    element('span', { class: 'key-shed' }, `refused ${rate(growth.shedPerSecond)}`),
  );
}

/** Rounds up to 1, 2, 4 or 8 times a power of ten, for the end of a scale. @param {number} n */
function roundUp(n) {
  const power = 10 ** Math.floor(Math.log10(n));
  return power * ([1, 2, 4, 8].find((times) => times * power >= n) ?? 10);
}

/** @param {number} n */
function signed(n) {
  return `${n > 0 ? '+' : ''}${bytes(n)}`;
}

function addSpans() {
  const buttons = Object.entries(SPANS).map(([name, { text }]) => {
    const button = element('button', { type: 'button', 'aria-pressed': String(name === span) }, text);
    button.addEventListener('click', () => {
      span = /** @type {Span} */ (name);
      for (const other of buttons) other.setAttribute('aria-pressed', String(other === button));
      void drawCharts();
    });
    return button;
  });
  byId('spans').replaceChildren(...buttons);
}

/** @returns {Promise<void>} when a token was entered */
function askForToken() {
  const form = byId('login');
  const input = /** @type {HTMLInputElement} */ (byId('token'));
  main.hidden = true;
  form.hidden = false;
  input.focus();
  return new Promise((resolve) => {
    form.addEventListener(
      'submit',
      (event) => {
        event.preventDefault();
        keepToken(input.value);
        input.value = '';
        form.hidden = true;
        resolve();
      },
      { once: true },
    );
  });
}

/** @param {{ live: boolean, text: string }} state */
function tell({ live, text }) {
  setText(connection, text);
  connection.classList.toggle('live', live);
  document.body.classList.toggle('stale', !live);
}

/** Reads the patterns of the rules. Snapshots do not have them, because they change only with the configuration. */
async function learnMatches() {
  const rules = await getJson('/api/rules');
  matches = new Map(
    rules.map((/** @type {{ name: string, match?: string | string[], family?: string }} */ rule) => [
      rule.name,
      textOf(rule),
    ]),
  );
}

/**
 * The patterns of a rule; for a family its name, because its patterns are long.
 * @param {{ match?: string | string[], family?: string, builtIn?: boolean }} rule
 */
function textOf({ match = [], family, builtIn }) {
  const patterns = builtIn ? [] : [match].flat();
  return [...patterns, ...(family === undefined ? [] : [`keys of ${family}`])].join(' ');
}

async function start() {
  addSpans();
  for (;;) {
    try {
      await learnMatches();
      await follow(show, tell);
    } catch (error) {
      if (!(error instanceof Unauthorized)) {
        tell({ live: false, text: 'no connection; trying again' });
        await new Promise((resolve) => setTimeout(resolve, 2000));
        continue;
      }
    }
    tell({ live: false, text: 'enter the admin token' });
    await askForToken();
  }
}

void start();
