// Where one client's commands go with command pooling, against a real server: its seat on shared connections, and one of
// its own while it needs that.
import t, { type Test } from 'tap';
import { encodeCommand } from '../../../src/core/resp/encode.js';
import { Session } from '../../../src/core/session/session.js';
import { ClientUpstream, type ClientUpstreamUser } from '../../../src/wire/upstream/client-upstream.js';
import { UpstreamPool } from '../../../src/wire/upstream/upstream-pool.js';
import { withRaw } from '../../support/raw-client.js';
import { withRedis } from '../../support/redis.js';
import { makeSession, Sink } from '../../support/session-lab.js';
import { until } from '../../support/wait.js';
import { closing, sharedParts } from './shared-lab.js';

const redis = await withRedis(t);
const look = await withRaw(t, redis.port);
await look.call('ACL', 'SETUSER', 'root', 'on', '>root', '~*', '&*', '+@all');
await look.call('AUTH', 'root', 'root');
const anew = async (): Promise<void> => {
  await look.call('CONFIG', 'SET', 'requirepass', '');
  await look.call('ACL', 'SETUSER', 'default', 'on', 'nopass', '~*', '&*', '+@all');
  await look.call('ACL', 'SETUSER', 'alice', 'on', '>a', '~*', '+@all');
  await look.call('FLUSHALL');
};
t.beforeEach(anew);

/** A link without a client's socket. */
class Link implements ClientUpstreamUser {
  readonly told: string[] = [];
  readonly session: Session;
  readonly upstream: ClientUpstream;
  readonly client = new Sink();
  bytes = 0;
  /** Of replies on shared connections, as it was told. */
  cameBytes = 0;
  isOver = false;

  constructor(
    readonly pool: UpstreamPool,
    options: ConstructorParameters<typeof ClientUpstream>[0],
  ) {
    this.upstream = new ClientUpstream(options, this, pool);
    const { seat } = this.upstream;
    const { context } = makeSession({ shedding: true }, true);
    this.session = new Session(context, this.client, undefined, seat, (pausable) => seat?.find(pausable));
    seat?.rights.come();
  }

  /** Its next reply, and nothing more. */
  async ask(...words: string[]): Promise<string> {
    this.send(...words);
    await until(() => this.session.idle && !this.session.stalled, { describe: `an answer to ${words[0]}` });
    return this.client.take().toString('latin1');
  }

  send(...words: string[]): void {
    const command = encodeCommand(...words);
    this.bytes += command.length;
    this.session.fromClient(command);
    this.flush();
  }

  get hasParked(): boolean {
    return this.upstream.hasParked;
  }

  flush(): void {
    if (this.isOver) return;
    this.upstream.provide();
    this.upstream.flush();
  }

  fromOwn(chunk: Buffer): void {
    this.session.fromUpstream(chunk);
    if (this.session.hasOtherRights) this.told.push('other rights');
    else {
      this.upstream.answered();
      this.flush();
    }
  }

  lastWords(): void {}

  upstreamFailed({ message }: Error): void {
    this.told.push(`failed: ${message}`);
  }

  upstreamDrained(): void {}

  endTurn(): void {}

  ownCut(): void {}

  ownEnded(parked: boolean): void {
    this.told.push(parked ? 'the parked one ended' : 'its own one ended');
  }

  repliesCame(bytes: number): void {
    this.cameBytes += bytes;
    this.flush();
  }

  turnAway({ message }: Error): void {
    this.told.push(`turned away: ${message}`);
    this.close();
  }

  close(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.session.close();
    this.upstream.close();
  }
}

function lab(t: Test) {
  const { options, room } = sharedParts(redis.port);
  const pool = closing(t, new UpstreamPool({ ...options, size: 2, responseTimeoutMs: 1000 }));
  const comes = (): Link => closing(t, new Link(pool, options));
  /** One that is a member already. */
  const settled = async (): Promise<Link> => {
    const link = comes();
    await until(() => link.upstream.isSharing, { describe: 'the client to be a member' });
    return link;
  };
  return { pool, room, comes, settled };
}

t.test('a silent client is a member at once', async (t) => {
  const { pool, comes } = lab(t);
  const link = comes();
  t.equal(pool.snapshot().clientsWaiting, 1);
  await until(() => link.upstream.isSharing);
  t.match(pool.snapshot(), { clientsWaiting: 0, sharedConnections: 1 });
  t.equal(link.upstream.own, undefined);
});

t.test('reads and writes go over two connections, one after the other', async (t) => {
  const { pool, settled } = lab(t);
  const link = await settled();
  t.equal(await link.ask('GET', 'k'), '$-1\r\n');
  const reads = link.upstream.seat?.connection;
  t.equal(await link.ask('SET', 'k', 'v'), '+OK\r\n');
  const writes = link.upstream.seat?.connection;
  t.not(writes, reads);
  t.equal(await link.ask('GET', 'k'), '$1\r\nv\r\n');
  t.equal(link.upstream.seat?.connection, reads);
  link.close();
  t.same([reads?.members.size, writes?.members.size], [0, 0]);
  t.equal(pool.snapshot().clientsWaiting, 0);
});

t.test('an own connection while the client needs it, parked for a while, then closed', async (t) => {
  const { settled } = lab(t);
  const link = await settled();
  const { upstream } = link;
  t.equal(await link.ask('WATCH', 'k'), '+OK\r\n');
  const { own } = upstream;
  t.match([upstream.isPinned, upstream.hasParked, upstream.isSharing], [true, false, false]);
  t.equal(await link.ask('UNWATCH'), '+OK\r\n');
  t.match([upstream.isPinned, upstream.hasParked, upstream.isSharing], [false, true, true]);
  t.equal(await link.ask('GET', 'k'), '$-1\r\n');
  t.equal(await link.ask('WATCH', 'k'), '+OK\r\n');
  t.equal(upstream.own, own, 'it is needed again');
  t.equal(await link.ask('UNWATCH'), '+OK\r\n');
  await until(() => upstream.own === undefined);
  t.equal(upstream.isSharing, true);
  t.same(link.told, []);
});

t.test('a client stays on its shared connection while that takes commands', async (t) => {
  const { settled } = lab(t);
  const link = await settled();
  const first = link.upstream.seat?.connection;
  await Promise.all([settled(), settled()]);
  for (let i = 1; i <= 3; i++) {
    t.equal(await link.ask('PING'), '+PONG\r\n');
    await until(() => link.cameBytes === 7 * i, { describe: 'the client to be told of its replies' });
    t.equal(link.upstream.seat?.connection, first);
  }
  if (first === undefined) throw new Error('it has no seat');
  first.isOverdue = true;
  await until(
    () => {
      const found = link.upstream.seat?.find(false);
      return found !== undefined && found !== first;
    },
    { describe: 'another one to be found' },
  );
  t.equal(await link.ask('PING'), '+PONG\r\n');
  t.notOk(first.members.has(link.upstream.seat as never), 'it has left the one that is overdue');
});

t.test(
  'behind commands that Spillway refuses by itself, one that needs another connection is not held up',
  async (t) => {
    const { comes, settled } = lab(t);
    const commands = [
      ['SET', 'low:k', 'v'],
      ['WATCH', 'k'],
      ['UNWATCH'],
      ['SET', 'low:k', 'v'],
      ['GET', 'k'],
    ];
    const bytes = Buffer.concat(commands.map((words) => encodeCommand(...words)));
    for (const link of [await settled(), comes()]) {
      link.bytes += bytes.length;
      link.session.fromClient(bytes);
      link.flush();
      await until(() => link.session.idle && !link.session.stalled, { describe: 'all to be answered' });
      t.match(
        link.client.take().toString('latin1'),
        /^-OOM [^\r]*\r\n\+OK\r\n\+OK\r\n-OOM [^\r]*\r\n\$-1\r\n$/,
      );
    }
  },
);

t.test('another identity is another seat', async (t) => {
  const { settled } = lab(t);
  const [link, other] = [await settled(), await settled()];
  t.equal(await link.ask('GET', 'k'), '$-1\r\n');
  const before = link.upstream.seat?.connection;
  t.equal(before?.members.size, 2);
  t.equal(await link.ask('AUTH', 'alice', 'a'), '+OK\r\n');
  t.equal(await link.ask('SET', 'k', 'v'), '+OK\r\n');
  t.equal(await link.ask('ACL', 'WHOAMI'), '$5\r\nalice\r\n');
  t.not(link.upstream.seat?.connection, before);
  t.equal(before?.members.size, 1);
  t.equal(await other.ask('ACL', 'WHOAMI'), '$7\r\ndefault\r\n');
});

t.test(
  'a shared connection that is lost: what it owed is answered, its members are asked about anew',
  async (t) => {
    const { pool, settled } = lab(t);
    const [link, silent] = [await settled(), await settled()];
    t.equal(await link.ask('SET', 'k', 'v'), '+OK\r\n');
    await look.call('CLIENT', 'PAUSE', '60000', 'WRITE');
    t.teardown(() => look.call('CLIENT', 'UNPAUSE'));
    link.send('SET', 'k', 'w');
    await until(() => link.session.idle === false);
    await look.call('CLIENT', 'KILL', 'USER', 'default');
    await look.call('CLIENT', 'UNPAUSE');
    await until(() => link.session.idle);
    t.match(link.client.take().toString('latin1'), /^-ERR spillway lost its connection/);
    await until(() => pool.snapshot().sharedConnectionsLost === 2);
    const before = link.cameBytes;
    const { length } = await link.ask('GET', 'k');
    await until(() => link.cameBytes === before + length, { describe: 'the client to be told of its reply' });
    t.match(await silent.ask('GET', 'k'), /^\$1\r\n/);
    t.same([...link.told, ...silent.told], []);
  },
);

t.test('a client whose own connection ended shares again once its login is confirmed', async (t) => {
  const { settled } = lab(t);
  const [link, other] = [await settled(), await settled()];
  t.equal(await other.ask('AUTH', 'alice', 'a'), '+OK\r\n');
  t.equal(await other.ask('GET', 'k'), '$-1\r\n');
  await until(() => other.upstream.isSharing && other.upstream.own === undefined);
  t.equal(await link.ask('CLIENT', 'SETNAME', 'mine'), '+OK\r\n');
  t.equal(await link.ask('AUTH', 'alice', 'a'), '+OK\r\n');
  await look.call('ACL', 'SETUSER', 'alice', 'resetpass', '>b');
  const own = /id=(\d+) [^\n]* name=mine /.exec(String(await look.call('CLIENT', 'LIST')))?.[1];
  t.equal(String(await look.call('CLIENT', 'KILL', 'ID', own ?? '')), ':1\r\n');
  await until(() => link.upstream.own === undefined, { describe: 'its own connection to be gone' });
  link.send('GET', 'k');
  await until(() => link.isOver, { describe: 'the client to be turned away' });
  t.match(link.told, ['the parked one ended', /^turned away: .*WRONGPASS/]);
  t.equal(await other.ask('ACL', 'WHOAMI'), '$5\r\nalice\r\n', 'a connection that stands stays as it is');
});

t.test(
  'a login that is wanted since changes nothing for a member, until it needs another connection',
  async (t) => {
    const { comes, settled } = lab(t);
    const [link, late] = [await settled(), await settled()];
    await look.call('CONFIG', 'SET', 'requirepass', 'secret');
    for (const one of [link, late]) t.equal(await one.ask('GET', 'k'), '$-1\r\n');
    link.send('MULTI');
    await until(() => link.told.length > 0);
    t.match(link.told, ['other rights']);
    const stranger = comes();
    await until(() => stranger.upstream.isPinned, { describe: 'one that is not let in to have its own' });
    t.match(await stranger.ask('GET', 'k'), /^-NOAUTH/);
    await look.call('CONFIG', 'SET', 'requirepass', '');
    t.match(await stranger.ask('HELLO', '3'), /^-NOAUTH/);
    await look.call('CONFIG', 'SET', 'requirepass', 'secret');
    await look.call('CLIENT', 'KILL', 'USER', 'default');
    await until(() => !late.upstream.isSharing);
    late.send('GET', 'k');
    await until(() => late.told.length > 0);
    t.match(late.told, [/^turned away: .*NOAUTH/]);
  },
);

t.test('without room for a shared connection it keeps its own', async (t) => {
  const { room, comes, pool } = lab(t);
  room.isOpen = false;
  const link = comes();
  t.equal(await link.ask('GET', 'k'), '$-1\r\n');
  t.equal(link.upstream.isPinned, true);
  t.equal(await link.ask('SET', 'k', 'v'), '+OK\r\n');
  room.isOpen = true;
  t.equal(await link.ask('GET', 'k'), '$1\r\nv\r\n');
  t.match([link.upstream.isPinned, pool.snapshot().sharedConnectionsTotal], [true, 0], 'for good');
  t.equal(await link.ask('RESET'), '+RESET\r\n');
  t.equal(await link.ask('GET', 'k'), '$1\r\nv\r\n');
  t.equal(link.upstream.isSharing, true, 'or until it is as new');
});

t.test('a login that fails leaves a client what it had', async (t) => {
  const wrong = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
  const logins = [
    ['AUTH', 'wrong'],
    ['AUTH', 'alice', 'wrong'],
    ['HELLO', '2', 'AUTH', 'default', 'wrong'],
    ['HELLO', '3', 'AUTH', 'default', 'wrong'],
  ];
  const before: readonly (readonly string[])[] = [
    [],
    ['HELLO', '3'],
    ['SELECT', '1'],
    ['CLIENT', 'SETNAME', 'me'],
  ];
  const { settled } = lab(t);
  const clients: { link: Link; login: readonly string[]; none: string; name: string }[] = [];
  for (const command of before) {
    for (const login of logins) {
      const link = await settled();
      if (command.length > 0) await link.ask(...command);
      const none = await link.ask('GET', 'k');
      clients.push({ link, login, none, name: `${login.join(' ')} behind ${command.join(' ')}` });
    }
  }
  // They have no connections of their own to go on with.
  await until(() => clients.every(({ link }) => link.upstream.own === undefined));
  await look.call('CONFIG', 'SET', 'requirepass', 'secret');
  for (const { link, login, none, name } of clients) {
    t.equal(await link.ask(...login), wrong, name);
    t.equal(await link.ask('GET', 'k'), none, name);
  }
  // Nor to one that was made meanwhile.
  await look.call('CONFIG', 'SET', 'requirepass', '');
  for (const { link } of clients) t.equal(await link.ask('WATCH', 'k'), '+OK\r\n');
  await look.call('CONFIG', 'SET', 'requirepass', 'secret');
  for (const { link, login, none, name } of clients) {
    t.equal(await link.ask('GET', 'k'), none, name);
    t.equal(await link.ask('UNWATCH'), '+OK\r\n', name);
    t.equal(await link.ask(...login), wrong, 'once more');
    t.equal(await link.ask('AUTH', 'secret'), '+OK\r\n', 'then the right one');
    t.equal(await link.ask('ACL', 'WHOAMI'), '$7\r\ndefault\r\n');
    t.same(link.told, [], name);
  }
});

t.test(
  'a client whose password has changed shares with its old login, and is refused a wrong one',
  async (t) => {
    const { settled } = lab(t);
    const logins = [
      { hello: '2', login: ['AUTH', 'alice', 'wrong'], refusal: /^-WRONGPASS/ },
      { hello: '3', login: ['AUTH', 'alice', 'wrong'], refusal: /^-WRONGPASS/ },
      // A connection is made with that login by HELLO, which needs no password; AUTH without a user is refused there.
      { hello: '3', login: ['AUTH', 'any'], refusal: /^-ERR AUTH/ },
    ];
    const links: Link[] = [];
    for (const { hello } of logins) {
      const link = await settled();
      await link.ask('HELLO', hello, 'AUTH', 'alice', 'a');
      t.equal(await link.ask('ACL', 'WHOAMI'), '$5\r\nalice\r\n');
      links.push(link);
    }
    await until(() => links.every(({ upstream }) => upstream.own === undefined));
    await look.call('ACL', 'SETUSER', 'alice', 'resetpass', '>b');
    for (const [i, { login, refusal }] of logins.entries()) {
      const link = links[i];
      t.match(await link.ask(...login), refusal, login.join(' '));
      t.equal(await link.ask('ACL', 'WHOAMI'), '$5\r\nalice\r\n', 'it is who it was');
      t.equal(await link.ask('AUTH', 'alice', 'b'), '+OK\r\n');
      t.equal(await link.ask('ACL', 'WHOAMI'), '$5\r\nalice\r\n');
      t.same(link.told, []);
    }
  },
);

t.test('RESET answers a client whose login is no longer valid', async (t) => {
  const changes = {
    'another password': ['resetpass', '>b'],
    'its user is off': ['off'],
    'its user may not SELECT': ['-select'],
  };
  for (const [name, change] of Object.entries(changes)) {
    await anew();
    const { settled } = lab(t);
    const link = await settled();
    await link.ask('HELLO', '3', 'AUTH', 'alice', 'a');
    await link.ask('SELECT', '1');
    t.equal(await link.ask('ACL', 'WHOAMI'), '$5\r\nalice\r\n');
    await until(() => link.upstream.own === undefined);
    await look.call('ACL', 'SETUSER', 'alice', ...change);
    t.equal(await link.ask('RESET'), '+RESET\r\n', name);
    t.equal(await link.ask('ACL', 'WHOAMI'), '$7\r\ndefault\r\n');
    t.equal(await link.ask('SET', 'k', 'v'), '+OK\r\n');
    t.same(link.told, []);
    t.equal(String(await look.call('EXISTS', 'k')), ':1\r\n', 'in database 0');
    await look.call('DEL', 'k');
  }
});

t.test('one whose user may no longer SELECT its database logs in as one who may', async (t) => {
  for (const login of [
    ['AUTH', 'bob', 'b'],
    ['HELLO', '3', 'AUTH', 'bob', 'b'],
  ]) {
    await anew();
    await look.call('ACL', 'SETUSER', 'alice', '+select');
    await look.call('ACL', 'SETUSER', 'bob', 'on', '>b', '~*', '+@all');
    const { settled } = lab(t);
    const link = await settled();
    await link.ask('AUTH', 'alice', 'a');
    await link.ask('SELECT', '1');
    t.equal(await link.ask('SET', 'k', 'in-1'), '+OK\r\n');
    await until(() => link.upstream.own === undefined);
    await look.call('ACL', 'SETUSER', 'alice', '-select');
    t.notMatch(await link.ask(...login), /^-/, login.join(' '));
    t.equal(await link.ask('GET', 'k'), '$4\r\nin-1\r\n', 'in its database');
    t.same(link.told, []);
  }
});

t.test('a silent client keeps the rights that it came with, or logged in with', async (t) => {
  const greetings = [
    [['HELLO', '2']],
    [['HELLO', '3']],
    [['SELECT', '1']],
    [['CLIENT', 'SETNAME', 'me']],
    [['AUTH', 'alice', 'a']],
    [['AUTH', 'alice', 'a'], ['RESET']],
  ];
  const { settled, pool } = lab(t);
  const links: Link[] = [];
  for (const greeting of greetings) {
    const link = await settled();
    for (const words of greeting) t.notMatch(await link.ask(...words), /^-/);
    links.push(link);
  }
  // Without room for a shared connection it keeps its own.
  const { settled: settledToo, room } = lab(t);
  const alone = await settledToo();
  room.isOpen = false;
  t.equal(await alone.ask('AUTH', 'alice', 'a'), '+OK\r\n');
  const { own } = alone.upstream;
  await until(() => links.every(({ upstream }) => upstream.own === undefined));
  await look.call('CONFIG', 'SET', 'requirepass', 'secret');
  await look.call('ACL', 'SETUSER', 'alice', 'resetpass', '>b');
  for (const [i, link] of links.entries()) {
    t.notMatch(await link.ask('GET', 'k'), /^-/, greetings[i].join(', '));
    t.same(link.told, []);
  }
  await until(() => pool.snapshot().clientsWaiting === 0);
  t.equal(alone.upstream.own, own);
  t.equal(await alone.ask('ACL', 'WHOAMI'), '$5\r\nalice\r\n');
});

t.test('a connection that was kept ends once a shared one can be had', async (t) => {
  const { settled, room } = lab(t);
  const link = await settled();
  room.isOpen = false;
  t.equal(await link.ask('SELECT', '1'), '+OK\r\n');
  const { own } = link.upstream;
  let times = 0;
  const { parkingOver } = link.upstream;
  link.upstream.parkingOver = () => {
    times++;
    parkingOver.call(link.upstream);
  };
  await until(() => times === 2, { describe: 'Spillway to have asked for a shared one, and again' });
  t.equal(link.upstream.own, own);
  room.isOpen = true;
  t.equal(await link.ask('GET', 'k'), '$-1\r\n');
  t.equal(link.upstream.isSharing, true);
  await until(() => link.upstream.own === undefined, { describe: 'the kept connection to end' });
  t.equal(await link.ask('GET', 'k'), '$-1\r\n');
});

t.test('a connection made since a login is wanted is none for who came before', async (t) => {
  const no = '-NOAUTH Authentication required.\r\n';
  for (const command of [['MULTI'], ['NOSUCH'], ['SUBSCRIBE', 'c'], ['HELLO', '3']]) {
    await anew();
    const { settled } = lab(t);
    const link = await settled();
    await look.call('CONFIG', 'SET', 'requirepass', 'secret');
    link.send(...command);
    await until(() => link.told.length > 0, { describe: () => `the end; ${link.client.all()}` });
    t.same(link.told, ['other rights'], command.join(' '));
    if (command[0] !== 'HELLO') t.equal(link.client.all(), no);
  }
  await anew();
  const { settled } = lab(t);
  const [link, other] = [await settled(), await settled()];
  await look.call('CONFIG', 'SET', 'requirepass', 'secret');
  t.match(await link.ask('WATCH'), /^-ERR wrong number/);
  t.equal(await link.ask('GET', 'k'), '$-1\r\n', 'what is no command ends nobody');
  t.equal(await other.ask('RESET'), '+RESET\r\n');
  t.equal(await other.ask('GET', 'k'), no, 'and RESET means what it does');
  t.same([...link.told, ...other.told], []);
});

t.test('a client whose identity cannot be repeated keeps its own connection', async (t) => {
  const refusals: Record<string, () => Promise<unknown>> = {
    'it may not SELECT the database that it is in': () => look.call('ACL', 'SETUSER', 'alice', '-select'),
    'its password is another one': () => look.call('ACL', 'SETUSER', 'alice', 'resetpass', '>b'),
    'its user is off': () => look.call('ACL', 'SETUSER', 'alice', 'off'),
  };
  for (const [name, refuse] of Object.entries(refusals)) {
    await t.test(name, async (t) => {
      await anew();
      const { settled } = lab(t);
      const link = await settled();
      t.equal(await link.ask('SELECT', '1'), '+OK\r\n');
      const { fromOwn } = link;
      link.fromOwn = (chunk) => {
        link.fromOwn = fromOwn;
        fromOwn.call(link, chunk);
        // At once, while the connection is parked.
        void refuse().then(() => link.send('GET', 'k'));
      };
      link.send('AUTH', 'alice', 'a');
      await until(() => link.upstream.isPinned && link.client.bytes >= 15, {
        describe: () => `an answer on its own connection; ${link.told}`,
      });
      t.equal(link.client.take().toString('latin1'), '+OK\r\n$-1\r\n');
      t.equal(await link.ask('ACL', 'WHOAMI'), '$5\r\nalice\r\n', 'for good');
      t.same(link.told, []);
    });
  }
});

t.test('a client that leaves while it waits for a connection is forgotten', async (t) => {
  const { pool, comes } = lab(t);
  const link = comes();
  link.send('GET', 'k');
  link.close();
  t.equal(pool.snapshot().clientsWaiting, 0);
});
