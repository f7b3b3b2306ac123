// What an analysis is compared with, as lean as can be: SCAN and MEMORY USAGE of every key, pipelined, and a sum. By
// ioredis as one would write it, or by the tools' own connection, which leaves the server hardly a moment of rest.
// A process of its own: `PORT 'bare ioredis loop'|'bare lean loop'`; tells that it begins, and the seconds it took.
import { Redis } from 'ioredis';
import { Batch, keyCommand } from '../../src/tools/keyspace/batch.js';
import { Pipe, type Reply } from '../../src/tools/keyspace/pipe.js';

const PAGE_KEYS = 1000;

async function byIoredis(port: number): Promise<number> {
  const redis = new Redis(port);
  let [bytes, cursor] = [0, '0'];
  do {
    const [next, page] = await redis.scanBuffer(cursor, 'COUNT', PAGE_KEYS);
    const pipeline = redis.pipeline();
    for (const key of page) pipeline.memory('USAGE', key);
    for (const [, usage] of (await pipeline.exec()) ?? []) bytes += Number(usage);
    cursor = String(next);
  } while (cursor !== '0');
  redis.disconnect();
  return bytes;
}

async function lean(port: number): Promise<number> {
  const pipe = await Pipe.connect({ host: '127.0.0.1', port, connectTimeoutMs: 5000 }, 0, 'bare');
  const usage = keyCommand(['MEMORY', 'USAGE']);
  let bytes = 0;
  const scan = (cursor: string): Promise<readonly Reply[]> => {
    const batch = new Batch();
    batch.command('SCAN', cursor, 'COUNT', String(PAGE_KEYS));
    return pipe.ask(batch);
  };
  let scanning: Promise<readonly Reply[]> | undefined = scan('0');
  while (scanning !== undefined) {
    const [[next, page]] = (await scanning) as unknown as readonly [readonly [Buffer, readonly Buffer[]]];
    const cursor = next.toString('latin1');
    const batch = new Batch();
    for (const key of page) batch.about(usage, key);
    const asked = pipe.ask(batch);
    scanning = cursor === '0' ? undefined : scan(cursor);
    for (const reply of await asked) bytes += Number(reply);
  }
  pipe.close();
  return bytes;
}

const [port, way] = process.argv.slice(2);
process.send?.('begin');
const begun = performance.now();
await (way === 'bare ioredis loop' ? byIoredis : lean)(Number(port));
process.send?.((performance.now() - begun) / 1000);
