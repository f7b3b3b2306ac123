// The journal of a sweep: what is written can be read, and nobody writes over what another process has written.
import { appendFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type Given, Journal, type JournalEntry, readJournal } from '../../../src/tools/sweep/journal.js';
import { withFolder } from '../../support/folder.js';

const PLACE = { server: '/run/r\u00e9dis/\u{1f600}.sock', db: 3, run: 'a1' };

function fileFor(t: Test): string {
  const folder = withFolder(t, 'spillway-journal-');
  return path.join(folder, 'journal');
}

async function read(file: string): Promise<{ entries: JournalEntry[]; length: number }> {
  const entries: JournalEntry[] = [];
  let length = 0;
  for await (const entry of readJournal(file, (whole) => {
    length = whole;
  }))
    entries.push(entry);
  return { entries, length };
}

t.test('a journal holds keys of any bytes', async (t) => {
  const file = fileFor(t);
  const keys: Given[] = [
    [Buffer.from([0, 10, 13, 255, 34]), 1_796_000_000_000],
    [Buffer.alloc(0), 5],
  ];
  const journal = await Journal.create(file, 'terms');
  await journal.give(PLACE, keys);
  await journal.done(PLACE, '77');
  await journal.undone();
  await journal.close();
  t.strictSame((await read(file)).entries, [
    { kind: 'begun', terms: 'terms' },
    { kind: 'give', place: PLACE, keys },
    { kind: 'done', place: PLACE, cursor: '77' },
    { kind: 'undone' },
  ]);
});

t.test('keys that are too much for one line stand in several', async (t) => {
  const file = fileFor(t);
  const keys = [1, 2, 3].map((i): Given => [Buffer.alloc(9 * 2 ** 20, i), i]);
  const journal = await Journal.create(file, 'terms');
  await journal.give(PLACE, keys);
  await journal.close();
  const lines = (await read(file)).entries.flatMap((entry) => (entry.kind === 'give' ? [entry.keys] : []));
  t.ok(lines.length > 1);
  t.strictSame(
    lines.flat().map(([key, at]) => [key.length, key[0], at]),
    [1, 2, 3].map((i) => [9 * 2 ** 20, i, i]),
  );
});

t.test('two processes cannot write one journal: the second is refused', async (t) => {
  const file = fileFor(t);
  const first = await Journal.create(file, 'terms');
  const key = (name: string): Given => [Buffer.from(name), 1];
  await first.give(PLACE, [key('a')]);
  const { length } = await read(file);
  await first.give(PLACE, [key('b')]);
  const refused = { name: 'ServerError', message: /another process has written to it/ };
  await t.rejects(Journal.reopen(file, length), refused, 'more has been written since it was read');
  const second = await Journal.reopen(file, (await read(file)).length);
  await second.give(PLACE, [key('c')]);
  await t.rejects(first.give(PLACE, [key('d')]), refused);
  await second.give(PLACE, [key('e')]);
  await first.close();
  await second.close();
  const given = (await read(file)).entries.flatMap((entry) => (entry.kind === 'give' ? entry.keys : []));
  t.strictSame(
    given.map(([bytes]) => String(bytes)),
    ['a', 'b', 'c', 'e'],
  );
});

t.test('a line that was cut short is gone, and the next is whole', async (t) => {
  const file = fileFor(t);
  const journal = await Journal.create(file, 'terms');
  await journal.give(PLACE, [[Buffer.from('a'), 1]]);
  await journal.close();
  const whole = readFileSync(file).length;
  for (const cut of ['{', '{"server":"x","db":0,"run":"","give":[["YQ==",1]]}']) {
    appendFileSync(file, cut);
    const { entries, length } = await read(file);
    t.equal(entries.length, 2);
    t.equal(length, whole);
    const again = await Journal.reopen(file, length);
    await again.close();
    t.equal(readFileSync(file).length, whole);
  }
});
