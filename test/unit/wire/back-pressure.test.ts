// When each side of a client is read, by what waits on the other one.
import t from 'tap';
import { BackPressure } from '../../../src/wire/client/back-pressure.js';
import { UnreadReplies } from '../../../src/wire/upstream/unread-replies.js';

const MIB = 1024 ** 2;
const SHARED = MIB;
const HOLD = 4 * MIB;
const STUCK = 64 * MIB;
const MOST = 128 * MIB;

interface Options {
  /** It has an own connection, greeted or not; undefined: none. */
  readonly own?: { isGreeted: boolean };
  /** It is a member of a shared connection; undefined: session pooling. */
  readonly isMember?: boolean;
  readonly hasOwnUpstream?: boolean;
  readonly unread?: UnreadReplies<Client>;
}

/** A client with its socket, its session and its upstream, of which each does no more than to be told. */
class Client {
  readonly told: string[] = [];
  readonly counters = { clientsTooSlow: 0 };
  readonly pressure: BackPressure<Client>;
  readonly socket = {
    ...{ waiting: 0, mayRead: true, isPaused: false },
    pause: () => {
      this.socket.isPaused = true;
    },
    resume: () => {
      this.socket.isPaused = false;
    },
  };
  readonly session = {
    ...{ stalled: false, heldBytes: 0, idle: true, hasOwnUpstream: true },
    stopSharing: () => void this.told.push('stop sharing'),
  };
  readonly upstream: { needsDrain: boolean; [part: string]: unknown };

  constructor({ own, isMember, hasOwnUpstream = true, unread = new UnreadReplies() }: Options = {}) {
    const tell = (word: string) => (): void => void this.told.push(word);
    this.session.hasOwnUpstream = hasOwnUpstream;
    this.upstream = {
      needsDrain: false,
      own: own && { ...own, pause: tell('pause own'), resume: tell('resume own') },
      seat: isMember === undefined ? undefined : { isMember, hold: tell('hold'), release: tell('release') },
      clientDrained: tell('drained'),
    };
    const { socket, session, upstream, counters } = this;
    const parts = [socket, session, upstream] as unknown as [never, never, never];
    this.pressure = new BackPressure<Client>(this, ...parts, { unread, counters });
  }

  close(reset: boolean): void {
    this.told.push(reset ? 'reset' : 'closed');
    this.pressure.close();
  }

  lags(waiting: number): string[] {
    this.socket.waiting = waiting;
    this.pressure.clientLags();
    return this.told.splice(0);
  }
}

t.test('a client is read unless something speaks against it', async (t) => {
  const reads = (change: (client: Client) => void): boolean => {
    const client = new Client({ own: { isGreeted: true } });
    change(client);
    client.pressure.settle();
    return !client.socket.isPaused;
  };
  t.ok(reads(() => {}));
  t.notOk(
    reads(({ upstream }) => {
      upstream.needsDrain = true;
    }),
    'its upstream is slow',
  );
  t.notOk(
    reads(({ socket }) => {
      socket.mayRead = false;
    }),
    'it does not read, or waits for its turn',
  );
  t.ok(
    reads(({ session }) => {
      session.stalled = true;
    }),
    'a stalled one may have ended',
  );
  const held = (heldBytes: number) => (client: Client) =>
    Object.assign(client.session, { stalled: true, heldBytes });
  t.ok(reads(held(64 * 1024 - 1)));
  t.notOk(reads(held(64 * 1024)), 'its bytes are kept up to a bound');
  t.ok(
    reads(({ session }) => {
      session.heldBytes = MIB;
    }),
    'what is held of a cut command does not count',
  );
});

t.test('a client is read again once nothing holds it back', async (t) => {
  const client = new Client({ own: { isGreeted: true } });
  client.upstream.needsDrain = true;
  client.pressure.settle();
  client.pressure.readClient();
  t.ok(client.socket.isPaused, 'something still does');
  client.upstream.needsDrain = false;
  client.pressure.clientDrained();
  t.notOk(client.socket.isPaused);
  t.same(client.told, ['drained'], 'its upstream is read on');
});

t.test('an own connection is not read while its client lags', async (t) => {
  const client = new Client({ own: { isGreeted: true } });
  t.same(client.lags(1), ['pause own']);
  t.same(new Client({ own: { isGreeted: false } }).lags(1), [], 'its greeting must be read');
  t.same(new Client({ isMember: false }).lags(HOLD), [], 'it has none, and shares none');
});

t.test('a client that sends everything before it reads is served up to a bound', async (t) => {
  const client = new Client({ own: { isGreeted: true } });
  Object.assign(client.session, { stalled: true, heldBytes: 64 * 1024 });
  t.same(client.lags(STUCK - 1), ['resume own']);
  t.same(client.lags(STUCK), ['pause own']);
  client.session.heldBytes--;
  t.same(client.lags(1), ['pause own'], 'it is read on, so it is not stuck');
});

t.test('a client that shares is first moved, then holds up the others', async (t) => {
  const client = new Client({ isMember: true, hasOwnUpstream: false });
  client.session.idle = false;
  t.same(client.lags(SHARED - 1), []);
  t.same(client.lags(SHARED), ['stop sharing']);
  t.same(client.lags(HOLD), ['stop sharing', 'hold']);
  client.session.idle = true;
  t.same(client.lags(HOLD), ['stop sharing', 'release'], 'nothing is to come for it');
  client.session.hasOwnUpstream = true;
  client.session.idle = false;
  t.same(client.lags(HOLD), ['stop sharing', 'release'], 'what is to come for it comes on its own one');
});

t.test('when all clients together hold too much, the slowest is closed', async (t) => {
  const unread = new UnreadReplies<Client>();
  const shared = { isMember: true, hasOwnUpstream: false, unread };
  const [small, large, last] = [new Client(shared), new Client(shared), new Client(shared)];
  small.lags(MIB);
  large.lags(MOST - 2 * MIB);
  t.same(last.lags(MIB), ['stop sharing', 'release'], 'just so much may wait');
  last.lags(2 * MIB);
  t.same(large.told, ['reset']);
  t.same([small.told, last.told], [[], []], 'no other one');
  t.equal(last.counters.clientsTooSlow, 1);
  large.told.length = 0;
  last.lags(MIB);
  last.lags(2 * MIB);
  t.same([small.told, large.told], [[], []], 'what waited for it counts no more');
  last.pressure.clientDrained();
  t.same(small.lags(MOST), ['stop sharing', 'release'], 'nor does what was taken');
});
