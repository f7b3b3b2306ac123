// What happens to the proxy as a whole, in sentences: for the log, and for the events that the API shows.
import type { Logger } from 'pino';
import type { EffectiveConfig } from '../config/effective.js';
import { PRIORITY_NAMES } from '../core/policy/rule.js';
import { EXPIRE_NX } from '../core/resp/encode.js';
import type { LevelChange } from '../memory/pressure.js';
import type { ServerFacts } from '../memory/server-facts.js';
import type { EventLog } from '../observe/history/event-log.js';
import type { Capacity } from './capacity.js';
import { followUpFormOf } from './follow-up-form.js';

export class ProxyEvents {
  constructor(
    private readonly log: Logger,
    private readonly events: EventLog,
  ) {}

  levelChanged(change: LevelChange): void {
    logLevelChange(this.log, change);
    this.events.record('level', describeLevelChange(change));
  }

  recognised(server: ServerFacts): void {
    logServer(this.log, server);
    this.events.record('upstream', `connected to a server of version ${server.version || 'unknown'}`);
  }

  monitorLost(): void {
    this.events.record('upstream', 'the connection that memory is read by was lost');
  }

  refusing(refusing: boolean): void {
    if (refusing) {
      this.log.error('upstream refuses connections: so does the data port, until it is back');
      this.events.record('upstream', 'the upstream refuses connections, and so does the data port');
    } else {
      this.log.info('upstream accepts connections again, and so does the data port');
      this.events.record('upstream', 'the upstream accepts connections again, and so does the data port');
    }
  }

  acceptFailed({ message }: Error): void {
    this.log.error({ err: message }, 'a client could not be accepted');
  }

  reopenFailed({ message }: Error): void {
    this.log.error({ err: message }, 'the data port cannot be opened again yet: tried on');
  }

  questionFailed(error: unknown): void {
    this.log.warn({ err: error }, 'a question of a client could not be answered');
  }

  closing(): void {
    this.events.record('proxy', 'closing: clients may finish');
  }

  cut(connections: number): void {
    if (connections > 0) this.log.warn({ connections }, 'connections ended before they were idle');
  }

  /** As Redis does where its maxclients cannot be had. */
  capacity({ limits: { maxClients } }: EffectiveConfig, { clients, by }: Capacity): void {
    if (clients >= maxClients) return;
    this.log.warn(
      { maxClients, served: clients },
      `limits.maxClients is lowered to ${clients}: ${CAPACITY[by]}`,
    );
  }
}

const CAPACITY: Readonly<Record<Capacity['by'], string>> = {
  'open files': 'the process may open no more files: raise that limit (ulimit -n, LimitNOFILE)',
  heap: "node's heap has no room for more: give the container more memory, or set NODE_OPTIONS=--max-old-space-size=MiB",
  memory: 'the container has no memory for more: give it more',
};

function logServer(log: Logger, server: ServerFacts): void {
  const { version, commands } = server;
  log.info({ version, commands: commands.length }, 'upstream recognised');
  const { followUps, followUp } = followUpFormOf(server);
  if (!followUps) {
    log.warn(
      { version },
      `the upstream has no ${followUp === EXPIRE_NX ? 'PEXPIRE' : 'PEXPIRE … NX (7.0) and no EVAL'}: SETNX, MSET, GETSET, SET KEEPTTL and applyTo "all" give no TTL`,
    );
  } else if (followUp !== EXPIRE_NX) {
    log.info(
      { version },
      'the upstream has no PEXPIRE … NX (7.0): a script sets the TTLs of SETNX, MSET, GETSET, SET KEEPTTL and applyTo "all"; clients need the right to run EVAL, PTTL and PEXPIRE',
    );
  }
}

function logLevelChange(log: Logger, { priority, from, to, pressure, cause, reading }: LevelChange): void {
  const percent = `${(pressure * 100).toFixed(1)}%`;
  const fields = { priority: PRIORITY_NAMES[priority], from, to, pressure: percent, cause, reading };
  if (to === 'open') log.info(fields, 'shedding ended');
  else
    log.warn(
      fields,
      to === 'full' ? 'shedding all writes of this priority' : 'shedding a share of this priority',
    );
}

function describeLevelChange({ priority, from, to, pressure, cause }: LevelChange): string {
  const what = { open: 'admitted again', partial: 'refused in part', full: 'all refused' }[to];
  const percent = `${(pressure * 100).toFixed(1)} %`;
  return `writes of priority ${PRIORITY_NAMES[priority]} ${what} (${from} → ${to}) at ${percent}: ${cause}`;
}
