// A planned switch to a replica: clients pause, the replica gets all that was acknowledged, and then Sentinel promotes it. Owns
// the one switch that may go on, and what is known of the last one.
// Invariants: no Sentinel is told to promote before the replicas that it may choose have everything that any client of this
// Spillway was told is written; whatever fails before that, clients go on at the old primary.

import { setTimeout as delay } from 'node:timers/promises';
import type {
  PlannedSwitchSnapshot,
  SwitchPlanSnapshot,
  SwitchRefusal,
} from '../observe/snapshots/failover.js';
import { SwitchError, SwitchServers, type SwitchServersOptions } from './switch-servers.js';
import { nameOf, type PrimaryAddress } from './whereabouts.js';

/** What a switch needs of the pause for Sentinel's part: some 1.3 s, or 3 s to see that nothing comes of it. */
const SENTINELS_PART_MS = 4000;
/** What Sentinel takes from the request until a majority names the new primary. It looks at the replica once a second. */
const USUAL_PART_MS = 1300;
const LONGEST_CATCH_UP_MS = 5000;
/** Replicas that need longer while nobody waits would make clients wait for too long. */
const LOOK_LIMIT_MS = 2000;
/**
 * Sentinel demotes the old primary some 10 s after the promotion, once it can ask it (pauseWrites()). Until then it would
 * acknowledge writes that are lost.
 */
const DEMOTION_MS = 20_000;
const DEMOTION_LOOK_MS = 200;
const LEAST_PAUSE_MS = SENTINELS_PART_MS + 1000;

export interface SwitchParts extends SwitchServersOptions {
  /** How long clients may wait in all. */
  readonly pauseMs: number;
  /** Why no switch can begin now; undefined: it can. */
  readonly hindrance: () => string | undefined;
  /** The primary in use; undefined: none. */
  readonly address: () => PrimaryAddress | undefined;
  /** The Sentinels that name it, by their numbers. */
  readonly sentinels: () => readonly (readonly [number: number, address: PrimaryAddress])[];
  /**
   * Makes clients wait until the primary has moved or release(). Resolves when nothing more can be acknowledged to them: true; or
   * false, when a worker may not know of the pause. undefined: another failover has begun.
   */
  readonly hold: () => Promise<boolean> | undefined;
  readonly release: () => void;
  /** This Sentinel has accepted: from now on it is a failover as any other. */
  readonly switching: (sentinel: number) => void;
  /** For log and events. */
  readonly said: (text: string, failed: boolean) => void;
}

export interface SwitchOptions {
  /** The old primary holds back the writes of all its clients, also of those that do not come through this Spillway. */
  readonly pauseServer?: boolean;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export class PlannedSwitch {
  private last: Mutable<PlannedSwitchSnapshot> | undefined;
  private beginning = false;
  private closed = false;
  private servers: SwitchServers | undefined;
  private serverPaused = false;

  constructor(private readonly parts: SwitchParts) {}

  /** The switch that goes on, or the last one; null: there was none since the start. */
  get snapshot(): PlannedSwitchSnapshot | null {
    return this.last === undefined ? null : { ...this.last };
  }

  /** What a switch would do now. Changes nothing. */
  plan(): Promise<SwitchPlanSnapshot | SwitchRefusal> {
    return refusable(() => this.planned());
  }

  /** Begins a switch: resolves when clients wait. */
  begin(options: SwitchOptions = {}): Promise<PlannedSwitchSnapshot | SwitchRefusal> {
    return refusable(() => this.begun(options));
  }

  private async planned(): Promise<SwitchPlanSnapshot> {
    const { servers, replicaMs } = await this.look();
    servers.close();
    const { quorum, unfit, address, replicas } = servers;
    return {
      primary: nameOf(address),
      quorum,
      replicas: [
        ...replicas.map((replica, i) => ({
          address: nameOf(replica.address),
          chosen: i === 0,
          priority: replica.priority,
          behindBytes: servers.behind(replica),
          unfit: null,
        })),
        ...unfit.map(({ address, why }) => ({
          ...{ address, chosen: false, priority: null, behindBytes: null },
          unfit: why,
        })),
      ],
      replicaMs: Math.round(replicaMs),
      pauseMs: Math.round(replicaMs + USUAL_PART_MS),
    };
  }

  private async begun({ pauseServer = false }: SwitchOptions): Promise<PlannedSwitchSnapshot> {
    if (this.beginning || this.goesOn) throw new SwitchError('a planned switch goes on already');
    this.beginning = true;
    const { servers } = await this.look().finally(() => {
      this.beginning = false;
    });
    const settled = this.closed ? undefined : this.parts.hold();
    if (settled === undefined) {
      servers.close();
      throw new SwitchError(this.closed ? 'Spillway ends' : 'a failover has just begun');
    }
    const [next] = servers.replicas;
    this.last = {
      ...{ state: 'waiting', from: nameOf(servers.address), to: nameOf(next?.address as PrimaryAddress) },
      startedAt: new Date().toISOString(),
      ...{ replicaMs: null, pausedMs: null, waited: null, error: null },
    };
    this.servers = servers;
    this.parts.said(`a planned switch from ${this.last.from} to ${this.last.to} begins`, false);
    void this.run(servers, settled, pauseServer);
    return { ...this.last };
  }

  /** The pause has ended: the primary is at `address`. */
  resumed(address: PrimaryAddress, moved: boolean, pausedMs: number, waited: number): void {
    const { last } = this;
    if (!this.goesOn || last === undefined) return;
    last.pausedMs = Math.round(pausedMs);
    last.waited = waited;
    if (moved) last.to = nameOf(address);
    if (moved && last.error === null) {
      last.state = 'done';
      this.end();
    } else this.fail('the Sentinels kept the primary; their logs say why');
  }

  /** The pause has ended without a primary. */
  gone(reason: string): void {
    if (this.goesOn) this.fail(reason);
  }

  close(): void {
    this.closed = true;
    if (this.goesOn) this.fail('Spillway ended');
  }

  private get goesOn(): boolean {
    return this.last?.state === 'waiting' || this.last?.state === 'switching';
  }

  private get catchUpLimitMs(): number {
    return Math.min(LONGEST_CATCH_UP_MS, this.parts.pauseMs - SENTINELS_PART_MS);
  }

  /** @returns also how long the replicas need until they have what the primary has now */
  private async look(): Promise<{ servers: SwitchServers; replicaMs: number }> {
    const { parts } = this;
    const address = parts.address();
    const hindrance =
      parts.pauseMs < LEAST_PAUSE_MS
        ? `upstream.failover.pause is ${parts.pauseMs / 1000} s, and a planned switch may need ${LEAST_PAUSE_MS / 1000} s`
        : parts.hindrance();
    if (hindrance !== undefined || address === undefined)
      throw new SwitchError(hindrance ?? 'there is no primary');
    const servers = new SwitchServers(address, parts);
    try {
      await servers.look(parts.sentinels());
      return { servers, replicaMs: await servers.caughtUp(LOOK_LIMIT_MS) };
    } catch (error) {
      servers.close();
      throw error;
    }
  }

  private async run(servers: SwitchServers, settled: Promise<boolean>, pauseServer: boolean): Promise<void> {
    const { parts } = this;
    // No Sentinel may promote a replica by itself, for the silence of the paused server, before the replica has everything.
    const limitMs = Math.min(
      this.catchUpLimitMs,
      pauseServer ? Math.ceil(servers.downAfterMs / 2) : Infinity,
    );
    try {
      if (!(await settled)) throw new SwitchError('a worker did not confirm the pause in time');
      if (pauseServer) {
        // If Spillway dies now, the server goes on by itself after this time.
        this.serverPaused = true;
        await servers.pauseWrites(limitMs + SENTINELS_PART_MS);
      }
      // Whatever was acknowledged until now is in what the primary has written.
      const replicaMs = await servers.caughtUp(limitMs);
      if (!this.goesOn || this.last === undefined) return;
      this.last.replicaMs = Math.round(replicaMs);
      this.last.state = 'switching';
      if (pauseServer) await servers.pauseWrites(demotionMs(servers));
      await servers.promote();
      if (this.goesOn) parts.switching(servers.sentinel);
    } catch (error) {
      if (!this.goesOn || this.last === undefined) return;
      // It fails when clients go on.
      this.last.error = (error as Error).message;
      parts.release();
    }
  }

  private fail(error: string): void {
    const { last } = this;
    if (last === undefined) return;
    last.state = 'failed';
    last.error ??= error;
    this.parts.said(`the planned switch from ${last.from} failed: ${last.error}`, true);
    this.end();
  }

  private end(): void {
    const { servers, serverPaused, last } = this;
    this.servers = undefined;
    this.serverPaused = false;
    if (servers === undefined) return;
    if (!serverPaused) servers.close();
    else void this.unpause(servers, last?.state === 'done').finally(() => servers.close());
  }

  /** Lets the old primary execute writes again: at once, or once it is a replica, which refuses them. */
  private async unpause(servers: SwitchServers, demoted: boolean): Promise<void> {
    const { clock } = this.parts;
    const since = clock();
    try {
      while (
        demoted &&
        !(await servers.isDemoted().catch(() => true)) &&
        clock() - since < demotionMs(servers)
      )
        await delay(DEMOTION_LOOK_MS, undefined, { ref: false });
      await servers.unpauseWrites();
    } catch {
      // It cannot be asked: the pause runs out by itself.
    }
  }
}

function demotionMs({ downAfterMs }: SwitchServers): number {
  return DEMOTION_MS + Math.ceil(downAfterMs / 2);
}

async function refusable<T>(work: () => Promise<T>): Promise<T | SwitchRefusal> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SwitchError) return { refused: error.message };
    throw error;
  }
}
