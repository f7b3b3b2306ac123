// Charts of lines over time as SVG, redrawn with each change; a pointer or the arrow keys read values. Owns scales, axes and bands; knows nothing about Redis.
import { element, setText, svg } from './dom.js';
import { NONE } from './format.js';

const MARGIN = { top: 8, right: 34, bottom: 18, left: 58 };
const BAR = 6;

/**
 * @typedef {object} Line
 * @property {(number | null)[]} values null: a gap
 * @property {string} name its classes are `name` and `name-area`
 * @property {string} what as the readout names it
 *
 * @typedef {object} Drawing
 * @property {number[]} at epoch milliseconds
 * @property {Line[]} lines
 * @property {number} seconds how much is shown, up to now
 * @property {number} low
 * @property {number} high
 * @property {(value: number) => string} format
 * @property {string} label the description for screen readers
 * @property {{ name: string, from: number, to: number }[]} [bands]
 * @property {number} [limit]
 * @property {number} [slope] a second, continued from the last value of the first line
 */

export class Chart {
  #place;
  /** @type {Drawing | undefined} */
  #drawing;
  /** The moment that is pointed at, epoch milliseconds. */
  /** @type {number | undefined} */
  #pointed;
  #readout = element('p', { class: 'readout', role: 'status', hidden: true });

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
    new ResizeObserver(() => this.#redraw()).observe(place);
    place.tabIndex = 0;
    place.setAttribute('role', 'group');
    place.addEventListener('pointermove', (event) => this.#point(this.#timeAt(event.offsetX)));
    place.addEventListener('pointerleave', () => this.#point(undefined));
    place.addEventListener('blur', () => this.#point(undefined));
    place.addEventListener('keydown', (event) => this.#step(event));
  }

  /** @param {Drawing} drawing */
  draw(drawing) {
    this.#drawing = drawing;
    this.#redraw();
  }

  #redraw() {
    const drawing = this.#drawing;
    const { clientWidth: width, clientHeight: height } = this.#place;
    if (drawing === undefined || width === 0) return;
    const root = svg('svg', { width, height, role: 'img', 'aria-label': drawing.label });
    root.append(...marks(drawing, width, height, this.#pointed));
    this.#place.setAttribute('aria-label', `${drawing.label}; arrow keys read values`);
    this.#place.replaceChildren(root, this.#readout);
    const i = nearest(drawing, this.#pointed);
    this.#readout.hidden = i === undefined;
    if (i !== undefined) setText(this.#readout, readout(drawing, i));
  }

  /** @param {number | undefined} time */
  #point(time) {
    this.#pointed = time;
    this.#redraw();
  }

  /** @param {number} offset pixels from the left */
  #timeAt(offset) {
    if (this.#drawing === undefined) return undefined;
    const { at, seconds, slope } = this.#drawing;
    const [left, right] = [MARGIN.left, this.#place.clientWidth - MARGIN.right];
    const all = seconds + (slope === undefined ? 0 : seconds / 6);
    return (at.at(-1) ?? 0) + (((offset - left) / (right - left)) * all - seconds) * 1000;
  }

  /** @param {KeyboardEvent} event */
  #step(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const drawing = this.#drawing;
    if (steps === undefined || drawing === undefined || drawing.at.length === 0) return;
    event.preventDefault();
    const from = nearest(drawing, this.#pointed) ?? drawing.at.length - 1;
    const large = event.shiftKey ? 10 : 1;
    this.#point(drawing.at[Math.max(0, Math.min(drawing.at.length - 1, from + steps * large))]);
  }
}

/** The sample next to a time; undefined: there is none. @param {Drawing} drawing @param {number | undefined} time */
function nearest({ at }, time) {
  if (time === undefined || at.length === 0) return undefined;
  return at.reduce((best, each, i) => (Math.abs(each - time) < Math.abs(at[best] - time) ? i : best), 0);
}

/** @param {Drawing} drawing @param {number} i */
function readout({ at, lines, format }, i) {
  const values = lines.map(({ values, what }) => {
    const value = values[i];
    return `${what} ${typeof value === 'number' ? format(value) : NONE}`;
  });
  return `${new Date(at[i]).toLocaleTimeString('en-GB')}: ${values.join(', ')}`;
}

/** @param {Drawing} drawing @param {number} width @param {number} height @param {number} [pointed] */
function marks(drawing, width, height, pointed) {
  const { at, lines, low, high, format, bands = [], limit, slope, seconds } = drawing;
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
  const future = slope === undefined ? 0 : seconds / 6;
  const now = at.at(-1) ?? 0;
  /** @param {number} time */
  const x = (time) =>
    left + ((time - now) / 1000 / (seconds + future) + seconds / (seconds + future)) * (right - left);
  /** @param {number} value */
  const y = (value) =>
    bottom - ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (bottom - top);

  const parts = [];
  bands.forEach(({ name, from, to }, i) => {
    const place = { y: y(to), height: Math.max(0, y(from) - y(to)) };
    const column = right + 4 + i * (BAR + 3);
    parts.push(svg('rect', { class: 'band', x: left, width: right - left, ...place }));
    parts.push(svg('rect', { class: 'band-bar', x: column, width: BAR, ...place }, svg('title', {}, name)));
  });
  for (let i = 0; i <= 4; i++) {
    const value = low + ((high - low) * i) / 4;
    parts.push(svg('line', { class: 'grid', x1: left, x2: right, y1: y(value), y2: y(value) }));
    parts.push(svg('text', { x: left - 6, y: y(value) + 4, 'text-anchor': 'end' }, format(value)));
  }
  for (const share of [1, 0.5, 0]) {
    const text = share === 0 ? 'now' : `−${Math.round((seconds * share) / 60)} min`;
    const anchor = share === 1 ? 'start' : 'middle';
    parts.push(
      svg('text', { x: x(now - seconds * share * 1000), y: height - 3, 'text-anchor': anchor }, text),
    );
  }
  if (limit !== undefined) {
    parts.push(svg('line', { class: 'limit', x1: left, x2: right, y1: y(limit), y2: y(limit) }));
  }
  const from = now - seconds * 1000;
  for (const { name, values } of lines) {
    for (const run of runs(at, values, from)) {
      const line = run.map(([time, value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`).join('L');
      const [first, last] = [x(run[0][0]).toFixed(1), x(run[run.length - 1][0]).toFixed(1)];
      parts.push(svg('path', { class: `${name}-area`, d: `M${first},${bottom}L${line}L${last},${bottom}Z` }));
      parts.push(svg('path', { class: name, d: `M${line}` }));
    }
  }
  const i = nearest(drawing, pointed);
  if (i !== undefined) {
    const place = Math.max(left, x(at[i]));
    parts.push(svg('line', { class: 'cursor', x1: place, x2: place, y1: top, y2: bottom }));
  }
  const last = lines[0]?.values.at(-1);
  if (slope !== undefined && typeof last === 'number') {
    const reach = Math.min(future, Math.max(0, (high - last) / slope));
    const end = `${x(now + reach * 1000).toFixed(1)},${y(last + slope * reach).toFixed(1)}`;
    parts.push(svg('path', { class: 'future', d: `M${x(now).toFixed(1)},${y(last).toFixed(1)}L${end}` }));
  }
  return parts;
}

/**
 * What is shown of a line, cut at its gaps.
 * @param {number[]} at @param {(number | null)[]} values @param {number} from
 */
function runs(at, values, from) {
  /** @type {[number, number][][]} */
  const all = [];
  let open = false;
  values.forEach((value, i) => {
    if (value === null || at[i] < from) {
      open = false;
      return;
    }
    if (!open) all.push([]);
    open = true;
    all[all.length - 1].push([at[i], value]);
  });
  return all;
}

/**
 * A line without axes, as wide as a word.
 * @param {number[]} values
 * @param {string} label
 */
export function sparkline(values, label) {
  const [width, height] = [96, 18];
  const most = Math.max(...values, 1e-9);
  const step = width / Math.max(1, values.length - 1);
  const d = values.map(
    (value, i) => `${(i * step).toFixed(1)},${(height - 1 - (value / most) * (height - 2)).toFixed(1)}`,
  );
  const root = svg('svg', { width, height, role: 'img', 'aria-label': label });
  if (d.length > 1) root.append(svg('path', { class: 'spark', d: `M${d.join('L')}` }));
  return root;
}
