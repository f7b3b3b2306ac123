// The headline: how full memory is, when it will be full, which rule fills it, and what is refused. Pure.
import { bytes, duration, percent, rate } from './format.js';

/** @import { GrowthReport } from '../../../observe/history/history.js' */
/** @import { LiveSnapshot } from '../../../observe/snapshots/live.js' */
/** @import { MemorySnapshot } from '../../../memory/snapshot.js' */

/** From this pressure on the headline is red; a full server within SOON_SECONDS makes it yellow. */
const NEARLY_FULL = 0.97;
const SOON_SECONDS = 15 * 60;
/** Refusals that put the end off by less are not worth a word. */
const LATER = 1.1;

/**
 * @param {LiveSnapshot} live
 * @param {(rule: string) => string} nameOf a rule's name, or the pattern that tells more
 * @returns {{ text: string, tone: '' | 'warn' | 'bad' }}
 */
export function headline(live, nameOf) {
  const { memory, growth } = live;
  const parts = [rehearsed(memory) + fullness(memory, growth)];
  const blamed = blame(growth);
  if (blamed !== undefined) {
    parts.push(`${percent(blamed.growthShare ?? 0)} of growth is ${nameOf(blamed.name)}`);
  }
  parts.push(refused(live));
  return { text: `${parts.join('; ')}.`, tone: tone(live) };
}

/** Says so if the refusals are a rehearsal. @param {MemorySnapshot} memory */
function rehearsed({ rehearsal }) {
  if (rehearsal === null) return '';
  const { pressure, secondsLeft } = rehearsal;
  return `Rehearsal for another ${duration(secondsLeft)}, as if memory were ${percent(pressure)} full. `;
}

/** The rule that adds the most while memory grows. @param {GrowthReport} growth */
function blame({ memory, rules }) {
  if (memory === null || memory.lowBytesPerSecond <= 0) return undefined;
  const [first] = rules.toSorted((a, b) => (b.growthShare ?? 0) - (a.growthShare ?? 0));
  return (first?.growthShare ?? 0) > 0 ? first : undefined;
}

/** @param {MemorySnapshot} memory @param {GrowthReport} growth */
function fullness(memory, growth) {
  const { usedBytes, pressure, limitBytes, stale, readingAgeMs, serverEvicts } = memory;
  if (usedBytes === null) return 'Memory is unknown: there is no reading yet';
  if (stale) return `Memory is unknown: the last reading is ${duration((readingAgeMs ?? 0) / 1000)} old`;
  if (limitBytes === null || pressure === null) return `Memory ${bytes(usedBytes)}, without a limit`;
  const used = `Memory ${percent(memory.usedShare ?? 0)} of ${bytes(limitBytes)}`;
  const evictable = percent(memory.usedShare ?? 0) !== percent(pressure);
  if (serverEvicts === 'none' && !evictable) return `${used}, ${outlook(growth)}`;
  const evicting = memory.evictedKeysPerSecond > 0 ? `, evicting, as configured${lifetime(memory)}` : '';
  if (serverEvicts === 'all') return `${used}${evicting}`;
  return `${used}${evicting}; ${percent(pressure)} cannot be evicted, ${outlook(growth)}`;
}

/** How long evicted keys have lived. @param {MemorySnapshot} memory */
function lifetime({ evictedAfterSeconds }) {
  return evictedAfterSeconds === null ? '' : ` (keys live ${duration(evictedAfterSeconds)})`;
}

/** @param {GrowthReport} growth */
function outlook({ memory, timeToFull, timeToFullUnrefused }) {
  if (memory === null || timeToFull === null) return 'too early to say when it will be full';
  if (timeToFull.seconds === 0) return 'full';
  const unrefused = timeToFullUnrefused?.seconds ?? null;
  if (unrefused === null) return memory.highBytesPerSecond < 0 ? 'shrinking' : 'not growing';
  if (timeToFull.seconds === null) {
    return `never full with refusals, in about ${duration(unrefused)} without`;
  }
  const full = `full in about ${duration(timeToFull.seconds)}`;
  return timeToFull.seconds > LATER * unrefused
    ? `${full} with refusals, ${duration(unrefused)} without`
    : `${full} at this rate`;
}

/** @param {LiveSnapshot} live */
function refused({ memory, growth, state }) {
  const own = [state, ...state.also].some((one) => one.state === 'oom');
  const nothing = own ? 'Redis itself refuses writes' : 'nothing refused';
  const levels = Object.entries(memory.level).filter(([, { shedShare }]) => shedShare > 0);
  const names = levels.map(([name]) => name.toUpperCase()).join(', ');
  if (growth.shedPerSecond > 0) {
    return `${rate(growth.shedPerSecond)} writes/s refused${names === '' ? '' : ` (${names})`}`;
  }
  return names === '' ? nothing : `${nothing} now${own ? '; by the rules' : ', but'} ${names} would be`;
}

/** @param {LiveSnapshot} live @returns {'' | 'warn' | 'bad'} */
function tone({ memory, growth }) {
  const seconds = growth.timeToFullUnrefused?.seconds ?? null;
  const full = Object.values(memory.level).some(({ shedShare }) => shedShare === 1);
  if (full || (memory.pressure ?? 0) >= NEARLY_FULL) return 'bad';
  const some = Object.values(memory.level).some(({ shedShare }) => shedShare > 0);
  return some || memory.stale || memory.rehearsal !== null || (seconds !== null && seconds < SOON_SECONDS)
    ? 'warn'
    : '';
}
