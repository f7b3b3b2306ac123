// What is read in INFO: the memory, also of a text that is cut, and the server's clock.
import t from 'tap';
import { BadReading, memoryFields, memoryOf, parseServerTime } from '../../../src/memory/reading.js';

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

t.test('an INFO memory text that is cut gives the reading of the whole text, or none', (t) => {
  const whole = [
    '# Memory',
    'used_memory:1234567',
    'used_memory_startup:987654',
    'maxmemory:104857600',
    'maxmemory_policy:volatile-lru',
    'mem_not_counted_for_evict:4096',
    'lazyfree_pending_objects:0',
    '',
  ].join('\r\n');
  const fields = memoryFields(whole, undefined);
  const reading = memoryOf(fields);
  for (let length = 0; length < whole.length; length++) {
    const cut = whole.slice(0, length);
    let read: unknown;
    try {
      read = memoryOf(memoryFields(cut, fields));
    } catch (error) {
      if (error instanceof BadReading) continue;
      throw error;
    }
    t.strictSame(read, reading, JSON.stringify(cut.slice(-30)));
  }
  t.equal(
    memoryOf(memoryFields('used_memory:7\r\n', undefined)).maxmemoryBytes,
    0,
    'a server that never had it',
  );
  t.end();
});

t.test('a reply to INFO that is no text is named as such', (t) => {
  for (const answer of [null, 12, [], ['used_memory:1']]) {
    t.throws(() => memoryFields(answer as never, undefined), {
      message: 'the server does not answer INFO with a text',
    });
  }
  t.end();
});
