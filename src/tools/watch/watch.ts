// Reads servers again and again, and finds them again when they move or come back. Owns the state of each.
// Invariants: a round ends, whatever the servers do; one question to a server at a time; a server that does not answer counts
// as away and is asked again in the next round; in a Cluster and behind Sentinels the present primaries are watched.
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerError } from '../keyspace/endpoint.js';
import type { Server, Servers } from '../keyspace/servers.js';
import { parseLook } from './look.js';
import { type Seen, ServerState, type WatchOptions } from './server-state.js';

export interface WatchParts {
  readonly servers: Servers;
  /** Finds and connects the servers again; then closes the old connections. */
  readonly reconnect: () => Promise<Servers>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** How long an answer may take. */
  readonly timeoutMs: number;
}

export class Watch {
  private servers: Servers;
  private readonly states = new Map<string, ServerState>();

  constructor(
    private readonly options: WatchOptions,
    private readonly parts: WatchParts,
  ) {
    this.servers = parts.servers;
  }

  /** For each server, in order; a server that is gone is reported once. */
  async look(): Promise<readonly Seen[]> {
    const answers = await this.askAll();
    if (!this.inTrouble(answers)) return this.conclude(answers);
    try {
      this.servers = await this.parts.reconnect();
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      return this.conclude(answers, error.message);
    }
    const gone = this.forgetMissing();
    return [...this.conclude(await this.askAll()), ...gone];
  }

  private async askAll(): Promise<readonly Answer[]> {
    return Promise.all(this.servers.all.map((server) => this.ask(server)));
  }

  private async ask(server: Server): Promise<Answer> {
    const { timeoutMs } = this.parts;
    const late = new AbortController();
    try {
      const info = await Promise.race([server.redis.info(), overdue(timeoutMs, late.signal)]);
      if (info === undefined) {
        // Fails the open questions, and connects again.
        server.redis.disconnect(true);
        return { server, problem: `no answer within ${timeoutMs} ms` };
      }
      const look = parseLook(info);
      return look === undefined
        ? { server, problem: 'its INFO does not say how much memory is used' }
        : { server, look };
    } catch (error) {
      return { server, problem: (error as Error).message.split('\n', 1)[0].slice(0, 200) };
    } finally {
      late.abort();
    }
  }

  private inTrouble(answers: readonly Answer[]): boolean {
    const moves = this.servers.kind !== 'standalone';
    return answers.some(({ look }) => look === undefined || (moves && look.keyspace.replica));
  }

  /** `why`: a reason that is known better than from the answers. */
  private conclude(answers: readonly Answer[], why?: string): Seen[] {
    const now = this.parts.clock();
    return answers.map(({ server: { name }, look, problem = '' }) => {
      const state = this.stateOf(name);
      if (look !== undefined) return state.see(look, now);
      const reason = why ?? problem;
      return state.miss(reason.startsWith(`${name}: `) ? reason.slice(name.length + 2) : reason);
    });
  }

  private stateOf(name: string): ServerState {
    const known = this.states.get(name);
    if (known !== undefined) return known;
    const fresh = new ServerState(name, this.options);
    this.states.set(name, fresh);
    return fresh;
  }

  private forgetMissing(): Seen[] {
    const names = new Set(this.servers.all.map(({ name }) => name));
    const missing = [...this.states].filter(([name]) => !names.has(name));
    for (const [name] of missing) this.states.delete(name);
    return missing.map(([, state]) => state.leave());
  }
}

interface Answer {
  readonly server: Server;
  readonly look?: NonNullable<ReturnType<typeof parseLook>>;
  readonly problem?: string;
}

async function overdue(ms: number, signal: AbortSignal): Promise<undefined> {
  await sleep(ms, undefined, { signal }).catch(() => {});
  return undefined;
}
