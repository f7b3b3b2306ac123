// The proxy's own sweep on the configured upstream, and what it reports to the log and the events.
import type { Logger } from 'pino';
import type { EffectiveConfig } from '../config/effective.js';
import type { EventLog } from '../observe/history/event-log.js';
import type { Endpoint } from '../tools/keyspace/endpoint.js';
import { SweepJob } from '../tools/sweep/job.js';

export function startSweep(
  config: EffectiveConfig,
  where: () => Endpoint,
  log: Logger,
  events: EventLog,
): SweepJob {
  return new SweepJob(config, {
    where,
    now: Date.now,
    onDone(db, given, seconds) {
      log.info(
        { db, given, seconds: Number(seconds.toFixed(3)) },
        'a sweep of a database has ended: keys that had no TTL got one',
      );
      events.record('sweep', `database ${db} was swept: ${given} keys got a TTL`);
    },
    onFailed(problem) {
      log.warn({ err: problem }, 'a sweep failed; Spillway tries it again within two minutes');
      events.record('sweep', `a sweep failed: ${problem}`);
    },
  });
}
