// A journal that was cut at any byte: what stood there whole is read, what did not counts as not written.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { Journal, type JournalEntry, type Place, readJournal } from '../../../src/tools/sweep/journal.js';
import { withFolder } from '../../support/folder.js';

const folder = withFolder(t, 'spillway-journal-');

const place: fc.Arbitrary<Place> = fc.record({
  server: fc.constantFrom('127.0.0.1:6379', '/run/redis.sock'),
  db: fc.nat(15),
  run: fc.constantFrom('', 'a'.repeat(40)),
});
const key = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
type Written = Exclude<JournalEntry, { kind: 'begun' }>;
const TERMS = 'f'.repeat(64);
const BEGUN: JournalEntry = { kind: 'begun', terms: TERMS };
const entry: fc.Arbitrary<Written> = fc.oneof(
  fc.record({
    kind: fc.constant('give' as const),
    place,
    keys: fc.array(fc.tuple(key, fc.nat(2 ** 40)), { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('done' as const), place, cursor: fc.nat().map(String) }),
  fc.constant({ kind: 'undone' as const }),
);

let files = 0;

async function write(journal: Journal, entries: readonly Written[]): Promise<void> {
  for (const each of entries) {
    if (each.kind === 'give') await journal.give(each.place, each.keys);
    else if (each.kind === 'done') await journal.done(each.place, each.cursor);
    else await journal.undone();
  }
}

async function read(file: string): Promise<{ entries: JournalEntry[]; length: number }> {
  const entries: JournalEntry[] = [];
  let length = 0;
  for await (const each of readJournal(file, (whole) => {
    length = whole;
  }))
    entries.push(each);
  return { entries, length };
}

t.test('cut at every byte, and gone on with', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 3 }), entry, async (entries, more) => {
      const file = path.join(folder, String(files++));
      const journal = await Journal.create(file, TERMS);
      const header = readFileSync(file).length;
      const ends: number[] = [];
      for (const each of entries) {
        await write(journal, [each]);
        ends.push(readFileSync(file).length);
      }
      await journal.close();
      const bytes = readFileSync(file);
      for (let cut = header; cut <= bytes.length; cut++) {
        writeFileSync(file, bytes.subarray(0, cut));
        const whole = ends.filter((end) => end <= cut);
        const found = await read(file);
        if (JSON.stringify(found.entries) !== JSON.stringify([BEGUN, ...entries.slice(0, whole.length)]))
          return false;
        if (found.length !== (whole.at(-1) ?? header)) return false;
      }
      const cut = Math.floor((header + bytes.length) / 2);
      writeFileSync(file, bytes.subarray(0, cut));
      const { entries: kept, length } = await read(file);
      const again = await Journal.reopen(file, length);
      await write(again, [more]);
      await again.close();
      return JSON.stringify((await read(file)).entries) === JSON.stringify([...kept, more]);
    }),
    { numRuns: 15 },
  );
});

t.test('a file that is no journal is refused', async (t) => {
  const file = path.join(folder, 'other');
  for (const content of [
    '',
    '\n',
    '{}\n',
    '{"spillway":"sweep","version":2}\n',
    '{"spillway":"sweep","version":1}\n',
    '{"spillway":"sweep","version":1,"terms":""}',
  ]) {
    writeFileSync(file, content);
    await t.rejects(
      read(file),
      { name: 'ServerError', message: content === '' ? /it is empty/ : /not the journal of a sweep/ },
      JSON.stringify(content),
    );
  }
  const header = '{"spillway":"sweep","version":1,"terms":""}\n';
  for (const line of [
    '{}',
    'x',
    '[]',
    '{"server":"s","db":0,"run":"","give":[["a"]]}',
    '{"server":"s","db":0,"run":"","done":"-1"}',
  ]) {
    writeFileSync(file, `${header}${line}\n{"undone":true}\n`);
    const entries = [{ kind: 'begun', terms: '' }, { kind: 'damaged', line: 2 }, { kind: 'undone' }];
    t.strictSame((await read(file)).entries, entries, line);
  }
});
