// Random clients beside evictions, on a small server whose keys all are known: two clients, each in a database of its own,
// write, append, read, rename, copy, delete, let expire and keep, one step after the other; meanwhile rules are reloaded, the
// eviction policy changes, the right to UNLINK is lost and given, proxy and server are restarted. What is there at last is
// known: only a key that a rule with evict matched may be missing, or one whose TTL is over; every other has its last value.
// What nothing may evict would go first if Spillway asked for less than that: it is old, and of the lowest priority.
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { RedisProcess } from '../../../src/cli/local-server/redis-server.js';
import { type TestProxy, withProxy } from '../../support/proxy.js';
import { command, connectRaw, type RawClient } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';
import { until } from '../../support/wait.js';
import { Random } from '../fuzz/random.js';

const LIMIT = 60 * 2 ** 20;
/** Of the limit: filled so far at first; where a writer waits; where memory must come to rest, evict.start being 78%. */
const [NEAR, BUSY, REST] = [0.77, 0.9, 0.79];
const PATIENCE = { timeoutMs: 60_000 };
/**
 * What was on its way to the server when a rule lost evict has arrived within this time, in milliseconds. The unlinker relies for
 * 20 ms on what a ring said, twice where the ring is a worker's.
 */
const UNDER_WAY_MS = 500;
const KINDS = ['cache', 'cache', 'cache', 'cache', 'page', 'log', 'order', 'lock'] as const;
const KEYS = { cache: 8000, page: 300, log: 100, order: 100, lock: 300 };
/** Some of the cache, which a rule without evict takes out of it at times. */
const SHIELD = { match: 'cache:[89]*', keys: /^cache:[89]/ };
/** Pages of the other database, with the same names, belong to no rule. */
const PAGES_IN = 1;
/** Written right before a reload. */
const NEW_PAGES = 20;
const PAGES = ['evict', 'evict', 'keep', 'observe'] as const;
const SIZES = [100, 2000, 8000, 30_000];
const POLICIES = ['noeviction', 'volatile-lru', 'volatile-ttl', 'allkeys-lru', 'allkeys-lfu'];
const CHANGES = [
  'reload',
  'reload',
  'reload',
  'reload',
  'policy',
  'policy',
  'rights',
  'rights',
  'proxy',
  'proxy',
  'server',
] as const;
const OOM = '-OOM ';
const LONGER = 5;
/** Keys that an audit reads at once. */
const AT_ONCE = 100;

type Kind = (typeof KINDS)[number];
type Words = readonly (string | number)[];

interface Known {
  /** The value. */
  head: string;
  pad: number;
  tail: string;
  /** It exists before the first moment, and does not after the second: epoch milliseconds, Infinity without a TTL. */
  from: number;
  till: number;
  mayGo: boolean;
}

export interface EvictionsTally {
  steps: number;
  commands: number;
  refused: number;
  /** Keys that were missing because they were evicted. */
  evicted: number;
  changes: number;
  audits: number;
  wrong: string[];
}

export class EvictionsCheck {
  readonly tally: EvictionsTally = {
    ...{ steps: 0, commands: 0, refused: 0, evicted: 0, changes: 0, audits: 0, wrong: [] },
  };
  private readonly random: Random;
  private readonly books: readonly Map<string, Known>[] = [new Map(), new Map()];
  private clients: RawClient[] = [];
  private direct!: RawClient;
  private proxy!: TestProxy;
  private pages: (typeof PAGES)[number] = 'evict';
  private shields = false;
  private mayUnlink = true;
  private values = 0;

  private constructor(
    private readonly t: Test,
    private readonly redis: RedisProcess,
    private readonly pool: string,
    private readonly workers: number,
    seed: number,
  ) {
    this.random = new Random(seed);
  }

  static async create(t: Test, seed: number, pool: string, workers: number): Promise<EvictionsCheck> {
    const user = ['--user', 'evictor', 'on', '>pass', '~*', '&*', '+@all'];
    const redis = await withRedis(t, ['--maxmemory', String(LIMIT), ...user]);
    const check = new EvictionsCheck(t, redis, pool, workers, seed);
    t.teardown(() => check.leave());
    await check.startProxy();
    await check.fill();
    return check;
  }

  async run(steps: number): Promise<void> {
    const { tally } = this;
    // Longer, where nothing was evicted yet, but not without an end.
    const goesOn = () =>
      (tally.steps < steps || (tally.evicted === 0 && tally.steps < LONGER * steps)) &&
      tally.wrong.length === 0;
    for (; goesOn(); tally.steps++) {
      await this.batch();
      if (this.random.oneIn(10)) await this.change();
      if (this.random.oneIn(40)) await this.audit();
    }
    if (!this.mayUnlink) await this.setRight(true);
    await this.audit();
  }

  private wrong(text: string): void {
    this.tally.wrong.push(`step ${this.tally.steps}: ${text}`);
  }

  private async startProxy(): Promise<void> {
    const { t, redis, pool, workers } = this;
    this.proxy = await withProxy(t, {
      redis,
      config: {
        ...{ workers, rules: this.rules(), memory: { reserve: 'off' } },
        upstream: { pool, url: `redis://evictor:pass@127.0.0.1:${redis.port}` },
      },
      reloaded: () => ({ rules: this.rules() }),
    });
    await this.connect();
  }

  private rules(): object[] {
    const evict = { ttl: '1h', evict: true };
    const mode = this.pages === 'observe' ? 'observe' : 'enforce';
    return [
      ...(this.shields ? [{ name: 'shield', match: SHIELD.match, ttl: '1h', priority: 'low' }] : []),
      { name: 'cache', match: 'cache:*', ...evict, priority: 'normal' },
      {
        name: 'page',
        match: 'page:*',
        db: PAGES_IN,
        ...evict,
        priority: 'low',
        mode,
        evict: this.pages !== 'keep',
      },
      { name: 'log', match: 'log:*', ttl: '1h', priority: 'low' },
      { name: 'order', match: 'order:*', durable: true, priority: 'high' },
    ];
  }

  private leave(): void {
    for (const client of [...this.clients, ...(this.direct === undefined ? [] : [this.direct])])
      client.destroy();
  }

  private async connect(): Promise<void> {
    this.leave();
    this.direct = await connectRaw(this.redis.port, 60_000);
    this.clients = await Promise.all(this.books.map((_, db) => this.client(db)));
  }

  /** Served, as soon as the proxy can. */
  private client(db: number): Promise<RawClient> {
    return until(async () => {
      const client = await connectRaw(this.proxy.port, 60_000).catch(() => undefined);
      if (client === undefined) return false;
      const reply = await client.call('SELECT', db).catch(String);
      if (String(reply) === '+OK\r\n') return client;
      client.destroy();
      return false;
    }, PATIENCE);
  }

  private key(kind: Kind = this.random.pick(KINDS)): string {
    return `${kind}:${this.random.below(KEYS[kind])}`;
  }

  private mayGo(db: number, key: string): boolean {
    if (SHIELD.keys.test(key)) return !this.shields;
    return key.startsWith('cache:') || (db === PAGES_IN && key.startsWith('page:') && this.pages === 'evict');
  }

  private async used(): Promise<number> {
    return Number(/used_memory:(\d+)/.exec(String(await this.direct.call('INFO', 'memory')))?.[1]);
  }

  /** Until evictions are near, or have begun: then memory need not rise further. */
  private async fill(): Promise<void> {
    const { evicted } = this.tally;
    while (this.tally.evicted === evicted && (await this.used()) < NEAR * LIMIT) await this.batch();
  }

  /** One pipeline of one client. */
  private async batch(): Promise<void> {
    const db = this.random.below(2);
    const client = this.clients[db] as RawClient;
    const works = Array.from({ length: 10 + this.random.below(40) }, () => this.work(db));
    const sentAt = Date.now();
    void client.write(Buffer.concat(works.map(({ words }) => command(...words))));
    const replies = (await client.readReplies(works.length)).map(String);
    const now = Date.now();
    for (const [i, { words, judge }] of works.entries()) {
      const reply = replies[i] as string;
      this.tally.commands++;
      if (reply.startsWith(OOM)) {
        this.tally.refused++;
        // Without the right to UNLINK memory may fill up.
        if (this.mayUnlink && String(words[1]).startsWith('order:') && words[0] !== 'COPY')
          this.wrong(`${words[0]} ${words[1]}: ${reply.slice(0, 200)}`);
      } else if (!judge(reply, sentAt, now)) {
        this.wrong(`${words.map((word) => String(word).slice(0, 40)).join(' ')}: ${reply.slice(0, 60)}`);
      }
    }
    if (this.mayUnlink) await until(async () => (await this.used()) < BUSY * LIMIT, PATIENCE);
  }

  /** What is known of the key at the time of a reply that said whether it was there; false: it cannot be so. */
  private seen(
    db: number,
    key: string,
    there: boolean,
    sentAt: number,
    now: number,
  ): Known | undefined | false {
    const book = this.books[db] as Map<string, Known>;
    const known = book.get(key);
    if (there) return known !== undefined && sentAt <= known.till && known;
    if (known === undefined) return undefined;
    book.delete(key);
    if (now >= known.from) return undefined;
    this.tally.evicted++;
    return known.mayGo ? undefined : false;
  }

  private work(db: number): { words: Words; judge: (reply: string, sentAt: number, now: number) => boolean } {
    const { random } = this;
    const book = this.books[db] as Map<string, Known>;
    const key = this.key();
    switch (random.below(16)) {
      case 0:
        return {
          words: ['GET', key],
          judge: (reply, sentAt, now) => {
            const known = this.seen(db, key, reply !== '$-1\r\n', sentAt, now);
            return known !== false && (known === undefined || reply === bulk(known));
          },
        };
      case 1:
      case 2:
        return {
          words: [random.pick(['DEL', 'UNLINK']), key],
          judge: (reply, sentAt, now) => {
            const known = this.seen(db, key, reply === ':1\r\n', sentAt, now);
            book.delete(key);
            return known !== false && /^:[01]\r\n$/.test(reply);
          },
        };
      case 3: {
        const tail = `+${++this.values}`;
        return {
          words: ['APPEND', key, tail],
          judge: (reply, sentAt, now) => {
            const length = Number(reply.slice(1));
            const known = this.seen(db, key, length > tail.length, sentAt, now);
            if (known === false) return false;
            // APPEND gives no TTL: the rules here are for strings that are set.
            if (known === undefined)
              book.set(key, { ...LASTING, head: '', pad: 0, tail, mayGo: this.mayGo(db, key) });
            else known.tail += tail;
            return length === lengthOf(book.get(key) as Known);
          },
        };
      }
      case 4: {
        const to = this.key();
        const copies = random.oneIn(2);
        return {
          words: copies ? ['COPY', key, to, 'REPLACE'] : ['RENAME', key, to],
          judge: (reply, sentAt, now) => {
            const there = reply === (copies ? ':1\r\n' : '+OK\r\n');
            if (!there && reply !== (copies ? ':0\r\n' : '-ERR no such key\r\n')) return copies && key === to;
            const known = this.seen(db, key, there, sentAt, now);
            if (known === false) return false;
            if (known === undefined) return true;
            if (!copies) book.delete(key);
            book.set(to, { ...known, mayGo: this.mayGo(db, to) });
            return true;
          },
        };
      }
      case 5: {
        const ms = 100 + random.below(3000);
        return {
          words: ['PEXPIRE', key, ms],
          judge: (reply, sentAt, now) => {
            const known = this.seen(db, key, reply === ':1\r\n', sentAt, now);
            if (known) Object.assign(known, { from: sentAt + ms, till: now + ms });
            return known !== false && /^:[01]\r\n$/.test(reply);
          },
        };
      }
      default: {
        const value = { head: `${++this.values}:`, pad: random.pick(SIZES), tail: '' };
        const ttl = key.startsWith('lock:') ? 600_000 : random.oneIn(15) ? 100 + random.below(3000) : 0;
        return {
          words: ['SET', key, textOf(value), ...(ttl > 0 ? ['PX', ttl] : [])],
          judge: (reply, sentAt, now) => {
            const life = ttl > 0 ? { from: sentAt + ttl, till: now + ttl } : LASTING;
            book.set(key, { ...value, ...life, mayGo: this.mayGo(db, key) });
            return reply === '+OK\r\n';
          },
        };
      }
    }
  }

  private async change(): Promise<void> {
    this.tally.changes++;
    switch (this.random.pick(CHANGES)) {
      case 'reload':
        await this.reload();
        break;
      case 'policy':
        // Without Spillway's eviction a server that evicts would do it itself.
        if (this.mayUnlink)
          await this.direct.call('CONFIG', 'SET', 'maxmemory-policy', this.random.pick(POLICIES));
        break;
      case 'rights':
        await this.setRight(!this.mayUnlink);
        break;
      case 'proxy':
        await this.proxy.running.stop(0);
        await this.startProxy();
        break;
      case 'server':
        await this.restartServer();
        break;
    }
  }

  private async reload(): Promise<void> {
    await this.writePages();
    this.pages = this.random.pick(PAGES);
    this.shields = this.random.oneIn(2);
    // Until the reload is over, what either the old or the new rules say may go.
    for (const [db, key, known] of this.known()) known.mayGo ||= this.mayGo(db, key);
    const { ok } = await this.proxy.running.reload('SIGHUP');
    if (!ok) this.wrong('a reload failed');
    await delay(UNDER_WAY_MS);
    await this.audit();
    for (const [db, key, known] of this.known()) known.mayGo = this.mayGo(db, key);
  }

  /** They are the next to go, by the rules of now. */
  private async writePages(): Promise<void> {
    const [client, book] = [this.clients[PAGES_IN], this.books[PAGES_IN]] as [RawClient, Map<string, Known>];
    for (let i = 0; i < NEW_PAGES; i++) {
      const [key, value] = [this.key('page'), { head: `${++this.values}:`, pad: 2000, tail: '' }];
      if (String(await client.call('SET', key, textOf(value))) !== '+OK\r\n') continue;
      book.set(key, { ...value, ...LASTING, mayGo: this.mayGo(PAGES_IN, key) });
    }
  }

  private known(): [number, string, Known][] {
    return this.books.flatMap((book, db) =>
      [...book].map(([key, known]): [number, string, Known] => [db, key, known]),
    );
  }

  private async setRight(may: boolean): Promise<void> {
    if (!may) await this.direct.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await this.direct.call('ACL', 'SETUSER', 'evictor', may ? '+unlink' : '-unlink');
    this.mayUnlink = may;
    if (may) await this.recovered();
  }

  /** Memory has room again, and Spillway knows it: orders pass through every client. */
  private async recovered(): Promise<void> {
    await until(async () => (await this.used()) < BUSY * LIMIT, PATIENCE);
    for (const [db, client] of this.clients.entries()) {
      const value = { head: `${++this.values}:`, pad: 100, tail: '' };
      await until(
        async () => String(await client.call('SET', 'order:0', textOf(value))) === '+OK\r\n',
        PATIENCE,
      );
      this.books[db]?.set('order:0', { ...value, ...LASTING, mayGo: false });
    }
  }

  /** It comes back empty, with the right to UNLINK. */
  private async restartServer(): Promise<void> {
    if (!(await this.evictedNothing())) this.wrong('the server itself has evicted');
    await this.redis.kill('SIGKILL');
    for (const book of this.books) book.clear();
    this.mayUnlink = true;
    await this.redis.restart();
    await this.connect();
    await this.fill();
  }

  private async evictedNothing(): Promise<boolean> {
    return /evicted_keys:0\r/.test(String(await this.direct.call('INFO', 'stats')));
  }

  /** All keys of the server, beside what is known; and its memory, where Spillway can make room. */
  private async audit(): Promise<void> {
    this.tally.audits++;
    if (this.mayUnlink) {
      await until(async () => (await this.used()) < REST * LIMIT, {
        ...PATIENCE,
        describe: () => `memory to be below ${REST} of the limit`,
      }).catch((error: Error) => this.wrong(error.message));
    }
    if (!(await this.evictedNothing())) this.wrong('the server itself has evicted');
    for (const [db, book] of this.books.entries()) await this.auditOf(db, book);
  }

  private async auditOf(db: number, book: Map<string, Known>): Promise<void> {
    const { direct } = this;
    await direct.call('SELECT', db);
    const all = words(String(await direct.call('KEYS', '*')));
    for (const key of all) if (!book.has(key)) this.wrong(`${key} of database ${db} should not be there`);
    const present = new Set(all);
    const there = [...book].filter(([key]) => present.has(key));
    for (const [key] of [...book]) {
      if (!present.has(key) && this.seen(db, key, false, Date.now(), Date.now()) === false)
        this.wrong(`${key} of database ${db} is gone`);
    }
    for (let i = 0; i < there.length; i += AT_ONCE) {
      const some = there.slice(i, i + AT_ONCE);
      void direct.write(Buffer.concat(some.map(([key]) => command('GET', key))));
      const replies = (await direct.readReplies(some.length)).map(String);
      for (const [j, [key, known]] of some.entries()) {
        const reply = replies[j] as string;
        // It may have expired or gone since, where it may.
        if (reply !== bulk(known) && !(reply === '$-1\r\n' && (known.mayGo || Date.now() >= known.from)))
          this.wrong(`${key} of database ${db} has another value: ${reply.slice(0, 40)}`);
      }
    }
    await direct.call('SELECT', 0);
  }
}

const LASTING = { from: Number.POSITIVE_INFINITY, till: Number.POSITIVE_INFINITY };

function textOf({ head, pad, tail }: Pick<Known, 'head' | 'pad' | 'tail'>): string {
  return head + 'x'.repeat(pad) + tail;
}

function lengthOf({ head, pad, tail }: Known): number {
  return head.length + pad + tail.length;
}

function bulk(known: Known): string {
  return `$${lengthOf(known)}\r\n${textOf(known)}\r\n`;
}

/** Of an array of bulk strings without line ends. */
function words(reply: string): string[] {
  return reply.split('\r\n').filter((_, i) => i > 0 && i % 2 === 0);
}
