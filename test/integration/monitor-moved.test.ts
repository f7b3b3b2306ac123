// The memory monitor goes along with a primary that moves: its readings, what the server is, the number of proxies, and what
// it says of the connection that it left.
import { pino } from 'pino';
import t from 'tap';
import { MemoryMonitor } from '../../src/memory/monitor.js';
import { here } from '../support/moving-lab.js';
import { makePressure } from '../support/pressure-lab.js';
import { withRaw } from '../support/raw-client.js';
import { withRedis } from '../support/redis.js';
import { until } from '../support/wait.js';

t.test(
  'readings, facts and roles are those of the new server, also while the old one says nothing',
  async (t) => {
    const [old, next] = [
      await withRedis(t, ['--maxmemory', '100mb']),
      await withRedis(t, ['--maxmemory', '200mb']),
    ];
    const atNext = await withRaw(t, next.port);
    const { pressure, gate } = makePressure();
    const roles: string[] = [];
    let [learnt, lost] = [0, 0];
    const monitor = new MemoryMonitor({
      upstream: { ...here(old), connectTimeoutMs: 5000 },
      ...{ tls: undefined, pollIntervalMs: 50, proxies: 'auto', pressure, gate },
      log: pino({ level: 'silent' }),
      clock: () => performance.now(),
      covered: () => ({ growth: gate.answered, reliefs: 0 }),
      onReading: () => {},
      onServerTime: () => {},
      onServer: () => learnt++,
      onKind: () => {},
      onLost: () => lost++,
      onRole: (role) => roles.push(role),
    });
    t.teardown(() => monitor.close());
    await monitor.start();
    t.equal(pressure.memory.reading?.maxmemoryBytes, 100 * 1024 * 1024);
    await until(() => roles.includes('master'));
    await old.kill('SIGSTOP');
    const { polls } = monitor;
    monitor.moved(here(next));
    await until(() => monitor.polls > polls && pressure.memory.reading?.maxmemoryBytes === 200 * 1024 * 1024);
    t.equal(learnt, 2);
    t.equal(lost, 0, 'the connection that it left is not lost');
    await until(async () => / name=spillway-proxies /.test(String(await atNext.call('CLIENT', 'LIST'))));
    await atNext.call('REPLICAOF', '127.0.0.1', '1');
    await until(() => roles.includes('slave'));
    await old.kill('SIGCONT');
    await until(() => monitor.polls > polls + 3);
    t.equal(pressure.memory.reading?.maxmemoryBytes, 200 * 1024 * 1024);
  },
);
