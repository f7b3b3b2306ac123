// BullMQ through the proxy, on ioredis and on node-redis, beside BullMQ on a direct connection: queues, workers,
// delays, retries, priorities, flows, schedulers, events. It keeps its state by scripts, which Spillway passes.
import { createRequire } from 'node:module';
import { createNodeRedisClient, FlowProducer, Queue, QueueEvents, Worker, type WorkerOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import t from 'tap';
import { until } from '../../support/wait.js';
import { type ClientCase, playCases, refusal } from './cases.js';
import { PATIENCE, type Side, withSides } from './sides.js';

const { version } = createRequire(import.meta.url)('bullmq/package.json') as { version: string };

type Processor = (job: { name: string; data: { n: number }; attemptsMade: number }) => Promise<unknown>;
type Settings = Partial<Omit<WorkerOptions, 'connection'>>;

interface BullTools {
  readonly side: Side;
  readonly queue: () => Queue;
  readonly worker: (processor: Processor, settings?: Settings) => Worker;
  readonly events: () => QueueEvents;
  readonly flows: () => FlowProducer;
}

const NAME = 'work';
const numbered = (count: number, options = {}) =>
  Array.from({ length: count }, (_, n) => ({ name: 'job', data: { n }, opts: options }));

/** Resolves with how many jobs there are of each kind, once `done` says that it is time. */
async function settled(queue: Queue, done: (counts: Record<string, number>) => boolean) {
  let counts: Record<string, number> = {};
  const enough = async () => {
    counts = await queue.getJobCounts();
    return done(counts);
  };
  await until(enough, { ...PATIENCE, describe: () => `the jobs to be done: ${JSON.stringify(counts)}` });
  return counts;
}

const cases: readonly ClientCase<BullTools>[] = [
  {
    name: '100 jobs, four at a time, each processed once; results and events',
    scripted: true,
    async run({ queue, worker, events }) {
      const heard = events();
      await heard.waitUntilReady();
      const completed = new Set<string>();
      heard.on('completed', ({ jobId, returnvalue }) => completed.add(`${jobId} ${returnvalue}`));
      const jobs = queue();
      await jobs.addBulk(numbered(100));
      const runs = new Map<number, number>();
      worker(
        async ({ data: { n } }) => {
          runs.set(n, (runs.get(n) ?? 0) + 1);
          return n * 2;
        },
        { concurrency: 4 },
      );
      const last = await jobs.add('last', { n: 500 });
      const result = await last.waitUntilFinished(heard, PATIENCE.timeoutMs);
      const counts = await settled(jobs, ({ completed }) => completed === 101);
      await until(() => completed.size === 101, PATIENCE);
      return [result, counts, [...runs].sort(([a], [b]) => a - b), [...completed].sort()];
    },
  },
  {
    name: 'retries with a back-off, and failure for good',
    scripted: true,
    async run({ queue, worker }) {
      const jobs = queue();
      const attempts: string[] = [];
      worker(async ({ data: { n }, attemptsMade }) => {
        attempts.push(`${n} ${attemptsMade}`);
        if (n === 1 || attemptsMade < 2) throw new Error(`no ${n}`);
        return 'at last';
      });
      await jobs.addBulk(numbered(2, { attempts: 3, backoff: { type: 'fixed', delay: 20 } }));
      const counts = await settled(jobs, ({ completed, failed }) => completed === 1 && failed === 1);
      const [failed] = await jobs.getFailed();
      return [counts, attempts.sort(), failed?.failedReason, failed?.attemptsMade];
    },
  },
  {
    name: 'priorities, delays, LIFO, pause and resume, removal',
    scripted: true,
    async run({ queue, worker }) {
      const jobs = queue();
      await jobs.pause();
      for (const [n, opts] of [
        { priority: 5 },
        { priority: 1 },
        {},
        { lifo: true },
        { delay: 50 },
      ].entries()) {
        await jobs.add(`j${n}`, { n }, opts);
      }
      const doomed = await jobs.add('doomed', { n: 9 }, { jobId: 'mine' });
      const [twice, paused] = [
        (await jobs.add('again', { n: 9 }, { jobId: 'mine' })).id,
        await jobs.isPaused(),
      ];
      await doomed.remove();
      await until(async () => (await jobs.getDelayedCount()) === 1, PATIENCE);
      const order: number[] = [];
      const only = worker(async ({ data: { n } }) => order.push(n));
      await only.waitUntilReady();
      await jobs.resume();
      const counts = await settled(jobs, ({ completed }) => completed === 5);
      return [twice, paused, counts, order.filter((n) => n !== 4), order.length];
    },
  },
  {
    name: 'a flow: the parent waits for its children and sees what they returned',
    scripted: true,
    async run({ queue, worker, flows }) {
      const jobs = queue();
      await flows().add({
        ...{ name: 'parent', queueName: NAME, data: { n: 100 } },
        children: [1, 2, 3].map((n) => ({ name: 'child', queueName: NAME, data: { n } })),
      });
      const order: string[] = [];
      const work: Processor = async (job) => {
        order.push(job.name);
        const children = job.name === 'parent' ? await Reflect.get(job, 'getChildrenValues').call(job) : {};
        return job.data.n + Object.values(children as Record<string, number>).reduce((a, b) => a + b, 0);
      };
      worker(work);
      const counts = await settled(jobs, ({ completed }) => completed === 4);
      const values = (await jobs.getCompleted()).map(({ returnvalue }) => returnvalue);
      return [counts, order, values.sort()];
    },
  },
  {
    name: 'a scheduler repeats, a rate limit holds, clean and obliterate leave nothing',
    scripted: true,
    async run({ queue, worker, side }) {
      const jobs = queue();
      let runs = 0;
      const slow = worker(async () => ++runs, { limiter: { max: 2, duration: 50 } });
      await jobs.upsertJobScheduler('tick', { every: 30 }, { name: 'tick', data: { n: 1 } });
      await until(() => runs >= 3, PATIENCE);
      const schedulers = (await jobs.getJobSchedulers()).map(({ key, every }) => [key, Number(every)]);
      await jobs.removeJobScheduler('tick');
      await slow.close();
      await jobs.drain(true);
      await jobs.clean(0, 1000, 'completed');
      await jobs.obliterate({ force: true });
      // The rate limit's own key goes by its TTL.
      const empty = async () => (await side.keys()).count === 0;
      await until(empty, { ...PATIENCE, describe: 'the last key to go' });
      return schedulers;
    },
  },
  {
    name: 'Redis is killed and comes back: the worker goes on with what it finds',
    note: 'the tests run without persistence, so what was queued before is gone, with and without Spillway',
    scripted: true,
    async run({ queue, worker, side }) {
      const jobs = queue();
      const done: number[] = [];
      const going = worker(async ({ data: { n } }) => done.push(n));
      await jobs.addBulk(numbered(10));
      await settled(jobs, ({ completed }) => completed === 10);
      await side.blocked();
      await side.redis.kill('SIGKILL');
      await side.revive();
      await side.blocked();
      await until(async () => (await refusal(jobs.add('later', { n: 77 }))) !== undefined, PATIENCE);
      await until(() => done.includes(77), PATIENCE);
      return [done.slice(0, 10).sort(), going.isRunning()];
    },
  },
];

for (const driver of ['ioredis', 'node-redis'] as const) {
  t.test(`BullMQ ${version} on ${driver}`, async (t) => {
    await playCases<BullTools>(t, {
      ...{ name: `bullmq-${driver}`, client: `BullMQ on ${driver}`, version, protocol: 'RESP3' },
      ...{ sides: await withSides(t), cases, expectKeys: false },
      tools(side, later) {
        const address = { host: '127.0.0.1', port: side.port };
        const connect = () => {
          if (driver === 'node-redis') {
            const raw = createClient({ socket: { ...address, reconnectStrategy: () => 20 } });
            raw.on('error', () => {});
            later(() => raw.isOpen && raw.destroy());
            return createNodeRedisClient(raw);
          }
          const client = new Redis({ ...address, maxRetriesPerRequest: null, retryStrategy: () => 20 });
          client.on('error', () => {});
          later(() => client.disconnect());
          return client;
        };
        const open = <
          T extends { close(): Promise<unknown>; on(event: 'error', listener: () => void): unknown },
        >(
          made: T,
        ): T => {
          made.on('error', () => {});
          later(() => made.close());
          return made;
        };
        return {
          side,
          queue: () => open(new Queue(NAME, { connection: connect() })),
          worker: (processor, settings) =>
            open(new Worker(NAME, processor as never, { connection: connect(), ...settings })),
          events: () => open(new QueueEvents(NAME, { connection: connect() })),
          flows: () => open(new FlowProducer({ connection: connect() })),
        };
      },
    });
  });
}
