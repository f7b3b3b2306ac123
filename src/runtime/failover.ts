// Connects the code that knows where the primary is to the parts that must follow: data path, data port, monitor, pressure, log
// and events. The order matters on a resumption: first every part learns the address and its memory, then commands go up.
// Owns the follower. Invariant: with a fixed address none of this exists.
import type { Logger } from 'pino';
import type { EffectiveConfig } from '../config/effective.js';
import { Follower } from '../failover/follower.js';
import type { PlannedSwitch } from '../failover/planned-switch.js';
import {
  nameOf,
  type PrimaryAddress,
  type Resumption,
  type Sign,
  type Whereabouts,
} from '../failover/whereabouts.js';
import type { Reading } from '../memory/reading.js';
import type { EventLog } from '../observe/history/event-log.js';
import type { FailoverSnapshot } from '../observe/snapshots/failover.js';
import { secureOptions, type UpstreamTls } from '../wire/upstream/upstream-socket.js';
import { LoopLag } from './loop-lag.js';
import type { Readiness } from './readiness.js';

export interface FailoverParts {
  readonly service: {
    /** `lateMs`: how long ago the sign may have come. */
    pause(lateMs?: number): Promise<boolean>;
    moved(address: PrimaryAddress): void;
    resume(): void;
    gone(): void;
    readonly waiting: number;
  };
  readonly listener: { moved(): void; shut(): void; reopen(): Promise<void> };
  readonly monitor: { moved(address: PrimaryAddress): void };
  /** Returns in words how the new server differs from the old one. */
  readonly memoryMoved: (reading: Reading) => string | undefined;
  readonly log: Logger;
  readonly events: EventLog;
  /** undefined: no switch can be planned. `settled`: what the last pause() of the service resolves with. */
  readonly plan?: (
    settled: () => Promise<boolean>,
    said: (text: string, failed: boolean) => void,
  ) => PlannedSwitch | undefined;
}

/** A shorter pause that ends with the same primary is not reported: only a connection was lost. */
const NEWS_MS = 100;

const SEEN_AGAIN =
  'a failover would be seen in time again: the Sentinels answer and announce it, or the name can be resolved';

/** The code that follows the primary by its Sentinels or its name; undefined: the address is fixed. */
export function whereaboutsOf(
  { upstream }: EffectiveConfig,
  secure: UpstreamTls | undefined,
  clock: () => number,
  log: Logger,
): Follower | undefined {
  const { failover, followedName, username, password, connectTimeoutMs, host, port } = upstream;
  const parts = {
    ...{ server: { username, password }, connectTimeoutMs, clock, log },
    tls: secure && ((host: string) => secureOptions({ host, port: 0, connectTimeoutMs }, secure)),
  };
  if (failover !== undefined) return new Follower({ ...failover, ...parts });
  if (followedName === undefined) return undefined;
  return new Follower({
    ...{ name: { host, port }, primary: nameOf({ host, port }), sentinels: [], natMap: {} },
    ...{ user: undefined, password: undefined, resume: 'agreed', onMinority: 'admit' },
    ...{ ...followedName, ...parts },
  });
}

export interface StartedFailover {
  /** The data port listens: it must not if there is no primary. */
  listening(): void;
}

export class Failover {
  private shut = false;
  private isListening = false;
  private waited = 0;
  private was: PrimaryAddress | undefined;
  private pausedReason = '';
  private settled: Promise<boolean> = Promise.resolve(true);
  private readonly lag = new LoopLag(() => performance.now());
  /** undefined: no switch can be planned, because there are no Sentinels. */
  readonly planned: PlannedSwitch | undefined;

  constructor(
    private readonly whereabouts: Whereabouts,
    private readonly parts: FailoverParts,
  ) {
    this.planned = parts.plan?.(
      () => this.settled,
      (text, failed) => this.tellPlanned(text, failed),
    );
  }

  /** Resolves when the primary is known, or could not be found at once: only then may anything listen. */
  async start(): Promise<StartedFailover> {
    await this.follow();
    return { listening: () => this.listening() };
  }

  private follow(): Promise<void> {
    return this.whereabouts.start({
      paused: (reason) => this.paused(reason),
      resumed: (resumption) => this.resumed(resumption),
      gone: (reason) => this.gone(reason),
      blind: (reason) => this.blind(reason),
    });
  }

  private listening(): void {
    this.isListening = true;
    if (this.isGone) this.parts.listener.shut();
  }

  /** There is no primary. */
  get isGone(): boolean {
    return this.whereabouts.state === 'gone';
  }

  /** Why clients wait; undefined: they do not. */
  get waitsFor(): string | undefined {
    const { state, reason } = this.whereabouts.snapshot();
    return state === 'paused' ? (reason ?? undefined) : undefined;
  }

  /** The answer of GET /readyz, including what else is missing. While clients wait, more clients may connect. */
  readiness(reasons: readonly string[]): Readiness {
    const { state, reason, blind } = this.whereabouts.snapshot();
    if (state === 'gone') return { ready: false, reasons: [`there is no primary: ${reason}`] };
    if (state === 'paused') return { ready: true, reasons: [`clients wait for a primary: ${reason}`] };
    return { ready: true, reasons: blind === null ? [...reasons] : [blind, ...reasons] };
  }

  suspect(sign: Sign): void {
    this.whereabouts.suspect(sign);
  }

  snapshot(): FailoverSnapshot {
    return { ...this.whereabouts.snapshot(), waiting: this.parts.service.waiting };
  }

  close(): void {
    this.lag.close();
    this.planned?.close();
    this.whereabouts.close();
  }

  private paused(reason: string): void {
    this.pausedReason = reason;
    this.settled = this.parts.service.pause(this.lag.ms);
    this.settled.catch(() => {});
    this.parts.log.debug({ reason }, 'clients wait: the primary may be about to change');
  }

  private resumed({ address, moved, reading, pausedMs }: Resumption): void {
    const { service, listener, monitor, memoryMoved, log } = this.parts;
    this.waited = service.waiting;
    const was = this.was;
    if (moved) {
      this.was = address;
      const differs = memoryMoved(reading);
      listener.moved();
      service.moved(address);
      if (differs !== undefined && was !== undefined) {
        log.warn(
          { primary: nameOf(address) },
          `the new primary is configured differently from the old one: ${differs}`,
        );
        this.record(`the new primary is configured differently from the old one: ${differs}`);
      }
    }
    service.resume();
    // After the clients' connections: it takes a connection of its own.
    if (moved) monitor.moved(address);
    if (this.shut) {
      this.shut = false;
      if (this.isListening) void listener.reopen();
    }
    this.tellResumed(address, moved, pausedMs, was);
    this.planned?.resumed(address, moved, pausedMs, this.waited);
  }

  private gone(reason: string): void {
    const { service, listener, log } = this.parts;
    this.shut = true;
    // At a start nothing is paused yet.
    service.pause().catch(() => {});
    service.gone();
    if (this.isListening) listener.shut();
    log.error({ reason }, 'there is no primary, so Spillway closes its data port until there is one');
    this.record(`there is no primary, so the data port is closed: ${reason}`);
    this.planned?.gone(reason);
  }

  private blind(reason: string | null): void {
    const { log } = this.parts;
    if (reason === null) log.info(SEEN_AGAIN);
    else log.warn(`${reason}; see docs/FAILOVER.md`);
    this.record(reason ?? SEEN_AGAIN);
  }

  private tellResumed(
    address: PrimaryAddress,
    moved: boolean,
    pausedMs: number,
    was: PrimaryAddress | undefined,
  ): void {
    const { log } = this.parts;
    const primary = nameOf(address);
    const { waited } = this;
    const long = `${(pausedMs / 1000).toFixed(2)} s`;
    const clients = `${waited} ${waited === 1 ? 'client' : 'clients'} waited`;
    if (was === undefined) {
      log.info({ primary }, 'the primary is known');
      this.record(`the primary is ${primary}`);
    } else if (moved) {
      const fields = {
        primary,
        was: nameOf(was),
        pausedMs: Math.round(pausedMs),
        waited,
        reason: this.pausedReason,
      };
      log.warn(fields, 'the primary is another server now');
      this.record(`primary is now ${primary}, was ${nameOf(was)}, paused ${long}, ${clients}`);
    } else if (pausedMs >= NEWS_MS) {
      log.warn(
        { primary, pausedMs: Math.round(pausedMs), waited, reason: this.pausedReason },
        'the primary has stayed the same',
      );
      this.record(`primary is still ${primary}, paused ${long} (${this.pausedReason}), ${clients}`);
    }
  }

  private tellPlanned(text: string, failed: boolean): void {
    if (failed) this.parts.log.warn(text);
    else this.parts.log.info(text);
    this.record(text);
  }

  private record(text: string): void {
    this.parts.events.record('upstream', text);
  }
}
