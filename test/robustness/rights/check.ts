// Random rights: clients log in, fail to, RESET, read, write, run transactions and scripts, while users are made, changed
// and deleted, passwords set and rotated, connections killed, servers restarted, and replaced by others at the same address
// with other users, passwords and keys. Whatever a client does through the proxy a twin does beside it on a connection of its
// own to a second server, which goes through the same: so each reply is known. Only these may differ: a command that was on
// a connection when it was killed; a client that goes on where its twin was killed, with the rights of one that logs in anew;
// and the end, for a client of which no connection can be made any more. A client in a transaction, one that watches keys
// and one that is subscribed never go on. One step after the other, each awaited.
import type { Test } from 'tap';
import type { RedisProcess } from '../../../src/cli/local-server/redis-server.js';
import type { ConnectionSnapshot, PoolSnapshot } from '../../../src/observe/snapshots/connections.js';
import { type FaultyLink, withFaultyLink } from '../../support/faulty-link.js';
import { type TestProxy, withProxy } from '../../support/proxy.js';
import { command, connectRaw, type RawClient } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';
import { makeTransport, type Place, type Transport, type TransportName } from '../../support/transport.js';
import { until } from '../../support/wait.js';
import { Random } from '../fuzz/random.js';

/** What the end of a client may begin with: no connection can be made for it any more. */
const ENDS = /^-(NOAUTH|WRONGPASS|ERR AUTH|NOPERM [^\r]*'select')/;
const USERS = ['alice', 'bob', 'default'];
const PASSWORDS = ['p1', 'p2', 'p3'];
const CLIENTS = 6;
const ROOT = ['root', 'root-secret'] as const;
/** What every user may always do. */
const ALWAYS = ['+client', '+acl|whoami', '+hello', '+auth', '+reset', '+ping'];
const RIGHTS = [
  '+@all',
  '+get',
  '-get',
  '+set',
  '-set',
  '-eval',
  '+eval',
  '-multi',
  '+multi',
  '-subscribe',
  '+subscribe',
  '+select',
  '-select',
];
const LOST = '-ERR spillway lost its connection';
/**
 * Commands that any connection of the client's identity can serve. The client has one: it lost none that its twin did not lose.
 * So no such command ends it, with NOAUTH or any other error, in place of the reply that its twin got. EVAL needs its own.
 */
const SHARED = ['GET', 'SET', 'INCR'];
/**
 * Two exceptions. A client that has lost all its connections has none until a command of its succeeds: its failing AUTH, say, went
 * up one that it left, and then the default user got a password. And once a shared connection has ended that owed replies, a client needs its own one for a reply that may be larger
 * than 16 KB. Of a client that has had none yet Spillway assumes 256 KB, and half as much after each small reply.
 */
const KNOWN_REPLIES = 4;
/** After this time own connections that their clients do not need have ended, unless no other has their rights, in milliseconds. */
const IDLE_MS = 1300;

type Words = readonly string[];

/** How clients reach the proxy, and the proxy its server; twins come by TCP. */
export interface RightsWay {
  readonly front: TransportName;
  readonly back: TransportName;
  readonly workers: number;
}

export interface RightsTally {
  steps: number;
  replies: number;
  /** Replies that a connection of the client's own would not have had. */
  wrong: string[];
  /** Clients that were ended with good reason, commands that were lost with their connection, twins that came anew. */
  ended: number;
  lost: number;
  anew: number;
  /** Times that another server took the place, and commands that were on their way then. */
  replaced: number;
  underway: number;
}

/** Two servers that go through the same: twins come to the one, the proxy to the other. */
interface Pair {
  readonly redis: readonly [direct: RedisProcess, behind: RedisProcess];
  readonly places: readonly [direct: Place, behind: Place];
}

interface Lab {
  /** The first is there at first. */
  readonly pairs: readonly [Pair, Pair];
  /** In front of the pair that is there. */
  readonly links: readonly [direct: FaultyLink, behind: FaultyLink];
  readonly proxy: TestProxy;
  /** What connectRaw() takes for the proxy. */
  readonly door: number;
  readonly pool: string;
}

interface Actor {
  direct: RawClient;
  pooled: RawClient;
  credential: Words | undefined;
  resp: string;
  db: string;
  /** What only its own connection has: a transaction, watched keys, a channel. */
  holds: 'transaction' | 'watch' | 'subscription' | undefined;
  /** How often the default user had changed when it came. */
  came: number;
  /** How many replies it has had from the proxy since it came. */
  heard: number;
  /** A connection vouches for it: since it came, or since a command of its succeeded behind the loss of its connections. */
  isVouched: boolean;
}

interface Answer {
  readonly replies: string[];
  readonly closed: boolean;
}

export class RightsCheck {
  readonly tally: RightsTally = {
    ...{ steps: 0, replies: 0, wrong: [], ended: 0, lost: 0, anew: 0 },
    ...{ replaced: 0, underway: 0 },
  };
  private readonly random: Random;
  private readonly log: string[] = [];
  private actors: Actor[] = [];
  private admins: RawClient[] = [];
  /** Clients of the proxy's that are there. */
  private readonly open = new Set<RawClient>();
  /** Changes of the default user. */
  private changes = 0;

  /** Which pair is there, and how many have been. */
  private present = 0;
  private generation = 0;

  private constructor(
    seed: number,
    private readonly lab: Lab,
  ) {
    this.random = new Random(seed);
  }

  static async create(
    t: Test,
    seed: number,
    pool: string,
    { front, back, workers }: RightsWay,
  ): Promise<RightsCheck> {
    const [near, far] = [await makeTransport(t, front), await makeTransport(t, back)];
    const pair = async ({ serverArgs, serverPlace }: Pick<Transport, 'serverArgs' | 'serverPlace'>) => {
      const redis = [await withRedis(t), await withRedis(t, serverArgs)] as const;
      const place = { host: '127.0.0.1', port: redis[0].port };
      return { redis, places: [place, serverPlace(redis[1])] as const };
    };
    const pairs = [await pair(far), await pair(await far.another())] as const;
    const [direct, behind] = pairs[0].places;
    const links = [
      await withFaultyLink(t, direct, seed),
      await withFaultyLink(t, behind, seed, far.between()),
    ] as const;
    const proxy = await withProxy(t, {
      redis: pairs[0].redis[1],
      config: {
        ...near.listen,
        upstream: { ...far.upstreamAt(links[1].place), pool, sharedConnections: 2 },
        workers,
        memory: { shedWhen: 'never' },
      },
    });
    const door = near.doorTo(near.proxyPlace(proxy));
    const check = new RightsCheck(seed, { pairs, links, proxy, door, pool });
    t.teardown(() => {
      for (const { direct, pooled } of check.actors) for (const client of [direct, pooled]) client.destroy();
      for (const admin of check.admins) admin.destroy();
    });
    await check.begin();
    return check;
  }

  /** Until `done`, or the first wrong reply. */
  async run(done: () => boolean): Promise<RightsTally> {
    while (!done() && this.tally.wrong.length === 0) {
      this.tally.steps++;
      if (this.random.oneIn(60)) await this.idles();
      else if (this.random.oneIn(40)) await this.another();
      else if (this.random.oneIn(4)) await this.change();
      else await this.act(this.random.below(CLIENTS));
    }
    return this.tally;
  }

  private async begin(): Promise<void> {
    await this.govern();
    for (const user of USERS.slice(0, 2))
      await this.tell('ACL', 'SETUSER', user, 'on', '>p1', '~*', '&*', '+@all');
    for (let i = 0; i < CLIENTS; i++) this.actors[i] = await this.comes();
  }

  /** The admin comes to the pair that is there; its servers hold the same. */
  private async govern(): Promise<void> {
    for (const admin of this.admins) admin.destroy();
    this.admins = await Promise.all(
      this.pair.redis.map(async ({ port }) => {
        const admin = await connectRaw(port);
        await admin.call('ACL', 'SETUSER', ROOT[0], 'on', `>${ROOT[1]}`, '~*', '&*', '+@all');
        await admin.call('AUTH', ...ROOT);
        return admin;
      }),
    );
    await this.fill();
  }

  private get pair(): Pair {
    return this.lab.pairs[this.present & 1];
  }

  /** The servers hold the same. `who` names them. */
  private async fill(): Promise<void> {
    await this.tell('FLUSHALL');
    await this.tell('MSET', 'k', 'v', 'who', `server${this.generation}`);
  }

  private async tell(...words: Words): Promise<void> {
    this.log.push(`admin: ${words.join(' ')}`);
    await Promise.all(this.admins.map((admin) => admin.call(...words)));
  }

  private async comes(): Promise<Actor> {
    // Those that left are not counted any more.
    await this.settled();
    const pooled = await until(() => connectRaw(this.lab.door).catch(() => undefined), {
      timeoutMs: 10_000,
    });
    this.open.add(pooled);
    // A connection stands at the server, behind the link, when it is answered for the first time.
    if (this.lab.pool === 'session') await pooled.call('PING');
    const direct = await this.twin();
    await this.settled();
    return {
      direct,
      pooled,
      credential: undefined,
      resp: '2',
      db: '0',
      holds: undefined,
      came: this.changes,
      heard: 0,
      isVouched: true,
    };
  }

  /** It is known of each client what it may do, so that what changes next comes behind that. */
  private async settled(): Promise<void> {
    let last = '';
    await until(
      async () => {
        const { clients, pool } = (await this.lab.proxy.admin('/api/connections')) as ConnectionSnapshot;
        for (const client of this.open)
          if (client.closed || client.socket.destroyed) this.open.delete(client);
        last = `${clients} clients, ${this.open.size} due; ${pool?.clientsWaiting} wait`;
        return clients === this.open.size && (pool?.clientsWaiting ?? 0) === 0;
      },
      { describe: () => `all clients to be known: ${last}` },
    );
  }

  private async change(): Promise<void> {
    const { random } = this;
    const user = random.pick(USERS);
    const password = random.pick(PASSWORDS);
    if (user === 'default') this.changes++;
    switch (random.below(10)) {
      case 0:
        this.changes++;
        await this.tell('CONFIG', 'SET', 'requirepass', random.pick(['', password]));
        return;
      case 1:
        await this.tell('ACL', 'SETUSER', user, random.pick(['on', 'off']));
        return;
      case 2:
        await this.tell('ACL', 'SETUSER', user, 'on', `>${password}`);
        return;
      case 3:
        await this.tell('ACL', 'SETUSER', user, 'resetpass', `>${password}`);
        return;
      case 4:
      case 5:
        await this.tell('ACL', 'SETUSER', user, 'on', 'nopass');
        return;
      case 6:
      case 7:
        await this.tell('ACL', 'SETUSER', user, '~*', random.pick(RIGHTS), ...ALWAYS);
        return;
      case 8:
        if (user === 'default') return;
        await this.tell('ACL', 'DELUSER', user);
        if (random.oneIn(2)) await this.tell('ACL', 'SETUSER', user, 'on', `>${password}`, '~*', ...ALWAYS);
        return;
      default:
        if (random.oneIn(12)) await this.restart();
        else await this.tell('CLIENT', 'KILL', 'USER', user);
    }
  }

  /** The clients say nothing until their own connections have ended. */
  private async idles(): Promise<void> {
    this.log.push('all idle');
    const end = performance.now() + IDLE_MS;
    await until(async () => {
      const pool = await this.pool();
      return (pool?.parkedConnections ?? 0) === 0 || performance.now() > end;
    });
  }

  private async restart(): Promise<void> {
    this.log.push('restart');
    this.changes++;
    await Promise.all(this.pair.redis.map((server) => server.restart()));
    for (const { direct, pooled } of this.actors) for (const client of [direct, pooled]) client.destroy();
    await this.begin();
  }

  /** Other servers take the place: the clients stay, what they had on their connections is gone. */
  private async another(): Promise<void> {
    const { random, actors, lab } = this;
    const old = this.generation;
    this.log.push('another server');
    this.tally.replaced++;
    this.changes++;
    this.present++;
    this.generation++;
    const former = this.admins;
    this.admins = [];
    await Promise.all(this.pair.redis.map((server) => server.restart()));
    await this.govern();
    for (const user of USERS) {
      const password = random.pick(PASSWORDS);
      if (user === 'default') await this.tell('CONFIG', 'SET', 'requirepass', random.pick(['', password]));
      else if (!random.oneIn(4))
        await this.tell('ACL', 'SETUSER', user, 'on', `>${password}`, '~*', '&*', '+@all');
      if (random.oneIn(2)) await this.tell('ACL', 'SETUSER', user, random.pick(RIGHTS), ...ALWAYS);
    }
    const i = random.below(CLIENTS);
    // Database 0 has the key that names its server.
    const isFree = actors[i].holds === undefined && actors[i].db === '0';
    const underway = isFree ? random.below(20) : 0;
    const asked = said(actors[i].pooled, Array<Words>(underway).fill(['GET', 'who']));
    const { sharedConnections: stood = 0, sharedConnectionsLost: lost = 0 } = (await this.pool()) ?? {};
    for (const [n, link] of lab.links.entries()) link.lead(this.pair.places[n]);
    // Whoever were still subscribed there would hear it.
    for (const admin of former) {
      await admin.call('PUBLISH', 'c', `server${old}`);
      admin.destroy();
    }
    const { replies } = await asked;
    this.tally.underway += underway;
    const isOld = (reply: string) => reply.endsWith(`server${old}\r\n`);
    const before = replies.slice(0, replies.findLastIndex(isOld) + 1);
    const isNew = (reply: string) => reply.endsWith(`server${this.generation}\r\n`);
    const known = replies.every((reply) => reply.startsWith('-') || isOld(reply) || isNew(reply));
    if (!known || before.some(isNew))
      this.tally.wrong.push(
        `client ${i}, under way: ${JSON.stringify(replies)}\n${this.log.slice(-60).join('\n')}`,
      );
    if (underway === 0) return;
    // Who comes now comes to the new server.
    await until(async () => {
      const pool = await this.pool();
      return pool === null || pool.sharedConnectionsLost >= lost + stood;
    });
    await this.replace(i, false);
  }

  private async pool(): Promise<PoolSnapshot | null> {
    return ((await this.lab.proxy.admin('/api/connections')) as ConnectionSnapshot).pool;
  }

  private async act(i: number): Promise<void> {
    const { random, actors } = this;
    if (random.oneIn(12)) {
      for (const client of [actors[i].direct, actors[i].pooled]) client.destroy();
      actors[i] = await this.comes();
      this.log.push(`${i} comes`);
      return;
    }
    const lines = this.lines(actors[i].holds);
    this.log.push(`${i}: ${lines.map((words) => words.join(' ')).join(' | ')}`);
    const actor = actors[i];
    const wasVouched = actor.isVouched;
    let due = await said(actor.direct, lines);
    let got = await said(actor.pooled, lines);
    const lost = got.replies.some((reply) => reply.startsWith(LOST));
    if (due.closed && !got.closed) {
      // It cannot have what it held: nothing but its end may follow.
      if (actor.holds !== undefined && !lost) return this.wrong(i, due, got);
      this.tally.anew++;
      const twin = await this.loggedInAnew(actor);
      if (twin === undefined || lost) return this.replace(i, lost);
      actor.direct = twin;
      actor.isVouched = false;
      due = await said(twin, lines);
    }
    if (lost) return this.replace(i, true);
    if (due.closed && got.closed) return this.replace(i, false);
    this.tally.replies += got.replies.length;
    const same = got.replies.every((reply, n) => reply === due.replies[n]);
    if (!same && !got.closed && ENDS.test(got.replies.at(-1) ?? '')) {
      // The end comes right behind it, if it is one.
      await actor.pooled.readUntilClosed().catch(() => {});
      got = { ...got, closed: actor.pooled.closed };
    }
    if (got.closed && !due.closed) {
      // Its last words say why, in place of a reply.
      const told = same || got.replies.slice(0, -1).every((reply, n) => reply === due.replies[n]);
      const words = got.replies.at(-1) ?? '';
      // A client that logs in anew with a password that counts, or sends RESET, needs the old one no more. But its new
      // user may not SELECT the database that it is in.
      const at = got.replies.length - 1;
      const [name = '', ...given] = lines[at] ?? [];
      const isTaken = due.replies[at]?.startsWith('-') === false;
      const isAnew = isTaken && (name === 'RESET' || lines[at].includes('AUTH'));
      const credential = name === 'AUTH' ? given : given.slice(2);
      const logsIn = isAnew && (name === 'RESET' || !(await this.mayEnd({ ...actor, credential })));
      const hasOwed = this.tally.underway > 0 || this.tally.lost > 0;
      const isKnown = !hasOwed || actor.heard >= KNOWN_REPLIES;
      const isServed = SHARED.includes(name) && isKnown && actor.isVouched;
      const fair = same || (ENDS.test(words) && !logsIn && !isServed);
      if (!told || !fair || !(await this.mayEnd(actor))) this.wrong(i, due, got);
      else this.tally.ended++;
      return this.replace(i, false);
    }
    if (!same || got.replies.length !== due.replies.length) {
      if (!actor.isVouched && (await this.hasRightsOfNow(actor, lines, got))) return this.replace(i, false);
      return this.wrong(i, due, got);
    }
    actor.heard += got.replies.length;
    actor.isVouched ||= got.replies.some((reply) => !reply.startsWith('-'));
    // Its rights are those of now, and its twin's those of when that came: what shows later may differ.
    if (actor.isVouched && !wasVouched) return this.replace(i, false);
    this.note(actor, lines, due.replies);
    await this.settled();
  }

  private lines(holds: Actor['holds']): Words[] {
    const { random } = this;
    const user = random.pick(USERS);
    const password = random.pick(PASSWORDS);
    const data = (): Words =>
      random.pick([
        ['GET', 'k'],
        ['GET', 'who'],
        ['SET', 'k', `v${random.below(9)}`],
        ['ACL', 'WHOAMI'],
        ['INCR', 'n'],
        ['EVAL', "return redis.call('GET', KEYS[1])", '1', 'k'],
      ]);
    if (holds === 'transaction')
      return random.pick([
        [data()],
        [data(), data()],
        [['EXEC'], data()],
        [['DISCARD'], data()],
        [['RESET']],
      ]);
    if (holds === 'subscription')
      return random.pick([[['PING']], [['UNSUBSCRIBE', 'c'], data()], [['RESET']]]);
    switch (random.below(19)) {
      case 0:
      case 1:
        return [['AUTH', user, password]];
      case 11:
        // It needs its own connection from then on.
        return [['WATCH', 'k'], data()];
      case 12:
        return [['UNWATCH'], data()];
      case 13:
        return [random.pick([['NOSUCH'], ['MULTI', 'now'], ['EXEC']]), data()];
      case 2:
        return [['AUTH', password]];
      case 3:
        return [['HELLO', random.pick(['2', '3']), 'AUTH', user, password], data()];
      case 4:
        return [['HELLO', random.pick(['2', '3'])], data()];
      case 5:
        return [['RESET'], data()];
      case 6:
        return [['SELECT', random.pick(['0', '1'])], data()];
      case 7:
        return [['MULTI'], data(), data(), ['EXEC'], data()];
      case 8:
        return [['WATCH', 'k'], data(), ['MULTI'], data(), ['EXEC']];
      case 9:
        return [['SUBSCRIBE', 'c'], ['UNSUBSCRIBE', 'c'], data()];
      case 10:
        return [['AUTH', user, password], data(), ['RESET'], data()];
      case 14:
        return [random.pick([['MULTI'], ['SUBSCRIBE', 'c']])];
      default:
        return [data(), data()];
    }
  }

  /** What its twin takes along when it is made anew. */
  private note(actor: Actor, lines: readonly Words[], replies: readonly string[]): void {
    for (const [n, [name, ...words]] of lines.entries()) {
      const reply = replies[n] ?? '-';
      // A transaction that fails is over, too.
      if (name === 'EXEC' || name === 'RESET' || name === 'DISCARD') {
        if (actor.holds !== 'subscription' || name === 'RESET') actor.holds = undefined;
      }
      if (reply.startsWith('-')) continue;
      if (name === 'MULTI') actor.holds = 'transaction';
      else if (name === 'SUBSCRIBE') actor.holds = 'subscription';
      else if (name === 'WATCH') actor.holds = 'watch';
      else if (name === 'UNSUBSCRIBE' || name === 'UNWATCH') actor.holds = undefined;
      else if (name === 'AUTH') actor.credential = words;
      else if (name === 'SELECT') actor.db = words[0];
      else if (name === 'HELLO') {
        actor.resp = words[0];
        if (words.length > 1) actor.credential = words.slice(2);
      } else if (name === 'RESET') {
        Object.assign(actor, { credential: undefined, resp: '2', db: '0', came: this.changes });
      }
    }
  }

  /** A connection that has been answered. */
  private async twin(): Promise<RawClient> {
    const twin = await connectRaw(this.lab.links[0].port);
    await twin.call('PING');
    return twin;
  }

  /** A connection for the client's twin as the client would make it now; undefined: it cannot log in. */
  private async loggedInAnew({ credential, resp, db }: Actor): Promise<RawClient | undefined> {
    const twin = await this.twin();
    const login: Words[] = [];
    if (credential !== undefined) login.push(['AUTH', ...credential]);
    if (resp !== '2') login.push(['HELLO', resp]);
    if (db !== '0') login.push(['SELECT', db]);
    const { replies } = await said(twin, login);
    if (replies.every((reply) => !reply.startsWith('-'))) return twin;
    twin.destroy();
    return undefined;
  }

  /** No connection with just the rights of this client can be made any more. */
  private async mayEnd(actor: Actor): Promise<boolean> {
    if (actor.credential === undefined) return actor.came !== this.changes;
    const twin = await this.loggedInAnew(actor);
    twin?.destroy();
    return twin === undefined;
  }

  /** Whether a client that no connection vouches for has been answered as one that logs in now: the values aside. */
  private async hasRightsOfNow(actor: Actor, lines: readonly Words[], got: Answer): Promise<boolean> {
    const twin = await this.loggedInAnew(actor);
    if (twin === undefined) return false;
    const { replies } = await said(twin, lines);
    twin.destroy();
    const isRefused = (reply: string | undefined) => reply?.startsWith('-') === true;
    return (
      replies.length === got.replies.length &&
      got.replies.every((reply, n) => (isRefused(reply) ? reply === replies[n] : !isRefused(replies[n])))
    );
  }

  private async replace(i: number, lost: boolean): Promise<void> {
    if (lost) this.tally.lost++;
    for (const client of [this.actors[i].direct, this.actors[i].pooled]) client.destroy();
    // What one of them has written and the other has not.
    await this.fill();
    this.actors[i] = await this.comes();
    this.log.push(`${i} comes anew`);
  }

  private wrong(i: number, due: Answer, got: Answer): void {
    const text = ({ replies, closed }: Answer) => `${JSON.stringify(replies)}${closed ? ' and the end' : ''}`;
    this.tally.wrong.push(
      `client ${i}: due ${text(due)}\n got ${text(got)}\n${this.log.slice(-60).join('\n')}`,
    );
  }
}

/** What is answered, up to the end of the connection. */
async function said(client: RawClient, lines: readonly Words[]): Promise<Answer> {
  const replies: string[] = [];
  void client.write(Buffer.concat(lines.map((words) => command(...words))));
  try {
    for (const _ of lines) {
      const [reply] = await client.readReplies(1);
      // The number of the connection in what HELLO answers.
      replies.push(String(reply).replace(/\$2\r\nid\r\n:\d+/, 'id'));
    }
  } catch (error) {
    if (!client.closed) throw error;
    return { replies, closed: true };
  }
  return { replies, closed: client.closed };
}
