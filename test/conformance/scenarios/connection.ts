// What one connection does to another or to itself: KILL, PAUSE, MONITOR, and the conflicts that WATCH is for.
import { command, type RawClient } from '../../support/raw-client.js';
import { commands } from '../../support/twins.js';
import { inBoth, ownId, type Scenario, type Scenarios } from '../scenario.js';

/** The next line of MONITOR that says so. Behind the proxy its own reading of INFO is seen as well, at any time. */
async function monitored(client: RawClient, expected: string): Promise<Buffer> {
  for (;;) {
    const [line] = await client.readReplies(1);
    if (line.includes(expected)) return line;
  }
}

const conflict =
  (version: number): Scenario =>
  async (open) => {
    const [a, b] = [await open(version), await open(version)];
    const seen: Buffer[] = [await a.call('SET', 'k', 1)];
    // Changed, deleted, left alone, changed to the same, and created.
    for (const meanwhile of [
      'SET k 2',
      'DEL k',
      'GET k',
      'SET k 2',
      'RPUSH new x',
      'FLUSHALL',
      'SWAPDB 0 1',
    ]) {
      void a.write(commands('WATCH k new', 'GET k'));
      seen.push(...(await a.readReplies(2)), await b.call(...meanwhile.split(' ')));
      void a.write(commands('MULTI', 'SETNX other 1', 'EXEC', 'EXISTS other', 'DEL other'));
      seen.push(...(await a.readReplies(5)));
    }
    // What was watched is forgotten by EXEC, DISCARD, UNWATCH and RESET.
    for (const forgets of ['UNWATCH', 'RESET']) {
      seen.push(await a.call('WATCH', 'k'), await a.call(forgets), await b.call('SET', 'k', forgets));
      void a.write(commands('MULTI', 'GET k', 'EXEC'));
      seen.push(...(await a.readReplies(3)));
    }
    return seen;
  };

export const connection: Scenarios = {
  ...inBoth('WATCH and conflicts', conflict),

  'a conflict with a write of its own, and an expired key': async (open) => {
    const a = await open();
    void a.write(
      commands('SET k 1 PX 50; WATCH k; DEBUG SLEEP 0.06; MULTI; SETNX other 1; EXEC; EXISTS other'),
    );
    return a.readReplies(7);
  },

  'CLIENT KILL of itself and of another': async (open) => {
    const [a, b] = [await open(), await open()];
    const [id, own] = [await ownId(a), await ownId(b)];
    const seen = [await b.call('CLIENT', 'KILL', 'ID', id), await a.readUntilClosed()];
    void b.write(command('CLIENT', 'KILL', 'ID', own, 'SKIPME', 'no'));
    return [...seen, await b.readUntilClosed()];
  },

  'CLIENT KILL of itself with a pipeline behind': async (open) => {
    const [a, b] = [await open(), await open()];
    const own = await ownId(a);
    void a.write(commands('SET k 1', `CLIENT KILL ID ${own} SKIPME no`, 'SET k 2', 'GET k'));
    return [await a.readUntilClosed(), await b.call('GET', 'k')];
  },

  'CLIENT KILL in the middle of a transaction': async (open) => {
    const [a, b] = [await open(), await open()];
    const id = await ownId(a);
    void a.write(commands('MULTI', 'SETNX k 1', 'SETNX j 1'));
    const seen = await a.readReplies(3);
    return [
      ...seen,
      await b.call('CLIENT', 'KILL', 'ID', id),
      await a.readUntilClosed(),
      await b.call('EXISTS', 'k'),
    ];
  },

  'CLIENT PAUSE holds writes, then all': async (open) => {
    const [a, b] = [await open(), await open()];
    const seen = [await b.call('CLIENT', 'PAUSE', 600_000, 'WRITE'), await a.call('GET', 'k')];
    void a.write(commands('SETNX k 1', 'GET k'));
    seen.push(await b.call('GET', 'k'), await b.call('CLIENT', 'UNPAUSE'), ...(await a.readReplies(2)));
    return seen;
  },

  'DEBUG SLEEP, and a client that waits behind it': async (open) => {
    const [a, b] = [await open(), await open()];
    void a.write(commands('DEBUG SLEEP 0.05', 'SETNX k 1'));
    return [...(await a.readReplies(2)), await b.call('SET', 'k', 2)];
  },

  'MONITOR, then RESET': async (open) => {
    const [a, b] = [await open(), await open()];
    const seen = [await a.call('MONITOR'), await b.call('GET', 'x'), await monitored(a, '"GET" "x"')];
    seen.push(await b.call('GET', 'y'), await monitored(a, '"GET" "y"'));
    void b.write(commands('SELECT 3', 'MULTI', 'GET in-multi', 'EXEC'));
    seen.push(...(await b.readReplies(4)), await monitored(a, '"GET" "in-multi"'));
    seen.push(
      await b.call('EVAL', "return redis.call('GET', KEYS[1])", 1, 'lua'),
      await monitored(a, '[3 lua]'),
    );
    // What a monitor may not do is answered among the lines, of which none may be lost.
    void a.write(commands('SETNX k 1', 'PING'));
    seen.push(await monitored(a, "-ERR Replica can't interact"), await monitored(a, '+PONG'));
    for (let n = 0; n < 5; n++) seen.push(await b.call('GET', `z${n}`), await monitored(a, `"z${n}"`));
    void a.write(commands('RESET'));
    return [...seen, await monitored(a, '+RESET'), await a.call('GET', 'x'), await a.call('SETNX', 'x', 1)];
  },

  'MONITOR, then QUIT': async (open) => {
    const [a, b] = [await open(3), await open()];
    const seen = [await a.call('MONITOR'), await b.call('GET', 'x'), await monitored(a, '"GET" "x"')];
    void a.write(commands('QUIT'));
    seen.push(await monitored(a, '+OK'));
    await a.readUntilClosed();
    return seen;
  },

  'MONITOR with an argument too many, and inside MULTI': async (open) => {
    const a = await open();
    void a.write(commands('MONITOR x', 'MULTI', 'MONITOR', 'EXEC', 'SETNX a 1', 'GET a'));
    return a.readReplies(6);
  },

  'HELLO in the middle of a pipeline, with others writing': async (open) => {
    const [a, b] = [await open(), await open()];
    const seen: Buffer[] = [];
    for (let i = 0; i < 20; i++) {
      void a.write(
        commands('HSET h f v; HGETALL h; HELLO 3; HGETALL h; GET none; HELLO 2; GET none; SETNX k 1'),
      );
      seen.push(await b.call('SET', 'other', i), ...(await a.readReplies(8)));
    }
    return seen;
  },

  'a client that half-closes behind its pipeline': async (open) => {
    const [a, b] = [await open(), await open()];
    void a.write(commands('SETNX k 1', 'GET k', 'INCR n'));
    a.end();
    // The server closes when it has read the end, and what it has answered by then comes first.
    const seen = await a.readUntilClosed();
    return [seen, await b.call('GET', 'n')];
  },
};
