// What framing costs: one command, or one reply, found in bytes.
import { encodeCommand } from '../../src/core/resp/encode.js';
import { ReplyScanner } from '../../src/core/resp/reply-scanner.js';
import { RequestScanner } from '../../src/core/resp/request-scanner.js';
import { type MicroCase, VALUE } from './case.js';

const SET = encodeCommand('SET', 'session:1234567890', VALUE);
const REQUESTS = {
  'GET, 2 arguments': encodeCommand('GET', 'session:1234567890'),
  'SET, 3 arguments': SET,
  'SET EX, 5 arguments': encodeCommand('SET', 'session:1234567890', VALUE, 'EX', '3600'),
  'MSET, 21 arguments': encodeCommand('MSET', ...Array.from({ length: 20 }, (_, i) => `key:${i}`)),
  'inline SET': Buffer.from(`SET session:1234567890 ${VALUE}\r\n`),
};
const REPLIES = {
  '+OK': '+OK\r\n',
  ':integer': ':12345\r\n',
  'bulk of 64 bytes': `$64\r\n${VALUE}\r\n`,
  'bulk of 16 KB': `$16384\r\n${'x'.repeat(16384)}\r\n`,
  'array of 20 bulks': `*20\r\n${'$5\r\nhello\r\n'.repeat(20)}`,
};

export function scannerCases(): MicroCase[] {
  const requests = new RequestScanner();
  const replies = new ReplyScanner();
  return [
    ...Object.entries(REQUESTS).map(([name, bytes]) => ({
      what: name,
      commands: 1,
      run: () => requests.scan(bytes, 0, bytes.length),
    })),
    {
      what: 'SET cut in its value, taken up again',
      commands: 1,
      run: () => {
        requests.scan(SET, 0, SET.length - 20);
        return requests.resume(SET, SET.length);
      },
    },
    ...Object.entries(REPLIES).map(([name, text]) => {
      const bytes = Buffer.from(text);
      return { what: `reply: ${name}`, commands: 1, run: () => replies.scan(bytes, 0, bytes.length) };
    }),
  ];
}
