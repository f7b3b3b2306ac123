// What INFO says besides memory: the server's clock.
import t from 'tap';
import { parseServerTime } from '../../../src/memory/reading.js';

t.test("the server's clock, in milliseconds with their fraction", async (t) => {
  t.equal(parseServerTime('# Server\r\nserver_time_usec:1764450000123456\r\n'), 1_764_450_000_123.456);
  t.equal(parseServerTime('server_time_usec:999999999999999\r\n'), 999_999_999_999.999);
  for (const odd of [
    '',
    'server_time_usec:',
    'server_time_usec:17644500',
    'server_time_usec:17644500001234567',
    'server_time_usec:1764450000.12345',
    'server_time_usec:now',
  ])
    t.equal(parseServerTime(`${odd}\r\n`), undefined, odd);
});
