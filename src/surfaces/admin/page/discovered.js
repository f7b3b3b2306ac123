// The table of patterns that no rule matches, with a rule to copy for each.
import { byId, element, setText } from './dom.js';
import { bytes, count, NONE } from './format.js';
import { showHolds } from './rules.js';
import { SortedTable } from './tables.js';

/** @import { DiscoveredPattern } from '../../../observe/stats/snapshot.js' */

export function makeDiscoveredTable() {
  return new SortedTable(
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
        title:
          'Writes that left their key without a TTL. Writes that keep the TTL of their key do not count.',
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
