// The options of EXPIRE: which of them Redis takes together (expire.c, parseExtendedExpireArgumentsOrReply), and what they ask of
// the key; and which arguments of script commands are a source.
import t from 'tap';
import { defaultCommandTable } from '../../../src/core/commands/table.js';
import { ExpireOptions } from '../../../src/core/policy/expire-options.js';
import type { Policy } from '../../../src/core/policy/policy.js';
import { RequestScanner } from '../../../src/core/resp/request-scanner.js';
import { noteSource } from '../../../src/core/session/request/script-calls.js';
import { cmd } from '../../support/session-lab.js';

function scanned(line: string): RequestScanner {
  const args = new RequestScanner();
  const buf = Buffer.from(cmd(...line.split(' ')), 'latin1');
  args.scan(buf, 0, buf.length);
  return args;
}

t.test('options of EXPIRE', async (t) => {
  const options = new ExpireOptions();
  for (const [words, taken, onlyIfNone, wantsTtl] of [
    ['', false, false, false],
    [' NX', true, true, false],
    [' nx NX', true, true, false],
    [' XX', true, false, true],
    [' GT', true, false, true],
    [' LT', true, false, false],
    [' XX GT', true, false, true],
    [' LT XX', true, false, true],
    [' NX XX', false, false, true],
    [' NX GT', false, false, true],
    [' NX LT', false, false, false],
    [' GT LT', false, false, true],
    [' XX GT LT', false, false, true],
  ] as const) {
    t.equal(options.read(scanned(`EXPIRE k 10${words}`)), taken, words);
    t.match(options, { onlyIfNone, wantsTtl }, words);
  }
  t.notOk(options.read(scanned('EXPIRE k 10 NX NO')));
  t.notOk(options.read(scanned('EXPIRE k 10 NO')));
});

t.test('sources of scripts', async (t) => {
  const table = defaultCommandTable();
  for (const [line, source] of [
    ['EVAL return 0', 'return'],
    ['SCRIPT LOAD return', 'return'],
    ['script load return', 'return'],
    ['SCRIPT EXISTS return', undefined],
    ['SCRIPT LOAD', undefined],
    ['EVALSHA return 0', undefined],
    ['FCALL return 0', undefined],
  ] as const) {
    for (const governsScripts of [true, false]) {
      let noted: string | undefined;
      const note = (buf: Uint8Array, start: number, end: number): void => {
        noted = Buffer.from(buf.slice(start, end)).toString();
      };
      const args = scanned(line);
      const spec = table.find(args.buf, args.starts[0], args.ends[0]);
      if (spec === undefined) throw new Error('no such command');
      noteSource(spec, args, { rules: { governsScripts }, scripts: { note } } as unknown as Policy);
      t.equal(noted, governsScripts ? source : undefined, line);
    }
  }
});
