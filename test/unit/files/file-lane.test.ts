// Files in the background, where a file system may never answer.
import path from 'node:path';
import t from 'tap';
import { FileLane, NO_ANSWER } from '../../../src/files/file-lane.js';
import { isPassing, readInBackground } from '../../../src/files/read-file.js';

t.test('one file at a time; a long wait is an error, and abandoned reads never start', async (t) => {
  const lane = new FileLane(20);
  const begun: string[] = [];
  let answer = (_: string): void => {};
  const hangs = lane.run(() => {
    begun.push('hangs');
    return new Promise<string>((resolve) => {
      answer = resolve;
    });
  });
  const behind = [1, 2, 3].map((n) =>
    lane.run(async () => {
      begun.push(`behind ${n}`);
    }),
  );
  for (const one of [hangs, ...behind] as Promise<unknown>[]) await t.rejects(one, { code: NO_ANSWER });
  t.same(begun, ['hangs']);
  const later = lane.run(async () => {
    begun.push('later');
    return 'later';
  });
  answer('at last');
  t.equal(await later, 'later');
  t.same(begun, ['hangs', 'later']);
  await t.rejects(
    lane.run(() => Promise.reject(new Error('no'))),
    { message: 'no' },
  );
  t.equal(await lane.run(async () => 'on'), 'on');
});

t.test('a file is read as it is at once', async (t) => {
  const folder = t.testdir({ small: 'héllo', empty: '', long: 'x'.repeat(300_000) });
  t.equal(String(await readInBackground(path.join(folder, 'small'))), 'héllo');
  t.equal((await readInBackground(path.join(folder, 'empty'))).length, 0);
  t.equal((await readInBackground(path.join(folder, 'long'))).length, 300_000);
  t.match(String(await readInBackground('/proc/self/status')), 'VmRSS');
  for (const [name, code] of Object.entries({ '.': 'EISDIR', none: 'ENOENT' }))
    await t.rejects(readInBackground(path.join(folder, name)), { code });
  await t.rejects(readInBackground('/dev/zero'), { code: 'ENOTREGULAR' });
  t.ok(
    isPassing({ ...new Error('x') }) === false &&
      isPassing(Object.assign(new Error('x'), { code: NO_ANSWER })),
  );
});
