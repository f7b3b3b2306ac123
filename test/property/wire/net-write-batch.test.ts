// What is written to a batch arrives, whole and in order, however fast it is read: on real sockets, with kernel buffers
// that fill, so that flushes go past the stream, through it, and behind what waits.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { LARGEST_SLAB, SlabPool } from '../../../src/wire/slabs.js';
import { WriteBatch } from '../../../src/wire/write-batch.js';
import { Authority } from '../../support/certificates.js';
import { listen } from '../../support/listen.js';
import { until } from '../../support/wait.js';

/** The same with TLS, which the writer's side serves. */
async function connectTls(t: Test): Promise<[writer: net.Socket, reader: net.Socket]> {
  const { cert, key } = await certificate;
  const server = tls.createServer({ cert: readFileSync(cert), key: readFileSync(key) });
  const port = await listen(server);
  const reader = tls.connect({ port, host: '127.0.0.1', ca: readFileSync((await authority).ca) });
  const [writer] = (await once(server, 'secureConnection')) as [tls.TLSSocket];
  server.close();
  t.teardown(() => {
    writer.destroy();
    reader.destroy();
  });
  return [writer, reader];
}

const authority = Authority.create(t);
const certificate = authority.then((authority) => authority.issue('server'));

/** Two ends of a connection; nothing is read at the second one yet. */
async function connect(t: Test): Promise<[writer: net.Socket, reader: net.Socket]> {
  const server = net.createServer({ pauseOnConnect: true });
  const port = await listen(server);
  const writer = net.connect(port, '127.0.0.1');
  const [reader] = (await once(server, 'connection')) as [net.Socket];
  server.close();
  if (writer.connecting) await once(writer, 'connect');
  t.teardown(() => {
    writer.destroy();
    reader.destroy();
  });
  return [writer, reader];
}

/** One turn: spans of these lengths, then a flush; then, perhaps, the reader reads all there is. */
interface Step {
  readonly spans: readonly number[];
  readonly reads: boolean;
}

/** Neighbours differ, so a byte in the wrong place shows. */
const PATTERN = Buffer.from(Uint8Array.from({ length: 3_000_300 }, (_, i) => i * 7 + (i >> 8)).buffer);

const anyLength = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 200 }) },
  { weight: 3, arbitrary: fc.integer({ min: 4000, max: 100_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: LARGEST_SLAB - 2, max: LARGEST_SLAB + 2 }) },
  { weight: 1, arbitrary: fc.integer({ min: 100_000, max: 3_000_000 }) },
);
const anyStep: fc.Arbitrary<Step> = fc.record({
  spans: fc.array(anyLength, { maxLength: 12 }),
  reads: fc.boolean(),
});

for (const [link, connected] of [
  ['TCP', connect],
  ['TLS', connectTls],
] as const) {
  t.test(
    `${link}: bytes arrive whole and in order, and the batch says when the socket can take more`,
    async (t) => {
      const seen = { late: 0, drained: 0 };
      await fc.assert(
        fc.asyncProperty(
          fc.array(anyStep, { minLength: 1, maxLength: 12 }),
          fc.constantFrom(0, 1e9),
          async (steps, tightBytes) => {
            const [writer, reader] = await connected(t);
            const received: Buffer[] = [];
            let length = 0;
            reader.on('data', (bytes: Buffer) => {
              received.push(bytes);
              length += bytes.length;
            });
            let drained = (): void => {};
            const pool = new SlabPool(true, tightBytes);
            const batch = new WriteBatch(writer, () => drained(), 0, pool);
            const sent: Buffer[] = [];
            let next = 0;
            let total = 0;
            for (const { spans, reads } of steps) {
              for (const size of spans) {
                const from = ++next % 251;
                const span = Buffer.from(PATTERN.subarray(0, from + size));
                sent.push(PATTERN.subarray(from, from + size));
                total += size;
                batch.write(span, from, from + size);
                span.fill(255);
              }
              const keepsUp = batch.flush();
              if (keepsUp === batch.needsDrain) throw new Error('flush() and needsDrain disagree');
              if (!keepsUp) seen.late++;
              if (reads) {
                reader.resume();
                while (length < total || batch.needsDrain) {
                  await (batch.needsDrain
                    ? new Promise<void>((resolve) => {
                        drained = () => {
                          seen.drained++;
                          resolve();
                        };
                      })
                    : once(reader, 'data'));
                }
                reader.pause();
              }
            }
            reader.resume();
            writer.end();
            await once(reader, 'end');
            reader.destroy();
            writer.destroy();
            if (!writer.closed) await once(writer, 'close');
            if (pool.lentBytes !== 0) throw new Error('a slab did not return');
            if (!Buffer.concat(received).equals(Buffer.concat(sent))) throw new Error('other bytes arrived');
          },
        ),
        { numRuns: link === 'TCP' ? 60 : 25 },
      );
      t.ok(seen.late > 0, 'kernel buffers were full at times');
      t.ok(seen.drained > 0, 'and it was told when they were not any more');
    },
  );
}

t.test('bytes that bypassed the stream are waited for until the kernel has them', async (t) => {
  const [writer, reader] = await connect(t);
  let drains = 0;
  let whenDrained = (): void => {};
  const drained = new Promise<void>((resolve) => {
    whenDrained = resolve;
  });
  const onDrain = (): void => {
    drains++;
    whenDrained();
  };
  const batch = new WriteBatch(writer, onDrain);
  const sent: Buffer[] = [];
  const flushOne = (): boolean => {
    const span = Buffer.alloc(3000, sent.length % 251);
    sent.push(span);
    batch.write(span, 0, span.length);
    return batch.flush();
  };
  while (flushOne());
  t.equal(writer.writableLength, 0, 'nothing is in the stream');
  t.ok(batch.needsDrain && batch.waiting > 0 && batch.waiting <= 3000, 'but something waits');
  const before = batch.waiting;
  for (let i = 0; i < 3; i++) t.notOk(flushOne());
  t.equal(batch.waiting, before + 9000, 'and what comes behind waits, too');
  t.equal(drains, 0);
  const received: Buffer[] = [];
  reader.on('data', (bytes: Buffer) => received.push(bytes));
  reader.resume();
  await drained;
  t.notOk(batch.needsDrain);
  writer.end();
  await once(reader, 'end');
  t.ok(Buffer.concat(received).equals(Buffer.concat(sent)), 'whole and in order');
});

t.test('told also when nothing but what went past the stream was waited for', async (t) => {
  const [writer, reader] = await connect(t);
  await new Promise<void>((resolve) => {
    const batch = new WriteBatch(writer, () => {
      t.notOk(batch.needsDrain);
      resolve();
    });
    const span = Buffer.alloc(3000);
    do batch.write(span, 0, span.length);
    while (batch.flush());
    reader.resume();
  });
});

t.test('bytes that the kernel has taken release their slabs', async (t) => {
  for (const connected of [connect, connectTls]) {
    const [writer, reader] = await connected(t);
    const pool = new SlabPool(true);
    const batch = new WriteBatch(writer, () => {}, 0, pool);
    batch.write(Buffer.from('abc'), 0, 3);
    t.ok(pool.lentBytes > 0);
    batch.flush();
    reader.resume();
    const [bytes] = (await once(reader, 'data')) as [Buffer];
    t.equal(bytes.toString(), 'abc');
    await until(() => batch.waiting === 0 && pool.lentBytes === 0);
    const { pooledBytes } = pool;
    t.ok(pooledBytes > 0);
    for (let i = 0; i < 100; i++) {
      batch.write(Buffer.from('abc'), 0, 3);
      batch.flush();
      await until(() => pool.lentBytes === 0);
    }
    t.equal(pool.pooledBytes, pooledBytes, 'and the same one is used again');
  }
});

t.test('a connection that ends with bytes on their way leaves no slab behind', async (t) => {
  for (const connected of [connect, connectTls]) {
    const [writer] = await connected(t);
    writer.on('error', () => {});
    const pool = new SlabPool(true);
    const batch = new WriteBatch(writer, () => {}, 0, pool);
    const span = Buffer.alloc(300_000, 1);
    do batch.write(span, 0, span.length);
    while (batch.flush());
    batch.write(span, 0, span.length);
    t.ok(pool.lentBytes > 0);
    writer.destroy();
    await until(() => pool.lentBytes === 0);
    batch.write(span, 0, span.length);
    batch.flush();
    t.equal(pool.lentBytes, 0, 'nor does what is written behind its end');
  }
});

t.test('while slow readers hold much, a slab is no larger than what it is for', async (t) => {
  const pool = new SlabPool(false, 1_000_000);
  const writers = await Promise.all(Array.from({ length: 30 }, async () => (await connect(t))[0]));
  for (const writer of writers) {
    const batch = new WriteBatch(writer, () => {}, 0, pool);
    batch.write(Buffer.alloc(100_000), 0, 100_000);
  }
  t.ok(pool.isTight);
  t.ok(pool.lentBytes < 1_000_000 + LARGEST_SLAB + 30 * 100_000, `${pool.lentBytes} bytes`);
});
