// How many clients a process can serve by its files, its heap and its container's memory.
import t from 'tap';
import { compileConfig } from '../../../src/config/compile.js';
import { configSchema } from '../../../src/config/schema.js';
import {
  adminConnections,
  capacityOf,
  connectionsOf,
  handoverRoom,
  loweredTo,
  type Room,
} from '../../../src/runtime/capacity.js';

const MIB = 1024 ** 2;
const AMPLE: Room = { openFiles: undefined, filesInUse: 30, heapBytes: 4096 * MIB, memoryBytes: undefined };

function capacity(room: Partial<Room>, config: Record<string, unknown> = {}, admin = 0) {
  return capacityOf(compileConfig(configSchema.parse(config)), { ...AMPLE, ...room }, admin);
}

t.test('open files: two for each client, behind what is kept back', async (t) => {
  t.same(capacity({ openFiles: 1024 }), { by: 'open files', clients: (1024 - 30 - 32) / 2 });
  t.same(capacity({ openFiles: 1024 }, {}, 64), { by: 'open files', clients: (1024 - 30 - 32 - 64) / 2 });
  const pooled = capacity({ openFiles: 1024 }, { upstream: { pool: 'command', sharedConnections: 10 } });
  t.equal(pooled.clients, (1024 - 30 - 32 - 10) / 2);
  t.equal(capacity({ openFiles: 20 }).clients, 8, 'some are served, whatever is left');
});

t.test('open files: fewer while many connections are shared', async (t) => {
  t.equal(connectionsOf({ ...AMPLE, openFiles: 1024 }, 8), 1024 - 30 - 32 - 8);
  t.equal(connectionsOf(AMPLE, 8), Number.POSITIVE_INFINITY);
  const all = { by: 'memory', clients: 400 } as const;
  t.same(loweredTo(all, Number.POSITIVE_INFINITY), all);
  t.same(loweredTo(all, 300), { by: 'open files', clients: 300 });
  t.equal(loweredTo(all, 1).clients, 8);
});

t.test('the heap: less for each client, the more rules there are; TLS takes more', async (t) => {
  const heap = { heapBytes: 240 * MIB };
  const plain = capacity(heap);
  t.equal(plain.by, 'heap');
  t.ok(plain.clients > 5000 && plain.clients < 10_000, String(plain.clients));
  const rules = Array.from({ length: 2000 }, (_, i) => ({ name: `r${i}`, match: `r${i}:*`, ttl: '1h' }));
  t.ok(capacity(heap, { rules }).clients < plain.clients);
  t.ok(capacity(heap, { listenTls: { cert: 'c', key: 'k' } }).clients < plain.clients);
  t.ok(capacity(heap, { upstream: { url: 'rediss://example' } }).clients < plain.clients);
});

t.test("a container's memory is shared by all processes", async (t) => {
  const memory = { memoryBytes: 512 * MIB };
  const one = capacity(memory);
  t.equal(one.by, 'memory');
  const two = capacity(memory, { workers: 2 });
  t.ok(2 * two.clients < one.clients, 'three processes take more than one');
  t.equal(capacity({ memoryBytes: 100 * MIB }).clients, 8);
});

t.test('files kept for the admin server and the handover', async (t) => {
  t.equal(adminConnections({ ...AMPLE, openFiles: 128 }), 8);
  t.equal(adminConnections(AMPLE), 64);
  t.equal(handoverRoom({ ...AMPLE, openFiles: 128 }, 10), 128 - 30 - 32 - 10);
  t.equal(handoverRoom(AMPLE, 10), Number.POSITIVE_INFINITY);
});
