// The dashboard: shows a snapshot each second from the stream. Owns the content of the page, and stores nothing.
// Invariant: all figures on the page come from one snapshot, whose time is in main's data-taken-at. Charts and sparklines
// come from /api/history.
import { showAdvice } from './advice.js';
import { draw, SPANS } from './charts.js';
import { ClientsTable } from './clients.js';
import { followAddress, showDetail } from './detail.js';
import { makeDiscoveredTable } from './discovered.js';
import { byId, element, setText } from './dom.js';
import { percent } from './format.js';
import { headline } from './headline.js';
import { learnIdentity, showIdentity } from './identity.js';
import { showLevels } from './levels.js';
import { matchText } from './outcomes.js';
import { makeRulesTable, rowsOf } from './rules.js';
import { showState } from './state.js';
import { follow, getJson, keepToken, Unauthorized } from './stream.js';

/** @import { Span } from './charts.js' */
/** @import { DiscoveredPattern } from '../../../observe/stats/snapshot.js' */
/** @import { HistorySeries } from '../../../observe/history/history.js' */
/** @import { AdviceSnapshot } from '../../../observe/advice/snapshot.js' */
/** @import { Report } from '../../../observe/history/report.js' */
/** @import { LiveSnapshot } from '../../../observe/snapshots/live.js' */

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
let snapshots = 0;
let drawing = false;

const rulesTable = makeRulesTable();
const discoveredTable = makeDiscoveredTable();
const clientsTable = new ClientsTable();

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
  clientsTable.update(live.clients, Date.parse(stats.takenAt));
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
    if (shown !== undefined) draw(history, shown, span);
  } catch {
    // The stream reports what is wrong; the charts stay as they were.
  } finally {
    drawing = false;
  }
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
