// The wording of events that concern the whole proxy, for the log and for the API's event list.

import type { Logger } from 'pino';
import type { EffectiveConfig } from '../config/effective.js';
import { type RefusalName, refusalText } from '../core/policy/refusal.js';
import { PRIORITY_NAMES, type PriorityName } from '../core/policy/rule.js';
import { EXPIRE_NX } from '../core/resp/encode.js';
import { percentText } from '../core/words.js';
import type { Level } from '../memory/levels.js';
import type { LevelChange } from '../memory/pressure-options.js';
import type { ServerFacts } from '../memory/server-facts.js';
import { nameOfKind, type UpstreamKind } from '../memory/upstream-kind.js';
import type { EventLog } from '../observe/history/event-log.js';
import type { RefusalChange } from '../observe/history/refusal-watch.js';
import type { Capacity } from './capacity.js';
import { followUpFormOf } from './follow-up-form.js';

export class ProxyEvents {
  constructor(
    private readonly log: Logger,
    private readonly events: EventLog,
  ) {}

  /** `observing`: the priorities of which Spillway only counts what it would refuse. */
  levelChanged(change: LevelChange, observing: readonly PriorityName[]): void {
    const observed = observing.includes(PRIORITY_NAMES[change.priority]);
    logLevelChange(this.log, change, observed);
    this.events.record('level', describeLevelChange(change, observed));
  }

  /**
   * A reload may change whether rules of a priority enforce while its level stays. `levels`: by priority, as reported; `before`
   * and `now`: the priorities of which Spillway only counts what it would refuse.
   */
  modeChanged(levels: readonly Level[], before: readonly PriorityName[], now: readonly PriorityName[]): void {
    PRIORITY_NAMES.forEach((priority, i) => {
      const level = levels[i];
      const observed = now.includes(priority);
      if (level === 'open' || before.includes(priority) === observed) return;
      const fields = { priority, level };
      if (observed)
        this.log.info(fields, 'Spillway no longer refuses writes of this priority: its rules now observe');
      else
        this.log.warn(
          fields,
          `Spillway ${level === 'full' ? 'refuses all growing writes of this priority' : 'refuses growing writes to a share of the keys of this priority'} from now on: its rules now enforce`,
        );
      const what = `${observed ? 'would be' : 'are'} ${REFUSED[level]}`;
      const why = observed ? 'the rules are only observed' : 'the rules are enforced';
      this.events.record('level', `writes of priority ${priority} ${what} from now on: ${why}`);
    });
  }

  refusalsChanged(changes: readonly RefusalChange[], leftOut: number): void {
    for (const { rule, reason, refused } of changes) {
      const what = refusalText(reason as RefusalName);
      if (refused === undefined) {
        this.log.warn({ rule, reason }, `Spillway refuses writes of this rule: ${what}`);
        this.events.record('refusal', `writes of rule ${rule} are refused (${reason}): ${what}`);
      } else {
        this.log.info(
          { rule, reason, refused },
          'Spillway no longer refuses writes of this rule for this reason: none in the last minute',
        );
        this.events.record(
          'refusal',
          `writes of rule ${rule} are no longer refused (${reason}): none in the last minute, ${refused} before`,
        );
      }
    }
    if (leftOut > 0)
      this.log.warn({ rules: leftOut }, 'the refusals of more rules began or ended; see /api/stats');
  }

  serverOom(begun: boolean): void {
    if (begun) this.log.error('the server itself refuses writes of clients with OOM');
    else this.log.info('the server itself has refused no write with OOM for 10 seconds');
    const text = begun ? 'the server itself refuses writes with OOM' : 'the server no longer refuses writes';
    this.events.record('upstream', text);
  }

  recognized(server: ServerFacts): void {
    logServer(this.log, server);
    this.events.record('upstream', `connected to a server of version ${server.version || 'unknown'}`);
  }

  /** `trouble`: what is wrong with the server; undefined: nothing. */
  upstreamIs(kind: UpstreamKind, trouble: string | undefined): void {
    const { mode, role } = kind;
    if (trouble === undefined) this.log.info({ mode, role }, `the server is ${nameOfKind(kind)}`);
    else this.log.warn({ mode, role }, trouble);
    this.events.record('upstream', trouble ?? `the server is ${nameOfKind(kind)}`);
  }

  monitorLost(): void {
    this.events.record('upstream', 'the connection of the memory monitor was lost');
  }

  refusing(refusing: boolean): void {
    if (refusing) {
      this.log.error(
        'the server refuses connections, so Spillway closes its data port until it accepts them',
      );
      this.events.record('upstream', 'the server refuses connections, so the data port is closed');
    } else {
      this.log.info('the server accepts connections again, so Spillway opens its data port');
      this.events.record('upstream', 'the server accepts connections again, so the data port is open');
    }
  }

  workerEnded(worker: number, how: string, clients: number): void {
    this.log.error(
      { worker, how, clients },
      'a worker ended: its clients lost their connections, and a new worker starts',
    );
    const lost =
      clients === 1 ? 'its client lost its connection' : `its ${clients} clients lost their connections`;
    this.events.record('worker', `worker ${worker} ended (${how}): ${lost}`);
  }

  workerReplaced(worker: number): void {
    this.log.info({ worker }, 'the new worker serves clients');
    this.events.record('worker', `a new worker ${worker} serves clients`);
  }

  acceptFailed({ message }: Error): void {
    this.log.error({ err: message }, 'could not accept a client');
  }

  reopenFailed({ message }: Error): void {
    this.log.error({ err: message }, 'could not open the data port again; Spillway keeps trying');
  }

  questionFailed(error: unknown): void {
    this.log.warn({ err: error }, 'could not answer a PROXY command of a client');
  }

  closing(): void {
    this.events.record('proxy', 'closing: clients may finish their commands');
  }

  cut(connections: number): void {
    if (connections > 0) this.log.warn({ connections }, 'closed connections that still waited for replies');
  }

  /** Warns, as Redis does, if the process cannot have as many clients as configured. */
  capacity({ limits: { maxClients } }: EffectiveConfig, { clients, by }: Capacity): void {
    if (clients >= maxClients) return;
    this.log.warn(
      { maxClients, served: clients },
      `limits.maxClients is lowered to ${clients}: ${CAPACITY[by]}`,
    );
  }
}

const CAPACITY: Readonly<Record<Capacity['by'], string>> = {
  'open files': 'the process may not open more files; raise the limit of open files (ulimit -n, LimitNOFILE)',
  heap: "node's heap has no room for more; give the container more memory, or set NODE_OPTIONS=--max-old-space-size=MB",
  memory: 'the container has no memory for more; give it more memory',
};

const REFUSED: Readonly<Record<Level, string>> = {
  open: 'admitted again',
  partial: 'refused in part',
  full: 'all refused',
};

function logServer(log: Logger, server: ServerFacts): void {
  const { version, commands } = server;
  log.info({ version, commands: commands.length }, 'connected to the server and read its command table');
  const { followUps, followUp } = followUpFormOf(server);
  if (!followUps) {
    log.warn(
      { version },
      `the server has no ${followUp === EXPIRE_NX ? 'PEXPIRE' : 'PEXPIRE … NX (Redis 7.0) and no EVAL'}, so Spillway adds no TTL to SETNX, MSET, GETSET, SET KEEPTTL and the writes of applyTo "all"`,
    );
  } else if (followUp !== EXPIRE_NX) {
    log.info(
      { version },
      'the server has no PEXPIRE … NX (Redis 7.0), so a script sets the TTLs of SETNX, MSET, GETSET, SET KEEPTTL and the writes of applyTo "all"; clients need the right to EVAL, PTTL and PEXPIRE',
    );
  }
}

function logLevelChange(log: Logger, change: LevelChange, observed: boolean): void {
  const { priority, from, to, pressure, cause, reading, sparesExpiring } = change;
  const but = sparesExpiring
    ? ', except those that leave their key with a TTL, which the server can evict'
    : '';
  const fields = {
    priority: PRIORITY_NAMES[priority],
    from,
    to,
    pressure: percentText(pressure),
    cause,
    reading,
  };
  const [admits, refuses, why] = observed
    ? ['would admit', 'would refuse', ' (observe mode: it refuses nothing)']
    : ['admits', 'refuses', ''];
  if (to === 'open') log.info(fields, `Spillway ${admits} all writes of this priority again${why}`);
  else
    log.warn(
      fields,
      to === 'full'
        ? `Spillway ${refuses} all growing writes of this priority${but}${why}`
        : `Spillway ${refuses} growing writes to a share of the keys of this priority${but}${why}`,
    );
}

function describeLevelChange(change: LevelChange, observed: boolean): string {
  const { priority, from, to, pressure, cause, sparesExpiring } = change;
  const what = REFUSED[to];
  const which = sparesExpiring && to !== 'open' ? ' that leave their key without a TTL' : '';
  return `writes of priority ${PRIORITY_NAMES[priority]}${which} ${observed ? 'would be ' : ''}${what} (${from} → ${to}) at ${percentText(pressure)}: ${cause}`;
}
