// The Sentinel and the servers of a planned switch: looks whether it can take place, and asks them while it does.
// Owns the connections. Invariants: it changes nothing before promote(); each question ends (connection.ts), and the sum of
// all looks takes at most some seconds for each server.
import { setTimeout as delay } from 'node:timers/promises';
import { infoFields } from '../memory/reading.js';
import { Connection, type Login } from './connection.js';
import { type FitReplicas, firstOf, fitReplicasOf } from './fit-replicas.js';
import type { NatMap } from './nat-map.js';
import { answerOf } from './sentinel-words.js';
import { nameOf, type PrimaryAddress, sameAddress } from './whereabouts.js';

/** Between two looks at how far a replica is. */
const LOOK_MS = 5;
const CLIENT_NAME = 'spillway-switch';

/** The planned switch does not take place, or has failed. The message is for the operator. */
export class SwitchError extends Error {
  override readonly name = 'SwitchError';
}

export interface SwitchServersOptions {
  /** Sentinel's name for the primary. */
  readonly primary: string;
  readonly natMap: NatMap;
  readonly sentinelLogin: Login;
  readonly serverLogin: Login;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

interface Replica {
  readonly address: PrimaryAddress;
  readonly priority: number;
  readonly connection: Connection;
  offset: number;
}

export class SwitchServers {
  /** Those of which the Sentinel may promote any; its present choice comes first. */
  readonly replicas: Replica[] = [];
  unfit: FitReplicas['unfit'] = [];
  /** The Sentinel's own words on the quorum. */
  quorum = '';
  /** The Sentinel that can promote a replica: its number. */
  sentinel = -1;
  /** The Sentinel's down-after-milliseconds. */
  downAfterMs = 0;
  /** How much the primary has written by the last look. */
  private offset = 0;
  private voice: Connection | undefined;
  private source: Connection | undefined;
  private replicationId = '';

  constructor(
    readonly address: PrimaryAddress,
    private readonly options: SwitchServersOptions,
  ) {}

  /** Connects, and looks whether a switch is possible. `sentinels`: those that name this primary. @throws SwitchError */
  async look(sentinels: readonly (readonly [number: number, address: PrimaryAddress])[]): Promise<void> {
    const { serverLogin } = this.options;
    const fit = await this.chooseSentinel(sentinels);
    this.source = await this.open(nameOf(this.address), this.address, serverLogin);
    await this.lookAtPrimary();
    // The opening takes at most as long as an answer of one of them.
    const opened = await Promise.allSettled(
      fit.map(({ address }) => this.open(`the replica ${nameOf(address)}`, address, serverLogin)),
    );
    for (const [i, { address, priority }] of fit.entries()) {
      const each = opened[i];
      if (each?.status === 'fulfilled')
        this.replicas.push({ address, priority, connection: each.value, offset: 0 });
    }
    for (const each of opened) if (each.status === 'rejected') throw each.reason;
    await this.lookAtReplicas();
  }

  /** Bytes that the slowest of the replicas lacks, by the last look. */
  get behindBytes(): number {
    return Math.max(...this.replicas.map((replica) => this.behind(replica)));
  }

  behind({ offset }: { readonly offset: number }): number {
    return Math.max(0, this.offset - offset);
  }

  /**
   * Resolves with the milliseconds until the replicas had all that the primary has now.
   * @throws SwitchError when that takes longer than `limitMs`, or when a server cannot be asked
   */
  async caughtUp(limitMs: number): Promise<number> {
    const { clock } = this.options;
    const since = clock();
    await this.lookAtPrimary();
    for (;;) {
      await this.lookAtReplicas();
      const took = clock() - since;
      if (this.behindBytes === 0) return took;
      if (took >= limitMs) {
        const [slow] = [...this.replicas].sort((a, b) => a.offset - b.offset) as [Replica];
        throw new SwitchError(
          `the replica ${nameOf(slow.address)} was still ${this.behind(slow).toLocaleString('en')} bytes behind after ${(limitMs / 1000).toFixed(1)} s`,
        );
      }
      await delay(LOOK_MS);
    }
  }

  /**
   * The primary holds back the writes of all its clients for so long (CLIENT PAUSE, since Redis 6.2). Replication and INFO go on. A
   * Sentinel's PUBLISH is held back, too, and what it sends afterwards: to it the server is silent until it connects again, which
   * it does after half of downAfterMs. @throws SwitchError when it refuses
   */
  async pauseWrites(milliseconds: number): Promise<void> {
    await this.asked(this.source, nameOf(this.address), ['client', 'pause', String(milliseconds), 'WRITE']);
  }

  /** On a connection of its own: with the demotion Sentinel ends all others. */
  async unpauseWrites(): Promise<void> {
    const connection = await this.open(nameOf(this.address), this.address, this.options.serverLogin);
    try {
      await this.asked(connection, nameOf(this.address), ['client', 'unpause']);
    } finally {
      connection.close();
    }
  }

  /** Whether the old primary is a replica by now. */
  async isDemoted(): Promise<boolean> {
    return (await this.replication(this.source, this.address)).get('role') === 'slave';
  }

  /** Tells the Sentinel to promote a replica. Without an answer it may do so. @throws SwitchError when it refuses */
  async promote(): Promise<void> {
    const question = ['sentinel', 'failover', this.options.primary];
    const [reply] = (await this.voice?.askAll([question]).catch(() => [])) ?? [];
    if (reply instanceof Error) throw new SwitchError(`the Sentinel refuses: ${reply.message}`);
  }

  close(): void {
    this.voice?.close();
    this.source?.close();
    for (const { connection } of this.replicas) connection.close();
  }

  /** Asks all at once; the first of those that can promote a replica will. @returns the replicas among which it chooses */
  private async chooseSentinel(
    sentinels: readonly (readonly [number: number, address: PrimaryAddress])[],
  ): Promise<ReturnType<typeof firstOf>> {
    const asked = await Promise.all(
      sentinels.map(async ([number, address]) => {
        try {
          return { number, ...(await this.askSentinel(address)) };
        } catch (error) {
          if (error instanceof SwitchError) return error;
          throw error;
        }
      }),
    );
    const [chosen, ...others] = asked.flatMap((each) => (each instanceof SwitchError ? [] : [each]));
    for (const { voice } of others) voice.close();
    if (chosen === undefined) throw asked.at(-1) ?? new SwitchError('no Sentinel names the primary in use');
    this.voice = chosen.voice;
    this.sentinel = chosen.number;
    this.quorum = chosen.quorum;
    this.downAfterMs = chosen.downAfterMs;
    this.unfit = chosen.unfit;
    return chosen.fit;
  }

  private async askSentinel(address: PrimaryAddress) {
    const where = `the Sentinel ${nameOf(address)}`;
    const voice = await this.open(where, address, this.options.sentinelLogin);
    try {
      return { voice, ...(await this.couldPromote(voice, where)) };
    } catch (error) {
      voice.close();
      throw error;
    }
  }

  /** What a Sentinel knows that can promote a replica now. @throws SwitchError */
  private async couldPromote(voice: Connection, where: string) {
    const { primary, natMap } = this.options;
    const [master, named, replicas, quorum] = await this.asked(
      voice,
      where,
      ['sentinel', 'master', primary],
      ['sentinel', 'get-master-addr-by-name', primary],
      ['sentinel', 'replicas', primary],
      ['sentinel', 'ckquorum', primary],
    );
    const answer = answerOf(master, named, natMap);
    if (answer === undefined) throw new SwitchError(`the answer of ${where} cannot be read`);
    if (answer.leaves !== undefined) throw new SwitchError(`${where} is failing over already`);
    if (!sameAddress(answer.address, this.address))
      throw new SwitchError(`${where} names another primary, ${nameOf(answer.address)}`);
    const { downAfterMs } = answer;
    const found = fitReplicasOf(replicas, natMap, downAfterMs);
    const { unfit } = found;
    const fit = firstOf(found);
    if (fit.length === 0) {
      const why = unfit.map((each) => `${each.address}: ${each.why}`).join('; ');
      throw new SwitchError(
        `no replica of ${nameOf(this.address)} is fit to become the primary (${why === '' ? `${where} knows none` : why})`,
      );
    }
    return { fit, unfit, downAfterMs, quorum: String(quorum) };
  }

  private async lookAtPrimary(): Promise<void> {
    const fields = await this.replication(this.source, this.address);
    if (fields.get('role') !== 'master') throw new SwitchError(`${nameOf(this.address)} is not a primary`);
    this.offset = Number(fields.get('master_repl_offset'));
    this.replicationId = fields.get('master_replid') ?? '';
    if (!Number.isSafeInteger(this.offset))
      throw new SwitchError(
        `${nameOf(this.address)} does not say how much it has written (INFO replication)`,
      );
  }

  private async lookAtReplicas(): Promise<void> {
    await Promise.all(
      this.replicas.map(async (replica) => {
        const { address, connection } = replica;
        const fields = await this.replication(connection, address);
        const name = `the replica ${nameOf(address)}`;
        if (fields.get('role') !== 'slave') throw new SwitchError(`${nameOf(address)} is not a replica`);
        if (fields.get('master_link_status') !== 'up')
          throw new SwitchError(`${name} has lost its connection to the primary`);
        if (fields.get('master_replid') !== this.replicationId)
          throw new SwitchError(`${name} replicates from another primary than ${nameOf(this.address)}`);
        replica.offset = Number(fields.get('slave_repl_offset'));
        if (!Number.isSafeInteger(replica.offset))
          throw new SwitchError(`${name} does not say how much it has (INFO replication)`);
      }),
    );
  }

  private async replication(
    connection: Connection | undefined,
    address: PrimaryAddress,
  ): Promise<ReadonlyMap<string, string>> {
    const [info] = await this.asked(connection, nameOf(address), ['info', 'replication']);
    return infoFields(String(info));
  }

  private async open(where: string, address: PrimaryAddress, login: Login): Promise<Connection> {
    try {
      return await Connection.open(address, login, CLIENT_NAME);
    } catch (error) {
      throw new SwitchError(`${where}: ${(error as Error).message}`);
    }
  }

  private async asked(
    connection: Connection | undefined,
    where: string,
    ...questions: (readonly string[])[]
  ): Promise<unknown[]> {
    let replies: unknown[] | undefined;
    try {
      replies = await connection?.askAll(questions);
    } catch (error) {
      throw new SwitchError(`${where}: ${(error as Error).message}`);
    }
    for (const reply of replies ?? [])
      if (reply instanceof Error) throw new SwitchError(`${where} answers: ${reply.message}`);
    return replies ?? [];
  }
}
