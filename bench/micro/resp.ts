// What framing costs: ns for one command or reply found, and for a command's row in the table.
// Run: npx tsx bench/micro/resp.ts
import { bench, do_not_optimize, group, run } from 'mitata';
import { defaultCommandTable } from '../../src/commands/table.js';
import { encodeCommand } from '../../src/resp/encode.js';
import { ReplyScanner } from '../../src/resp/reply-scanner.js';
import { RequestScanner } from '../../src/resp/request-scanner.js';

const value = 'x'.repeat(64);
const COMMANDS = {
  'GET, 2 arguments': encodeCommand('GET', 'session:1234567890'),
  'SET, 3 arguments': encodeCommand('SET', 'session:1234567890', value),
  'SET EX, 5 arguments': encodeCommand('SET', 'session:1234567890', value, 'EX', '3600'),
  'MSET, 21 arguments': encodeCommand('MSET', ...Array.from({ length: 20 }, (_, i) => `key:${i}`)),
  'inline SET': Buffer.from(`SET session:1234567890 ${value}\r\n`),
};

group('RequestScanner.scan, one whole command', () => {
  const scanner = new RequestScanner();
  for (const [name, bytes] of Object.entries(COMMANDS)) {
    bench(name, () => do_not_optimize(scanner.scan(bytes, 0, bytes.length)));
  }
});

group('RequestScanner, SET cut in the middle of its value', () => {
  const scanner = new RequestScanner();
  const bytes = COMMANDS['SET, 3 arguments'];
  bench('scan and resume', () => {
    scanner.scan(bytes, 0, bytes.length - 20);
    do_not_optimize(scanner.resume(bytes, bytes.length));
  });
});

group('ReplyScanner.scan, one whole reply', () => {
  const scanner = new ReplyScanner();
  const replies = {
    '+OK': '+OK\r\n',
    ':integer': ':12345\r\n',
    'bulk of 64 bytes': `$64\r\n${value}\r\n`,
    'bulk of 16 KB': `$16384\r\n${'x'.repeat(16384)}\r\n`,
    'array of 20 bulks': `*20\r\n${'$5\r\nhello\r\n'.repeat(20)}`,
  };
  for (const [name, text] of Object.entries(replies)) {
    const bytes = Buffer.from(text);
    bench(name, () => do_not_optimize(scanner.scan(bytes, 0, bytes.length)));
  }
});

group('CommandTable.find', () => {
  const table = defaultCommandTable();
  for (const name of ['GET', 'set', 'ZREVRANGEBYSCORE', 'nosuchcommand']) {
    const bytes = Buffer.from(name);
    bench(name, () => do_not_optimize(table.find(bytes, 0, bytes.length)));
  }
});

await run();
