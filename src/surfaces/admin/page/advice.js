// The section about the eviction policy: what the policy advisor says, and what each policy could evict. Hidden while there is
// no advice. Owns that section.
import { byId, element } from './dom.js';
import { bytes, count, duration, NONE } from './format.js';

/** @import { Advice } from '../../../observe/advice/advice.js' */
/** @import { PolicyOutlook } from '../../../observe/advice/outlook.js' */
/** @import { AdviceSnapshot } from '../../../observe/advice/snapshot.js' */

const HEADS = [
  'Policy',
  'Can evict',
  'Lasts',
  'Would have refused',
  'Mostly',
  'Also short-lived',
  'Also keys that must stay',
];

let before = '';

/** @param {AdviceSnapshot} snapshot */
export function showAdvice({ advice, policies }) {
  // What is selected stays so while nothing changes.
  const text = JSON.stringify([advice, policies]);
  if (text === before) return;
  before = text;
  byId('advice').hidden = advice.length === 0;
  byId('advice-list').replaceChildren(...advice.map(item));
  const head = element(
    'tr',
    {},
    ...HEADS.map((label, i) => element('th', { scope: 'col', class: kind(i) }, label)),
  );
  byId('policies').replaceChildren(
    element(
      'table',
      {},
      element('caption', { class: 'hidden' }, 'What each policy could evict here'),
      element('thead', {}, head),
      element('tbody', {}, ...policies.map(row)),
    ),
  );
}

/** @param {Advice} advice */
function item({ severity, title, evidence, reason, steps }) {
  const tone = severity === 'critical' ? 'bad' : severity === 'warning' ? 'warn' : '';
  return element(
    'li',
    {},
    element('strong', { class: tone }, title),
    element('p', {}, `${evidence}. ${reason}`),
    ...steps.map((step) =>
      step.kind === 'policy'
        ? element('p', {}, element('code', {}, `CONFIG SET maxmemory-policy ${step.policy}`), `: ${step.why}`)
        : element('p', {}, step.text),
    ),
  );
}

/** @param {PolicyOutlook} outlook */
function row({ policy, current, evictableBytes, lastsSeconds, refusedLastHour, whose, takes, loses }) {
  const cells = [
    `${policy}${current ? ' (now)' : ''}`,
    evictableBytes === null ? NONE : bytes(evictableBytes),
    lastsSeconds === null ? NONE : duration(lastsSeconds),
    refusedLastHour === null ? NONE : count(refusedLastHour),
    list(whose),
    list(takes),
    list(loses),
  ];
  return element(
    'tr',
    {},
    ...cells.map((text, i) =>
      element(i === 0 ? 'th' : 'td', { ...(i === 0 && { scope: 'row' }), class: kind(i) }, text),
    ),
  );
}

/** @param {number} column */
function kind(column) {
  const text = column === 0 || column > 3 ? 'text' : '';
  return column > 1 && column < HEADS.length - 1 ? `${text} minor` : text;
}

/** @param {readonly string[]} names */
function list(names) {
  return names.length === 0 ? NONE : names.join(', ');
}
