// Tables and wrapped lines for a screen of 80 columns. In RESP2 redis-cli puts "12) " before each line; WIDTH is what remains.
// Pure.

const WIDTH = 75;
const GAP = '  ';

/** Columns without borders: the first `texts` to the left, figures to the right. A first column that is too long is cut. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], texts = 1): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const over = widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length) - WIDTH;
  if (over > 0) widths[0] = Math.max(head[0].length, LEAST, widths[0] - over);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i < texts ? cut(cell, widths[i]).padEnd(widths[i]) : cell.padStart(widths[i])))
      .join(GAP)
      .trimEnd();
  return [head, ...rows].map(line);
}

/** A first column is never cut shorter than this, even if lines get longer than WIDTH. */
const LEAST = 16;

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/**
 * Breaks a line at spaces. Further lines are indented by `indent`, by default like the first. A word that is too long stays
 * whole.
 */
export function wrap(line: string, indent?: number): string[] {
  const lines: string[] = [];
  const margin = ' '.repeat(indent ?? line.search(/\S|$/));
  let rest = line;
  while (rest.length > WIDTH) {
    const from = lines.length === 0 ? rest.search(/\S/) : margin.length;
    const fits = rest.lastIndexOf(' ', WIDTH);
    const at = fits > from ? fits : rest.indexOf(' ', WIDTH);
    if (at < 0) break;
    lines.push(rest.slice(0, at).trimEnd());
    rest = margin + rest.slice(at).trimStart();
  }
  return [...lines, rest];
}

/** `label     text`, wrapped. */
export function labelled(rows: readonly (readonly [label: string, text: string])[]): string[] {
  const width = Math.max(...rows.map(([label]) => label.length)) + GAP.length;
  return rows.flatMap(([label, text]) => wrap(label.padEnd(width) + text, width));
}
