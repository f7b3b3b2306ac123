// Files that are read while clients are served: what stands in their place holds nothing up.
import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { readTlsFiles } from '../../../src/files/material.js';
import { readAnyFile, readRegularFile, whyUnreadable } from '../../../src/files/read-file.js';

const LARGEST = 4 * 1024 * 1024;

function why(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    return whyUnreadable(error);
  }
  return 'read';
}

t.test('a regular file of up to 4 MB is read, and nothing else', async (t) => {
  const folder = t.testdir({ small: 'héllo', empty: '' });
  const at = (name: string): string => path.join(folder, name);
  execFileSync('mkfifo', [at('fifo')]);
  writeFileSync(at('full'), Buffer.alloc(LARGEST, 'x'));
  writeFileSync(at('huge'), '');
  truncateSync(at('huge'), 80 * 1024 * 1024);
  t.equal(readRegularFile(at('small')).toString(), 'héllo');
  t.equal(readRegularFile(at('empty')).length, 0);
  t.equal(readRegularFile(at('full')).length, LARGEST);
  t.match(readRegularFile('/proc/self/status').toString(), 'VmRSS', 'a file that says it is empty');
  t.equal(
    why(() => readRegularFile(at('fifo'))),
    'it is not a regular file',
  );
  t.equal(
    why(() => readRegularFile('/dev/zero')),
    'it is not a regular file',
  );
  t.equal(
    why(() => readRegularFile(folder)),
    'it is a directory',
  );
  t.equal(
    why(() => readRegularFile(at('huge'))),
    'it is larger than 4 MB',
  );
  t.equal(
    why(() => readAnyFile(at('huge'))),
    'it is larger than 4 MB',
  );
  t.equal(
    why(() => readAnyFile('/dev/zero')),
    'it is larger than 4 MB',
    'however much there is',
  );
  t.equal(
    why(() => readAnyFile(folder)),
    'it is a directory',
  );
  t.equal(
    why(() => readRegularFile(at('none'))),
    'there is no such file',
  );
  t.equal(
    why(() => readTlsFiles({ ca: at('fifo') }).digest),
    'unknown error',
  );
  t.throws(() => readTlsFiles({ ca: at('fifo') }), { message: /fifo: it is not a regular file$/ });
});
