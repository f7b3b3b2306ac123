// What is refused of each priority now, in which band, and why: the row of boxes, and the sentences below it.
import { byId, element, setText } from './dom.js';
import { evictionText, rehearsedText } from './eviction.js';
import { bytes, duration, percent } from './format.js';

/** @import { LiveSnapshot } from '../../../observe/snapshots/live.js' */

/** @param {LiveSnapshot} live */
export function showLevels({ memory, growth, state: service }) {
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
  setText(byId('eviction'), [evictionText(memory), rehearsedText(memory)].join(' ').trim());
  const refusing = Object.entries(memory.level).some(
    ([name, { shedShare }]) => shedShare > 0 && !service.observed.some((each) => each === name),
  );
  const state = refusing ? reason : reason.replace(/^on:/, 'armed:');
  setText(byId('reason'), `Shedding is ${state} (${limit}, ${policy ?? 'policy unknown'}).`);
}
