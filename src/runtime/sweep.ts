// The proxy's own sweep on the configured upstream, and what it reports to the log and the events.
import type { Logger } from 'pino';
import type { EffectiveConfig } from '../config/effective.js';
import type { EventLog } from '../observe/history/event-log.js';
import { SweepJob } from '../tools/sweep/job.js';
import { secureOptions, type UpstreamTls } from '../wire/upstream/upstream-socket.js';
import type { Where } from './where.js';

/** @param secure of the upstream; undefined: no TLS */
export function startSweep(
  config: EffectiveConfig,
  secure: UpstreamTls | undefined,
  where: Where,
  log: Logger,
  events: EventLog,
): SweepJob {
  const { upstream } = config;
  return new SweepJob(config, {
    where: () => {
      const now = { ...upstream, ...where.current };
      return { ...now, tls: secure && secureOptions(now, secure) };
    },
    now: Date.now,
    onDone(db, given, seconds) {
      log.info(
        { db, given, seconds: Number(seconds.toFixed(3)) },
        'a sweep has given TTLs to the keys of a database that had none',
      );
      events.record('sweep', `database ${db} was swept: ${given} keys got a TTL`);
    },
    onFailed(problem) {
      log.warn({ err: problem }, 'a sweep failed; Spillway tries it again within two minutes');
      events.record('sweep', `a sweep failed: ${problem}`);
    },
  });
}
