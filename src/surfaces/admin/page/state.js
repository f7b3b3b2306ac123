// The state of the service, first on the page: a line for what holds now, and one for each other condition.
import { element } from './dom.js';
import { duration } from './format.js';

/** @import { ServiceStateSnapshot, StateName, StateSnapshot } from '../../../observe/state/service-state.js' */

/** @type {Record<StateName, string>} */
const NAMES = {
  closing: 'Closing',
  down: 'Down',
  failover: 'Failover',
  blind: 'Blind',
  oom: 'OOM',
  rehearsing: 'Rehearsing',
  shedding: 'Shedding',
  limited: 'Limited',
  'config-error': 'Config error',
  observing: 'Observing',
  ok: 'OK',
};

/** @param {HTMLElement} list @param {ServiceStateSnapshot} state @param {number} now milliseconds since 1970, by the proxy */
export function showState(list, { also, ...first }, now) {
  list.replaceChildren(...[first, ...also].map((one) => line(one, now)));
}

/** @param {StateSnapshot} one @param {number} now */
function line({ state, severity, since, text }, now) {
  const seconds = Math.max(0, (now - Date.parse(since)) / 1000);
  return element(
    'li',
    { class: severity },
    element('strong', {}, NAMES[state]),
    element('span', {}, `${text} · for ${duration(seconds)}`),
  );
}
