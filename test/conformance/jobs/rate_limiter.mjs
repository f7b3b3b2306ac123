// A rate limiter whose keys no rule names: prints how many points were granted, and how many requests had an error.
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';

const storeClient = new Redis(process.env.REDIS_URL, { enableOfflineQueue: true });
storeClient.on('error', () => {});
const limiter = new RateLimiterRedis({ storeClient, points: 1000, duration: 3600, keyPrefix: 'limiter' });
let granted = 0;
let errors = 0;
for (let i = 0; i < 200; i++) {
  await limiter.consume(`client${i % 20}`).then(
    () => granted++,
    () => errors++,
  );
}
console.log(JSON.stringify({ granted, errors }));
process.exit();
