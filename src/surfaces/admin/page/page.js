// The dashboard: shows a snapshot each second from the stream. Owns the content of the page, and stores nothing.
// Invariant: all figures on the page come from one snapshot, whose time is in main's data-taken-at. Charts and sparklines
// come from /api/history.
import { showAdvice } from './advice.js';
import { Chart } from './chart.js';
import { followAddress, showDetail } from './detail.js';
import { byId, element, setText } from './dom.js';
import { evictionText } from './eviction.js';
import { bytes, count, duration, NONE, percent, rate } from './format.js';
import { headline } from './headline.js';
import { learnIdentity, showIdentity } from './identity.js';
import { matchText } from './outcomes.js';
import { makeRulesTable, rowsOf, showHolds } from './rules.js';
import { showState } from './state.js';
import { follow, getJson, keepToken, Unauthorized } from './stream.js';
import { SortedTable } from './tables.js';

/** @import { DiscoveredPattern } from '../../../observe/stats/snapshot.js' */
/** @import { HistorySeries } from '../../../observe/history/history.js' */
/** @import { AdviceSnapshot } from '../../../observe/advice/snapshot.js' */
/** @import { Report } from '../../../observe/history/report.js' */
/** @import { ClientSnapshot } from '../../../observe/snapshots/connections.js' */
/** @import { LiveSnapshot } from '../../../observe/snapshots/live.js' */

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
/** @type {Map<string, import('./outcomes.js').RuleSettings>} */
let settings = new Map();
/** @type {import('./identity.js').Identity | undefined} */
let identity;
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

const rulesTable = makeRulesTable();

const discoveredTable = new SortedTable(
  byId('discovered'),
  'Patterns of keys that no rule matches, with a rule to paste',
  /** @type {import('./tables.js').Column<DiscoveredPattern>[]} */ ([
    {
      label: 'Pattern',
      text: true,
      value: ({ pattern }) => pattern,
      show: ({ pattern, db }) => (pattern || '(empty key)') + (db === null ? '' : ` (db ${db})`),
    },
    { label: 'Writes', value: ({ writes }) => writes, show: ({ writes }) => count(writes) },
    { label: 'Bytes', minor: true, value: (row) => row.bytes, show: (row) => bytes(row.bytes) },
    {
      label: 'Holds',
      value: ({ holds }) => holds?.bytes ?? null,
      show: showHolds,
      title: 'Memory that its keys hold now, no matter which client wrote them, estimated from random keys',
    },
    {
      label: 'Without TTL',
      minor: true,
      value: (row) => (row.hadTtl + row.withoutTtl === 0 ? null : row.withoutTtl),
      show: (row) => (row.hadTtl + row.withoutTtl === 0 ? NONE : count(row.withoutTtl)),
      title: 'Writes that left their key without a TTL. Writes that keep the TTL of their key do not count.',
    },
    {
      label: 'Rule',
      value: ({ suggestion }) => suggestion?.ttl ?? null,
      show: showCopyButton,
      title: 'Copies a rule to paste into the configuration',
    },
    { label: 'Why', minor: true, text: true, value: ({ note }) => note, show: showNote },
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
      minor: true,
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

/** @param {DiscoveredPattern} row @param {HTMLElement} cell */
function showCopyButton({ pattern, suggestion, note }, cell) {
  if (suggestion === null) return NONE;
  const rule = JSON.stringify(suggestion);
  cell.dataset.rule = rule;
  cell.dataset.why = note;
  if (cell.firstChild !== null) return undefined;
  const button = element(
    'button',
    { type: 'button', 'aria-label': `Copy a rule for ${pattern}` },
    'Copy rule',
  );
  button.addEventListener('click', () => void copy(cell.dataset.rule ?? rule, cell.dataset.why ?? note));
  cell.append(button);
  return undefined;
}

/** @param {DiscoveredPattern} row @param {HTMLElement} cell */
function showNote({ note }, cell) {
  cell.classList.add('note');
  return note;
}

/** @param {string} text @param {string} why a phone has no column for it */
async function copy(text, why) {
  const said = byId('copied');
  try {
    await navigator.clipboard.writeText(text);
    setText(said, `Copied: ${text} ${why}`);
  } catch {
    // Without TLS a browser has a clipboard for localhost only. So the rule is shown and selected.
    setText(said, text);
    getSelection()?.selectAllChildren(said);
  }
}

/** @param {LiveSnapshot} live */
function show(live) {
  shown = live;
  const { stats, memory, events } = live;
  const lastReload = events.find(({ kind }) => kind === 'config' || kind === 'family')?.number ?? 0;
  if (configured !== undefined && configured !== lastReload) learnSettings().catch(() => {});
  configured = lastReload;
  showState(byId('state'), live.state, Date.parse(stats.takenAt));
  const { text, tone } = headline(live, (rule) => nameOf(rule, stats.discovered));
  const head = byId('headline');
  setText(head, text);
  head.className = tone;
  document.title = memory.pressure === null ? 'Spillway' : `${percent(memory.pressure)} · Spillway`;
  showLevels(live);
  const rows = rowsOf(live, settings, identity?.mode ?? 'enforce', sparks);
  rulesTable.update(rows);
  showDetail(rows, live);
  if (identity !== undefined) showIdentity(identity, live);
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
  if (rule !== UNREGISTERED) {
    const known = settings.get(rule);
    return known === undefined ? rule : matchText(known);
  }
  const [most] = discovered.toSorted((a, b) => b.bytes - a.bytes);
  return most === undefined ? 'keys without a rule' : `keys without a rule (mostly ${most.pattern})`;
}

/** @param {LiveSnapshot} live */
function showLevels({ memory, growth, state: service }) {
  const items = Object.entries(memory.level).map(([priority, { shedShare, band, reservedBytes }]) => {
    const state =
      service.state === 'down' ? 'full' : shedShare === 1 ? 'full' : shedShare > 0 ? 'partial' : 'open';
    const would = service.observed.some((name) => name === priority) ? 'would be ' : '';
    const what = {
      full: service.state === 'down' ? 'not served' : `${would}all refused`,
      partial: `${percent(shedShare)} ${would}refused`,
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
  const refusing = Object.entries(memory.level).some(
    ([name, { shedShare }]) => shedShare > 0 && !service.observed.some((each) => each === name),
  );
  const state = refusing ? reason : reason.replace(/^on:/, 'armed:');
  setText(byId('reason'), `Shedding is ${state} (${limit}, ${policy ?? 'policy unknown'}).`);
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
    const often =
      times === undefined
        ? ''
        : ` (${times} times since ${new Date(firstAt ?? at).toLocaleTimeString('en-GB')})`;
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
      { name: 'used', what: evicts ? 'committed' : 'used', values: evicts ? committedBytes : countedBytes },
      ...(evicts ? [{ name: 'evictable', what: 'used', values: countedBytes }] : []),
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
      { name: 'used', what: 'admitted', values: history.writesPerSecond },
      { name: 'shed', what: 'refused', values: history.shedPerSecond },
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

/** Reads the rules and who this is. Snapshots do not have them, because they change only with the configuration. */
async function learnSettings() {
  // One after the other: a missing token is refused once, not three times.
  /** @type {import('./outcomes.js').RuleSettings[]} */
  const rules = await getJson('/api/rules');
  const who = await learnIdentity(getJson);
  settings = new Map(rules.map((rule) => [rule.name, rule]));
  identity = who;
}

async function start() {
  addSpans();
  // What scrolls, scrolls by keyboard.
  for (const place of document.querySelectorAll('.scroll')) {
    place.setAttribute('tabindex', '0');
    place.setAttribute('role', 'group');
    place.setAttribute('aria-labelledby', place.closest('section')?.getAttribute('aria-labelledby') ?? '');
  }
  followAddress(() => {
    if (shown !== undefined) show(shown);
  });
  for (;;) {
    try {
      await learnSettings();
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
