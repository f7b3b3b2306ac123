// What the bee-queue test adds and works off: `push` prints how many jobs could not be added, `work` ends when told.
import { appendFileSync } from 'node:fs';
import Queue from 'bee-queue';

const { port } = new URL(process.env.REDIS_URL);
const queue = new Queue('jobs', { redis: { host: '127.0.0.1', port: Number(port) } });
queue.on('error', () => {});
if (process.argv[2] === 'push') {
  let errors = 0;
  for (let number = 0; number < 20; number++) {
    await queue
      .createJob({ number, fails: number % 2 === 1 })
      .save()
      .catch(() => errors++);
  }
  console.log(errors);
  process.exit();
}
queue.process(2, async ({ data: { number, fails } }) => {
  appendFileSync(process.env.RAN, `${number} ${fails}\n`);
  if (fails) throw new Error('meant to fail');
});
