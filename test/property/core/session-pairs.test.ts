// Commands of keys with values (MSET): each key counts for its bytes on the wire, neither more nor less, and its value is known
// to be as large as after a SET, whether the command comes whole or streams.
import fc from 'fast-check';
import t from 'tap';
import { hashKey } from '../../../src/core/policy/hash.js';
import { KeyMemory, sizeOf } from '../../../src/core/policy/key-memory.js';
import { sizeClassOf } from '../../../src/core/policy/size-class.js';
import { bulkLength, bulkSize } from '../../../src/core/resp/encode.js';
import { cmd, makeSession } from '../../support/session-lab.js';

const RUNS = { numRuns: 60, seed: 30_112_026 };
const length = fc.oneof(fc.integer({ min: 0, max: 130 }), fc.integer({ min: 131, max: 12_000 }));
const pairs = fc.array(fc.tuple(fc.integer({ min: 4, max: 300 }), length), { minLength: 2, maxLength: 12 });
/** A command that is larger than what a session holds streams. */
const LOOKAHEAD = 16 * 1024;

t.test('a bulk string of each length, and back', async () => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(2000), fc.nat(512 * 1024 * 1024)), (bytes) => {
      if (bytes < 2000 && bulkSize(bytes) !== cmd('x'.repeat(bytes)).length - '*1\r\n'.length) return false;
      return bulkLength(bulkSize(bytes)) === bytes;
    }),
    { numRuns: 5000 },
  );
});

t.test('each pair counts for its own bytes, and its value is known', async () => {
  fc.assert(
    fc.property(pairs, fc.boolean(), fc.integer({ min: 100, max: 20_000 }), (sizes, large, piece) => {
      // With a value of 70 KB in front the command streams.
      const all = large ? [[sizes[0][0], 70_000] as [number, number], ...sizes] : sizes;
      const keys = new KeyMemory(() => 0);
      const { session, observer } = makeSession({ keys, lookaheadBytes: LOOKAHEAD });
      // Before its first reply a client may be one that must log in, and Redis refuses it long commands.
      session.fromClient(Buffer.from(cmd('PING')));
      session.fromUpstream(Buffer.from('+PONG\r\n'));
      const counted: number[] = [];
      observer.onWrite = (_slot, _command, bytes) => void counted.push(bytes);
      const args = all.map(([key, value], i) => [`k:${i}:`.padEnd(key, 'k'), 'v'.repeat(value)] as const);
      const bytes = Buffer.from(cmd('MSET', ...args.flat()));
      for (let at = 0; at < bytes.length; at += piece) session.fromClient(bytes.subarray(at, at + piece));
      session.fromUpstream(Buffer.from('+OK\r\n'));
      return (
        JSON.stringify(counted) ===
          JSON.stringify(args.map(([key, value]) => bulkSize(key.length) + bulkSize(value.length))) &&
        args.every(([name, value]) => {
          const key = Buffer.from(name);
          const state = keys.find(key, 0, key.length, hashKey(key, 0, key.length), 0);
          return sizeOf(state) === sizeClassOf(value.length);
        })
      );
    }),
    RUNS,
  );
});
