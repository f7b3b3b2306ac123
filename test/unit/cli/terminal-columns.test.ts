// Tables on a terminal and in a pipe: what stands under what.
import { stripVTControlCharacters, styleText } from 'node:util';
import t from 'tap';
import { Columns } from '../../../src/cli/terminal/columns.js';

const plain = (_: string, text: string): string => text;

t.test('the first column stands to the left, figures to the right', async (t) => {
  const table = new Columns(['rule', 'writes'], plain);
  table.push(['cache', '1,234']);
  table.push(['größe', '5']);
  t.equal(table.toString(), ['rule   writes', 'cache   1,234', 'größe       5'].join('\n'));
});

t.test('colors take no room', async (t) => {
  const table = new Columns(['rule', 'shed'], (style, text) =>
    styleText(style as 'bold', text, { validateStream: false }),
  );
  table.push(['a', styleText('yellow', '12345', { validateStream: false })]);
  const [head, row] = table
    .toString()
    .split('\n')
    .map((line) => stripVTControlCharacters(line));
  t.same([head, row], ['rule   shed', 'a     12345']);
});

t.test(
  'ten thousand rows are drawn; a cost that grows with their square would outlast this test',
  async (t) => {
    const table = new Columns(['rule', 'writes'], plain);
    for (let i = 0; i < 10_000; i++) table.push([`rule-${i}`, `${i}`]);
    const lines = table.toString().split('\n');
    t.equal(lines.length, 10_001);
    t.same(new Set(lines.map((line) => line.length)), new Set(['rule-9999  writes'.length]));
  },
);
