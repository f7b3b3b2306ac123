// What the ring knows after a session has read commands in pieces of any size from a buffer that is overwritten after each
// read, against a ring that hears of each command at once.
import fc from 'fast-check';
import t from 'tap';
import { KeyMemory } from '../../../src/core/policy/key-memory.js';
import { LateWrites } from '../../../src/evict/late-writes.js';
import { Ring } from '../../../src/evict/ring.js';
import { cmd, makeSession, RULES } from '../../support/session-lab.js';

const EVICTING = RULES.map((rule) => (rule.slot === 2 ? { ...rule, evict: true } : rule));
const READ_BUFFER_BYTES = 4096;

const key = fc.nat({ max: 9 }).map((n) => `str:${'k'.repeat(n * 5)}${n}`);
const command = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(key, fc.nat({ max: 300 })).map(([k, n]) => cmd('SET', k, 'v'.repeat(n))) },
  fc.tuple(key, key).map(([a, b]) => cmd('MSET', a, 'v', b, 'v')),
  key.map((k) => `SET ${k} inline\r\n`),
  key.map((k) => cmd('SET', k, 'v'.repeat(20_000))),
  key.map((k) => cmd('DEL', k)),
  fc.tuple(key, key).map(([a, b]) => cmd('RENAME', a, b)),
  key.map((k) => cmd('PEXPIRE', k, 5000)),
  key.map((k) => cmd('GET', k)),
  fc.constant(cmd('FLUSHALL')),
);

function sessionWith(ring: Ring, late: boolean) {
  const { session } = makeSession({
    rules: EVICTING,
    evictable: late ? new LateWrites(ring) : ring,
    keys: new KeyMemory(() => 0),
  });
  session.fromClient(Buffer.from(cmd('PING')));
  session.fromUpstream(Buffer.from('+PONG\r\n'));
  return session;
}

function listed(ring: Ring): string {
  return ring
    .take(100, Number.POSITIVE_INFINITY)
    .map(({ db, key, bytes, slot }) => `${db} ${slot} ${bytes} ${Buffer.from(key).toString('latin1')}`)
    .join('\n');
}

t.test('the ring knows the same keys in the same order, however the reads cut the writes', async () => {
  let most = 0;
  fc.assert(
    fc.property(
      fc.array(command, { minLength: 1, maxLength: 150, size: 'max' }),
      fc.infiniteStream(fc.integer({ min: 1, max: READ_BUFFER_BYTES })),
      (commands, sizes) => {
        const rings = [true, false].map(() => new Ring({ bytes: 64 * 1024, now: () => 0 }));
        for (const ring of rings) ring.adopt(EVICTING);
        const [late, atOnce] = rings;
        const session = sessionWith(late, true);
        const all = Buffer.from(commands.join(''), 'latin1');
        const buffer = Buffer.alloc(READ_BUFFER_BYTES);
        for (let at = 0; at < all.length; ) {
          const length = all.copy(buffer, 0, at, at + sizes.next().value);
          session.fromClient(buffer.subarray(0, length));
          buffer.fill('?');
          at += length;
        }
        if (session.fault !== undefined) throw session.fault;
        const other = sessionWith(atOnce, false);
        for (const each of commands) other.fromClient(Buffer.from(each, 'latin1'));
        const [one, two] = [listed(late), listed(atOnce)];
        most = Math.max(most, two.split('\n').length);
        if (one !== two) throw new Error(`late:\n${one}\nat once:\n${two}`);
      },
    ),
    { numRuns: 300 },
  );
  if (most < 8) throw new Error(`only ${most} keys`);
});
