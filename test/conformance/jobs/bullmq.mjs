// What the BullMQ test adds and works off: `push` prints how many jobs could not be added, `work` ends when told.
import { appendFileSync } from 'node:fs';
import { Queue, Worker } from 'bullmq';

const { port } = new URL(process.env.REDIS_URL);
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null };
if (process.argv[2] === 'push') {
  const queue = new Queue('jobs', { connection });
  queue.on('error', () => {});
  let errors = 0;
  for (let number = 0; number < 20; number++) {
    await queue.add('job', { number, fails: number % 2 === 1 }).catch(() => errors++);
  }
  console.log(errors);
  process.exit();
}
const work = async ({ data: { number, fails } }) => {
  appendFileSync(process.env.RAN, `${number} ${fails}\n`);
  if (fails) throw new Error('meant to fail');
};
new Worker('jobs', work, { connection, concurrency: 2 }).on('error', () => {});
