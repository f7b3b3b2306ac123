// A planned switch against scripted servers, whose offsets the test sets: a real replica cannot be made to lag at a given moment.
// Sentinel is told to promote only when nothing more is acknowledged and the replicas have everything; what fails before that
// ends the pause at the old primary.
import { connect, createServer, type Socket } from 'node:net';
import { type Test, test } from 'tap';
import { PlannedSwitch, type SwitchParts } from '../../../src/failover/planned-switch.js';
import type { PrimaryAddress } from '../../../src/failover/whereabouts.js';
import { listen } from '../../support/listen.js';
import { until } from '../../support/wait.js';

/** Answers each command, an array of bulk strings, with what `answer` says. */
async function scripted(t: Test, answer: (words: readonly string[]) => string): Promise<PrimaryAddress> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      for (const command of String(chunk)
        .split(/^\*\d+\r\n/m)
        .slice(1)) {
        const words = command.split('\r\n').filter((_, i) => i % 2 === 1);
        socket.write(answer(words.map((word) => word.toLowerCase())));
      }
    });
  });
  const port = await listen(server);
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: '127.0.0.1', port };
}

const bulk = (text: string | number) => `$${`${text}`.length}\r\n${text}\r\n`;
const array = (items: readonly string[]) => `*${items.length}\r\n${items.join('')}`;
const flat = (fields: Readonly<Record<string, string | number>>) =>
  array(Object.entries(fields).flatMap(([name, value]) => [bulk(name), bulk(value)]));

async function lab(t: Test, { pauseMs = 10_000 } = {}) {
  const state = {
    written: 1000,
    has: [1000, 1000],
    link: 'up',
    id: 'same',
    quorum: '+OK 3 usable Sentinels\r\n',
    refuses: undefined as string | undefined,
  };
  const calls: string[] = [];
  const primary = await scripted(t, ([command, ...words]) => {
    if (command !== 'client')
      return bulk(`role:master\r\nmaster_repl_offset:${state.written}\r\nmaster_replid:same\r\n`);
    if (/pause$/.test(String(words[0]))) calls.push(words.join(' '));
    return '+OK\r\n';
  });
  const replicas = await Promise.all(
    [0, 1].map((i) =>
      scripted(t, () =>
        bulk(
          `role:slave\r\nmaster_link_status:${state.link}\r\nslave_repl_offset:${state.has[i]}\r\nmaster_replid:${state.id}\r\n`,
        ),
      ),
    ),
  );
  const sentinel = await scripted(t, ([, word]) => {
    if (word === 'failover') {
      calls.push(`promote with ${state.has.join(' and ')} of ${state.written}`);
      return state.refuses ?? '+OK\r\n';
    }
    if (word === 'ckquorum') return state.quorum;
    if (word === 'get-master-addr-by-name') return array([bulk('127.0.0.1'), bulk(primary.port)]);
    const address = { ip: '127.0.0.1', flags: 'master' };
    if (word === 'master')
      return flat({ ...address, port: primary.port, 'config-epoch': 1, 'down-after-milliseconds': 1000 });
    return array(
      replicas.map(({ port }) =>
        flat({ ...address, port, flags: 'slave', 'slave-priority': 100, runid: 'r' }),
      ),
    );
  });
  const login = { username: undefined, password: undefined, tls: undefined };
  let settle: (settled: boolean) => void = () => {};
  const parts: SwitchParts = {
    ...{ primary: 'mymaster', natMap: {}, sentinelLogin: login, serverLogin: login, pauseMs },
    clock: () => performance.now(),
    hindrance: () => undefined,
    address: () => primary,
    sentinels: () => [[0, sentinel]],
    hold: () => {
      calls.push('hold');
      return new Promise((resolve) => {
        settle = resolve;
      });
    },
    release: () => calls.push('release'),
    switching: () => calls.push('switching'),
    said: () => {},
  };
  const planned = new PlannedSwitch(parts);
  t.teardown(() => planned.close());
  return {
    state,
    calls,
    planned,
    parts,
    primary,
    replicas,
    sentinel,
    settle: (settled = true) => settle(settled),
  };
}

test('the promotion waits for the last acknowledgement and for the replicas', async (t) => {
  const { state, calls, planned, settle, replicas } = await lab(t);
  const begun = await planned.begin();
  t.match(begun, { state: 'waiting', to: `127.0.0.1:${replicas[0]?.port}` });
  t.same(calls, ['hold']);
  t.match(await planned.begin(), { refused: 'a planned switch goes on already' });
  // Acknowledged while what had begun came to its end: it counts.
  state.written = 1500;
  state.has = [1400, 1500];
  settle();
  const asked = performance.now();
  await until(() => performance.now() - asked > 50);
  t.same(calls, ['hold'], 'one replica lacks something');
  // What others write meanwhile does not count.
  state.written = 9000;
  state.has = [1500, 1500];
  await until(() => calls.includes('switching'));
  t.same(calls, ['hold', 'promote with 1500 and 1500 of 9000', 'switching']);
  t.match(planned.snapshot, { state: 'switching' });
  planned.resumed(replicas[1] as PrimaryAddress, true, 1234.4, 3);
  t.match(planned.snapshot, {
    ...{ state: 'done', to: `127.0.0.1:${replicas[1]?.port}`, pausedMs: 1234, waited: 3, error: null },
  });
});

test('a replica that stays behind: clients go on at the old primary', async (t) => {
  const { state, calls, planned, settle, primary } = await lab(t, { pauseMs: 5000 });
  await planned.begin();
  state.written = 5000;
  settle();
  await until(() => calls.includes('release'));
  t.same(calls, ['hold', 'release']);
  planned.resumed(primary, false, 1100, 1);
  t.match(planned.snapshot, { state: 'failed', error: /was still 4,000 bytes behind after 1\.0 s/ });
});

test('the server is paused from before the replicas are asked', async (t) => {
  const { state, calls, planned, settle, primary } = await lab(t);
  await planned.begin({ pauseServer: true });
  settle();
  await until(() => calls.includes('switching'));
  // A Sentinel of 1 s connects again after half of that.
  t.same(calls, [
    'hold',
    'pause 4500 write',
    'pause 20500 write',
    'promote with 1000 and 1000 of 1000',
    'switching',
  ]);

  planned.resumed(primary, false, 1100, 1);
  await until(() => calls.includes('unpause'));
  calls.length = 0;
  await planned.begin({ pauseServer: true });
  state.written = 5000;
  settle();
  await until(() => calls.includes('release'));
  planned.resumed(primary, false, 600, 1);
  await until(() => calls.includes('unpause'));
  t.match(
    planned.snapshot,
    { state: 'failed', error: /was still 4,000 bytes behind after 0\.5 s/ },
    'in less time than Sentinels need until they promote a replica by themselves',
  );
  t.same(calls, ['hold', 'pause 4500 write', 'release', 'unpause']);
});

test('what else ends it before the promotion', async (t) => {
  const refuses = '-INPROG Failover already in progress\r\n';
  const faults: readonly (readonly [string, { settled?: boolean; state?: object }, RegExp])[] = [
    ['a worker is late', { settled: false }, /worker/],
    ['a replica is cut off', { state: { link: 'down' } }, /lost its connection/],
    ['a replica of another primary', { state: { id: 'other' } }, /another primary/],
    ['the Sentinel refuses', { state: { refuses } }, /refuses: INPROG/],
  ];
  for (const [name, { settled = true, state }, error] of faults) {
    const all = await lab(t);
    await all.planned.begin();
    Object.assign(all.state, state);
    all.settle(settled);
    await until(() => all.calls.includes('release'));
    all.planned.resumed(all.primary, false, 10, 0);
    t.match(all.planned.snapshot, { state: 'failed', error }, name);
    t.notOk(all.calls.includes('switching'), name);
  }
});

test('what it refuses before anybody waits', async (t) => {
  const { state, calls, planned } = await lab(t);
  state.quorum = '-NOQUORUM 1 usable Sentinels. Not enough available Sentinels\r\n';
  t.match(await planned.begin(), { refused: /NOQUORUM/ });
  state.quorum = '+OK\r\n';
  state.link = 'down';
  t.match(await planned.plan(), { refused: /lost its connection/ });
  state.link = 'up';
  t.match(await planned.plan(), { replicas: [{ chosen: true, behindBytes: 0 }, { chosen: false }] });
  const short = await lab(t, { pauseMs: 4000 });
  t.match(await short.planned.begin(), { refused: /upstream.failover.pause is 4 s/ });
  t.same([...calls, ...short.calls], []);
  t.equal(planned.snapshot, null);
});

test('all Sentinels are asked at once, and the first that can promote a replica will', async (t) => {
  const { parts, sentinel, settle } = await lab(t);
  let asked = 0;
  // Silent as long as the later ones are not asked, and for good.
  const silent = () =>
    scripted(t, ([command, word]) => {
      if (word === 'master') asked++;
      return command === 'client' ? '+OK\r\n' : '';
    });
  const [mute, late] = [await silent(), await silent()];
  const waiting = createServer((near) => {
    const far = connect(sentinel);
    far.pipe(near);
    near.on('error', () => {});
    far.on('error', () => {});
    t.teardown(() => {
      near.destroy();
      far.destroy();
    });
    void until(() => asked === 2, { timeoutMs: 60_000 }).then(() => near.pipe(far));
  });
  const port = await listen(waiting);
  t.teardown(() => waiting.close());
  const first = { host: '127.0.0.1', port };
  const chosen = new Promise<number>((resolve) => {
    const sentinels = [mute, first, late].map((address, i) => [i, address] as const);
    const planned = new PlannedSwitch({ ...parts, sentinels: () => sentinels, switching: resolve });
    t.teardown(() => planned.close());
    void planned.begin().then((begun) => {
      t.match(begun, { state: 'waiting' });
      settle();
    });
  });
  t.equal(await chosen, 1);
  const alone = new PlannedSwitch({ ...parts, sentinels: () => [[0, mute]] });
  t.match(await alone.plan(), { refused: /^the Sentinel 127\.0\.0\.1:\d+: no answer within 1 s$/ });
});
