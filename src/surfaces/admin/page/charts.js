// The charts of memory and writes, with the figures beside them. Draws what it is given; asks nothing.
import { Chart } from './chart.js';
import { byId, element, setText } from './dom.js';
import { bytes, NONE, percent, rate } from './format.js';

/** @import { HistorySeries } from '../../../observe/history/history.js' */
/** @import { LiveSnapshot } from '../../../observe/snapshots/live.js' */

/** @typedef {'10m' | '2h'} Span */
/** How much of the past the charts show. @type {Record<Span, { seconds: number, text: string }>} */
export const SPANS = { '10m': { seconds: 600, text: '10 min' }, '2h': { seconds: 7200, text: '2 h' } };

const memoryChart = new Chart(byId('memory-chart'));
const writesChart = new Chart(byId('writes-chart'));

/** @param {HistorySeries} history @param {LiveSnapshot} live @param {Span} span */
export function draw(history, { memory, growth }, span) {
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
