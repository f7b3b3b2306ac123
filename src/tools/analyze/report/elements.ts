// The elements of a report: texts, figures, tables, bars. Pure.
// Invariant: every text from a key or a server passes through text(). Bars are elements with a width, so the report has no
// SVG to break.
import { bytesText, countText, percentText } from '../../../core/words.js';

/** Escapes a text for elements and attributes, and shows invisible characters as \uXXXX. */
export function text(value: string): string {
  const visible = value.replace(
    /\p{C}/gu,
    (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
  return visible.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

export const bytes = bytesText;

export const count = countText;

export const percent = percentText;

export function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** Cells are HTML. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]) =>
    row.map((cell) => `<${tag}>${cell}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n');
  return `<div class="wide"><table><thead><tr>${cells('th', head)}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

/** A part of a whole. */
export interface Slice {
  readonly name: string;
  /** 0 … 1, of the whole. */
  readonly share: number;
  /** Of STYLE. */
  readonly color: string;
}

export function bar(share: number): string {
  return stacked([{ name: percent(share), share, color: 'plain' }]);
}

/** Slices beside each other. Pointing at a slice shows its name. */
export function stacked(slices: readonly Slice[], kind: 'bar' | 'wide-bar' = 'bar'): string {
  const label = slices.map(({ name }) => name).join(', ');
  return `<span class="${kind}" role="img" aria-label="${text(label)}">${pieces(slices, 'width')}</span>`;
}

/** Slices upon each other, the first at the bottom. */
export function column(slices: readonly Slice[], label: string): string {
  return `<span class="column" role="img" aria-label="${text(label)}">${pieces(slices, 'height')}</span>`;
}

function pieces(slices: readonly Slice[], side: 'width' | 'height'): string {
  return slices
    .filter(({ share }) => share > 0)
    .map(({ name, share, color }) => {
      const length = Math.min(100, share * 100).toFixed(2);
      return `<span class="${color}" style="${side}:${length}%" title="${text(name)}"></span>`;
    })
    .join('');
}
