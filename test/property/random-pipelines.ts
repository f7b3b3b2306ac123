// Random pipelines of commands, of writes and of what changes the state of a connection, and servers to meet them.
import fc from 'fast-check';
import { cmd, type ServerOptions } from '../support/session-lab.js';

const key = fc.constantFrom(
  'ttl:a',
  'ttl:b',
  'str:a',
  'str:b',
  'max:a',
  'other',
  'queue:a',
  'low:a',
  'low:b',
  'watch:a',
);
const value = fc.constantFrom('', 'v', 'two words', 'x'.repeat(300), '*1\r\n$4\r\nPING\r\n');
export const args = (...parts: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> =>
  fc
    .tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part)))
    .map((words) => cmd(...words));
const option = fc.constantFrom(['EX', '9'], ['PX', '99999'], ['NX'], ['XX'], ['GET'], ['KEEPTTL'], ['BOGUS']);

export const write = fc.oneof(
  args('SET', key, value),
  fc
    .tuple(key, value, fc.array(option, { maxLength: 1 }))
    .map(([k, v, options]) => cmd('set', k, v, ...options.flat())),
  args('SETNX', key, value),
  args('SETEX', key, '77', value),
  args('GETSET', key, value),
  args('MSET', key, value, key, value),
  args('INCR', 'ttl:n'),
  args('HSET', key, 'f', value),
  args('GETEX', key, 'PX', '99999'),
  args('LMOVE', 'low:a', 'low:b', 'LEFT', 'RIGHT'),
  key.map((k) => `SET ${k} inline\r\n`),
);
export const read = fc.oneof(
  args('GET', key),
  args('ECHO', value),
  args('DEL', key),
  fc.constant('PING\r\n'),
  args('NOSUCH'),
);
const state = fc.oneof(
  args('MULTI'),
  args('EXEC'),
  args('EXEC'),
  args('DISCARD'),
  args('CLIENT', 'REPLY', fc.constantFrom('ON', 'OFF', 'SKIP')),
  args('CLIENT', 'CACHING', 'YES'),
  args('CLIENT', 'TRACKING', fc.constantFrom('ON', 'OFF')),
  args('ASKING'),
  args('HELLO', fc.constantFrom('2', '3', '4')),
  args('AUTH', fc.constantFrom('secret', 'wrong')),
  args('AUTH', 'admin', 'secret'),
  args('RESET'),
  args(fc.constantFrom('SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE'), fc.constantFrom('c', 'd')),
  args(fc.constantFrom('UNSUBSCRIBE', 'PUNSUBSCRIBE', 'SUNSUBSCRIBE')),
  fc.constantFrom('\r\n', '*0\r\n', '*-1\r\n', cmd('SET', 'low:a'), cmd('SETNX', 'str:a')),
);
export const pipeline = fc.array(
  fc.oneof({ weight: 6, arbitrary: write }, { weight: 3, arbitrary: read }, { weight: 2, arbitrary: state }),
  { minLength: 1, maxLength: 25 },
);
/** State that is carried along, and state that ends: what makes clients come and go. */
export const carried = fc.oneof(
  args('SELECT', fc.constantFrom('0', '0', '1', '2', '99', 'x')),
  args('SELECT', '1').map((text) => text + cmd('SET', 'ttl:a', 'one') + cmd('SELECT', '0')),
  args('CLIENT', 'SETNAME', fc.constantFrom('me', 'you')),
  args('CLIENT', 'SETINFO', 'LIB-NAME', 'lab'),
  args('HELLO', fc.constantFrom('2', '3')),
  args('HELLO', '3', 'AUTH', 'admin', fc.constantFrom('secret', 'wrong'), 'SETNAME', 'me'),
  args('AUTH', 'secret'),
  args('AUTH', fc.constantFrom('admin', 'other'), fc.constantFrom('secret', 'secret', 'wrong')),
  args('WATCH', 'k'),
  args('UNWATCH'),
  fc.constant(cmd('MULTI') + cmd('SET', 'ttl:a', '1') + cmd('EXEC')),
  args('WAIT', '0', '0'),
  args('RESET'),
);
export const server: fc.Arbitrary<ServerOptions> = fc.record({
  password: fc.boolean(),
  denied: fc.constantFrom([], [], [], ['pexpire'], ['multi'], ['setnx'], ['subscribe']),
  watchFails: fc.boolean(),
  before7: fc.boolean(),
  emptyKeepsSkip: fc.boolean(),
  losesAuthErrors: fc.boolean(),
});
/** Rights to a single write are not known to Spillway: it says OOM where Redis would say NOPERM first. */
export const rightsAreEqual = ({ denied }: ServerOptions): boolean => denied?.includes('setnx') !== true;
export const full = (name: string): boolean => name.startsWith('low:');
