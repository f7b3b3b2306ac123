// A table without borders, which tools in a pipe can cut: the first column to the left, the others to the right. Pure.
import { stripVTControlCharacters } from 'node:util';
import type { Paint } from './paint.js';

const GAP = '  ';

export class Columns {
  private readonly rows: (readonly string[])[];
  private readonly widths: number[];

  constructor(head: readonly string[], paint: Paint) {
    this.rows = [head.map((title) => paint('bold', title))];
    this.widths = head.map(widthOf);
  }

  /** A cell for each title of the head. Cells may have colors. */
  push(cells: readonly string[]): void {
    this.rows.push(cells);
    for (const [i, cell] of cells.entries()) this.widths[i] = Math.max(this.widths[i], widthOf(cell));
  }

  toString(): string {
    return this.rows.map((cells) => cells.map((cell, i) => this.padded(cell, i)).join(GAP)).join('\n');
  }

  private padded(cell: string, column: number): string {
    const gap = ' '.repeat(this.widths[column] - widthOf(cell));
    return column === 0 ? cell + gap : gap + cell;
  }
}

/** Columns of a terminal; a wide character counts as one. */
function widthOf(cell: string): number {
  const plain = stripVTControlCharacters(cell);
  // Nearly all cells are ASCII.
  return /^[ -~]*$/.test(plain) ? plain.length : [...plain].length;
}
