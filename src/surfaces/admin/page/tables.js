// A table that a click on a header sorts, updated in place. Owns its rows and their order.
// Invariants: a row stays the same element while its key is there; no row moves while it is pointed at or an element of it has the focus;
// at most ROWS rows are shown; a column that was shown once stays.
import { element, setText } from './dom.js';

const ROWS = 200;

/**
 * @template R
 * @typedef {object} Column
 * @property {string} label
 * @property {(row: R) => string | number | null} value the value to sort by; null comes last
 * @property {(row: R, cell: HTMLElement) => string | undefined} show returns the text, or fills the cell and returns undefined
 * @property {string} [title] the column's tooltip
 * @property {boolean} [text] aligned left, and sorted from A first
 * @property {(row: R) => boolean} [alarm]
 * @property {boolean} [minor] not shown on a phone
 * @property {(row: R) => boolean} [from] not shown until this holds for a row
 */

/** @template R */
export class SortedTable {
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  /** @type {R[]} */
  #data = [];
  /** @type {(row: R) => boolean} */
  #keeps = () => true;
  #body = element('tbody');
  #more = element('p', { class: 'note' });
  /** @type {HTMLElement[]} */
  #heads = [];
  /** Columns that no row has needed so far. @type {Set<number>} */
  #unused = new Set();
  #columns;
  #key;
  #sorted;
  #descending;

  /**
   * @param {HTMLElement} place
   * @param {string} caption
   * @param {Column<R>[]} columns the first one is the row's header
   * @param {(row: R) => string} key
   * @param {number} sorted the column by which the table is sorted at first
   */
  constructor(place, caption, columns, key, sorted) {
    this.#columns = columns;
    this.#key = key;
    this.#sorted = sorted;
    this.#descending = columns[sorted].text !== true;
    this.#heads = columns.map(({ label, text, minor, title }, i) => {
      const button = element('button', { type: 'button', ...(title && { title }) }, label);
      button.addEventListener('click', () => this.#sortBy(i));
      return element('th', { scope: 'col', class: classOf({ text, minor }) }, button);
    });
    columns.forEach(({ from }, i) => {
      if (from) this.#hide(i);
    });
    place.replaceChildren(
      element(
        'table',
        {},
        element('caption', { class: 'hidden' }, caption),
        element('thead', {}, element('tr', {}, ...this.#heads)),
        this.#body,
      ),
      this.#more,
    );
    this.#markSorted();
  }

  /** @param {R[]} data */
  update(data) {
    this.#data = data;
    for (const i of this.#unused) {
      const { from } = this.#columns[i];
      if (from && data.some(from)) this.#reveal(i);
    }
    this.#draw();
  }

  /** Shows only rows that `keeps`. @param {(row: R) => boolean} keeps @returns {{ shown: number, all: number }} */
  filter(keeps) {
    this.#keeps = keeps;
    this.#draw();
    return { shown: this.#data.filter(keeps).length, all: this.#data.length };
  }

  /** @param {number} column */
  #sortBy(column) {
    this.#descending = column === this.#sorted ? !this.#descending : this.#columns[column].text !== true;
    this.#sorted = column;
    this.#markSorted();
    this.#draw();
  }

  /** @param {number} column */
  #hide(column) {
    this.#unused.add(column);
    this.#heads[column].hidden = true;
  }

  /** @param {number} column */
  #reveal(column) {
    this.#unused.delete(column);
    for (const row of [{ children: this.#heads }, ...this.#rows.values()]) {
      /** @type {HTMLElement} */ (row.children[column]).hidden = false;
    }
  }

  #markSorted() {
    this.#heads.forEach((head, i) => {
      if (i === this.#sorted) head.setAttribute('aria-sort', this.#descending ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    });
  }

  #draw() {
    const { value } = this.#columns[this.#sorted];
    const direction = this.#descending ? -1 : 1;
    const sorted = this.#data.filter(this.#keeps).toSorted((a, b) => compare(value(a), value(b), direction));
    const shown = sorted.slice(0, ROWS);
    const keys = new Set(shown.map((row) => this.#key(row)));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    const mayMove = !this.#body.contains(document.activeElement) && !this.#body.matches(':hover');
    let before = this.#body.firstElementChild;
    for (const data of shown) {
      const known = this.#rows.get(this.#key(data));
      const row = known ?? this.#makeRow(this.#key(data));
      this.#fill(row, data);
      if (row === before) before = row.nextElementSibling;
      else if (mayMove || known === undefined) this.#body.insertBefore(row, before);
    }
    const left = sorted.length - shown.length;
    setText(this.#more, left > 0 ? `${left} more: narrow the filter, or see /api/stats` : '');
  }

  /** @param {string} key */
  #makeRow(key) {
    const cells = this.#columns.map(({ text, minor }, i) =>
      i === 0 ? element('th', { scope: 'row' }) : element('td', { class: classOf({ text, minor }) }),
    );
    for (const i of this.#unused) cells[i].hidden = true;
    const row = element('tr', {}, ...cells);
    this.#rows.set(key, row);
    return row;
  }

  /** @param {HTMLElement} row @param {R} data */
  #fill(row, data) {
    this.#columns.forEach(({ show, alarm }, i) => {
      const cell = /** @type {HTMLElement} */ (row.children[i]);
      const text = show(data, cell);
      if (text !== undefined) setText(cell, text);
      if (alarm) cell.classList.toggle('alarm', alarm(data));
    });
  }
}

/** @param {{ text?: boolean | undefined, minor?: boolean | undefined }} column */
function classOf({ text, minor }) {
  return [text ? 'text' : '', minor ? 'minor' : ''].filter((name) => name !== '').join(' ');
}

/** @param {string | number | null} a @param {string | number | null} b @param {number} direction */
function compare(a, b, direction) {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (typeof a === 'string' || typeof b === 'string') return String(a).localeCompare(String(b)) * direction;
  return (a - b) * direction;
}
