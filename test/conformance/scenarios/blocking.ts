// Blocking commands: woken by another client, timed out, unblocked by CLIENT UNBLOCK in both its ways, cut off; and
// what stands behind them in the pipeline.
import { commands } from '../../support/twins.js';
import { blocked, inBoth, ownId, type Scenario, type Scenarios } from '../scenario.js';

/** What blocks, and what wakes it. */
const WAITS: Readonly<Record<string, readonly [blocks: string, wakes: string]>> = {
  BLPOP: ['BLPOP none q 0', 'RPUSH q x'],
  BRPOP: ['BRPOP q none 0', 'RPUSH q x y'],
  BLMOVE: ['BLMOVE q other LEFT RIGHT 0', 'RPUSH q x'],
  BRPOPLPUSH: ['BRPOPLPUSH q other 0', 'RPUSH q x'],
  BLMPOP: ['BLMPOP 0 2 none q LEFT COUNT 5', 'RPUSH q x y'],
  BZPOPMIN: ['BZPOPMIN q 0', 'ZADD q 1.5 x'],
  BZPOPMAX: ['BZPOPMAX q 0', 'ZADD q 1.5 x'],
  BZMPOP: ['BZMPOP 0 1 q MAX COUNT 5', 'ZADD q 1 x 2 y'],
  XREAD: ['XREAD BLOCK 0 STREAMS q $', 'XADD q 1-1 f v'],
};

/** With writes before and behind, so that follow-ups stand in the same queue. */
const around = (line: string): Buffer => commands('SETNX before 1', line, 'SETNX after 1', 'GET after');

const woken =
  (blocks: string, wakes: string) =>
  (version: number): Scenario =>
  async (open) => {
    const [a, b] = [await open(version), await open()];
    void a.write(around(blocks));
    const before = await a.readReplies(1);
    await blocked(b);
    return [...before, await b.call(...wakes.split(' ')), ...(await a.readReplies(3))];
  };

const group =
  (version: number): Scenario =>
  async (open) => {
    const [a, b] = [await open(version), await open()];
    const seen = [await b.call('XGROUP', 'CREATE', 'q', 'g', '$', 'MKSTREAM')];
    void a.write(around('XREADGROUP GROUP g me BLOCK 0 STREAMS q >'));
    seen.push(...(await a.readReplies(1)));
    await blocked(b);
    seen.push(await b.call('XADD', 'q', '1-1', 'f', 'v'), ...(await a.readReplies(3)));
    void a.write(around('XREADGROUP GROUP g me BLOCK 0 STREAMS q >'));
    seen.push(...(await a.readReplies(1)));
    await blocked(b);
    return [...seen, await b.call('XGROUP', 'DESTROY', 'q', 'g'), ...(await a.readReplies(3))];
  };

const timedOut =
  (version: number): Scenario =>
  async (open) => {
    const a = await open(version);
    void a.write(
      commands(
        ...[
          'SETNX k 1',
          'BLPOP q 0.01',
          'BRPOPLPUSH a b 0.01',
          'BZPOPMIN z 0.01',
          'BLMPOP 0.01 1 q LEFT',
          'SETNX k2 1',
        ],
        ...['XREAD BLOCK 10 STREAMS x $', 'BLMOVE a b LEFT LEFT 0.01', 'WAIT 1 10', 'GET k'],
      ),
    );
    return a.readReplies(10);
  };

const unblocked =
  (how: string) =>
  (version: number): Scenario =>
  async (open) => {
    const [a, b] = [await open(version), await open()];
    const id = await ownId(a);
    const seen: Buffer[] = [];
    for (const line of ['BLPOP q 0', 'XREAD BLOCK 0 STREAMS x $', 'BZMPOP 0 1 z MIN']) {
      void a.write(commands(line, 'SETNX k 1'));
      await blocked(b);
      seen.push(await b.call('CLIENT', 'UNBLOCK', id, how), ...(await a.readReplies(2)));
    }
    return [...seen, await b.call('CLIENT', 'UNBLOCK', id, how)];
  };

export const blocking: Scenarios = {
  ...Object.assign(
    {},
    ...Object.entries(WAITS).map(([name, [a, b]]) => inBoth(`${name}, woken by another`, woken(a, b))),
  ),
  ...inBoth('XREADGROUP, woken by another and by the end of its group', group),
  ...inBoth('blocking commands that time out', timedOut),
  ...inBoth('CLIENT UNBLOCK TIMEOUT', unblocked('TIMEOUT')),
  ...inBoth('CLIENT UNBLOCK ERROR', unblocked('ERROR')),

  'woken by a key of another type': async (open) => {
    const [a, b] = [await open(), await open()];
    void a.write(commands('BLPOP q 0', 'SETNX k 1'));
    await blocked(b);
    const seen = [await b.call('SADD', 'q', 'x'), await b.call('DEL', 'q'), await b.call('RPUSH', 'q', 'y')];
    return [...seen, ...(await a.readReplies(2))];
  },

  'many wait, and are served in the order in which they came': async (open) => {
    const waiting = [await open(), await open(3), await open()];
    const b = await open();
    for (const [i, client] of waiting.entries()) {
      void client.write(commands('BLPOP q 0', 'SETNX k 1'));
      await blocked(b, i + 1);
    }
    const seen = [await b.call('RPUSH', 'q', 1, 2, 3, 4)];
    for (const client of waiting) seen.push(...(await client.readReplies(2)));
    return [...seen, await b.call('LRANGE', 'q', 0, -1)];
  },

  'woken by a transaction of another, and by a script': async (open) => {
    const [a, b] = [await open(), await open()];
    void a.write(commands('BLPOP q 0', 'BLPOP q 0', 'SETNX k 1'));
    await blocked(b);
    void b.write(commands('MULTI', 'RPUSH q a', 'SET other 1', 'EXEC'));
    const seen = [...(await b.readReplies(4)), ...(await a.readReplies(1))];
    await blocked(b);
    seen.push(await b.call('EVAL', "return redis.call('RPUSH', KEYS[1], 'b')", 1, 'q'));
    return [...seen, ...(await a.readReplies(2))];
  },

  'a blocked client that is killed': async (open) => {
    const [a, b] = [await open(), await open()];
    const id = await ownId(a);
    void a.write(commands('BLPOP q 0', 'SETNX k 1'));
    await blocked(b);
    return [await b.call('CLIENT', 'KILL', 'ID', id), await a.readUntilClosed(), await b.call('EXISTS', 'k')];
  },

  'a blocked client whose connection goes': async (open) => {
    const [a, b] = [await open(), await open()];
    void a.write(commands('BLPOP q 0'));
    await blocked(b);
    a.destroy();
    await blocked(b, 0);
    return [await b.call('RPUSH', 'q', 'x'), await b.call('LLEN', 'q')];
  },

  'BLPOP, and the server becomes a replica': async (open) => {
    const [a, b] = [await open(), await open()];
    void a.write(commands('BLPOP q 0', 'SETNX k 1'));
    await blocked(b);
    const seen = [await b.call('REPLICAOF', '127.0.0.1', 1)];
    seen.push(...(await a.readReplies(1)), await b.call('REPLICAOF', 'NO', 'ONE'));
    return seen;
  },
};
