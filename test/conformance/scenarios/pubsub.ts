// Messages from others: with patterns and shards, among replies and confirmations, in both protocols.
import { commands } from '../../support/twins.js';
import { inBoth, type Scenario, type Scenarios, sorted } from '../scenario.js';

const amongReplies =
  (version: number): Scenario =>
  async (open) => {
    const [reader, writer] = [await open(version), await open()];
    void reader.write(commands('SUBSCRIBE one two', 'PSUBSCRIBE o* t*'));
    const seen: (Buffer | string)[] = await reader.readReplies(4);
    for (let i = 0; i < 50; i++) {
      seen.push(await writer.call('PUBLISH', i % 2 === 0 ? 'one' : 'two', `message ${i}`));
      seen.push(...(await reader.readReplies(2)));
      // A confirmation or a PONG between messages, and in RESP3 any reply at all.
      seen.push(await reader.call('PING', `ping ${i}`));
      if (version === 3) seen.push(await reader.call('SETNX', `k${i}`, i), await reader.call('GET', `k${i}`));
      else seen.push(await reader.call('SUBSCRIBE', 'one'));
    }
    void reader.write(commands('UNSUBSCRIBE'));
    seen.push(...sorted(await reader.readReplies(2)).map((reply) => reply.replace(/:\d/, ':n')));
    void reader.write(commands('PUNSUBSCRIBE'));
    seen.push(...sorted(await reader.readReplies(2)).map((reply) => reply.replace(/:\d/, ':n')));
    seen.push(await reader.call('PING'), await writer.call('PUBLISH', 'one', 'nobody'));
    return [...seen, await reader.call('SETNX', 'end', 1)];
  };

const patterns =
  (version: number): Scenario =>
  async (open) => {
    const [reader, writer] = [await open(version), await open()];
    void reader.write(commands('PSUBSCRIBE news.* news.?? [nm]* *', 'SUBSCRIBE news.uk'));
    const seen: (Buffer | string)[] = await reader.readReplies(5);
    const channels = { 'news.uk': 5, 'news.x': 3, music: 2, other: 1 };
    for (const [channel, receivers] of Object.entries(channels)) {
      seen.push(await writer.call('PUBLISH', channel, Buffer.from([0, 13, 10, 255])));
      seen.push(...sorted(await reader.readReplies(receivers)));
    }
    seen.push(
      await writer.call('PUBSUB', 'NUMPAT'),
      await writer.call('PUBSUB', 'NUMSUB', 'news.uk', 'none'),
    );
    seen.push(await reader.call('PUNSUBSCRIBE', '*'), await writer.call('PUBLISH', 'other', 'nobody'));
    return [...seen, await reader.call('PING')];
  };

const shards =
  (version: number): Scenario =>
  async (open) => {
    const [reader, writer] = [await open(version), await open()];
    void reader.write(commands('SSUBSCRIBE s t', 'SUBSCRIBE s'));
    const seen = await reader.readReplies(3);
    for (const channel of ['s', 't', 'u']) seen.push(await writer.call('SPUBLISH', channel, 'to shards'));
    seen.push(await writer.call('PUBLISH', 's', 'to channels'), ...(await reader.readReplies(3)));
    seen.push(
      await writer.call('PUBSUB', 'SHARDNUMSUB', 's', 't', 'u'),
      await reader.call('SUNSUBSCRIBE', 't'),
    );
    seen.push(await writer.call('SPUBLISH', 't', 'nobody'), await reader.call('PING', 'still here'));
    void reader.write(commands('SUNSUBSCRIBE', 'UNSUBSCRIBE', 'SETNX k 1', 'GET k'));
    return [...seen, ...(await reader.readReplies(4))];
  };

/** Messages come while a transaction is being queued: in RESP3 between its replies, never inside one. */
const amongTransactions: Scenario = async (open) => {
  const [reader, writer] = [await open(3), await open()];
  const seen = [await reader.call('SUBSCRIBE', 'c')];
  for (let i = 0; i < 10; i++) {
    seen.push(
      await reader.call('MULTI'),
      await writer.call('PUBLISH', 'c', `a${i}`),
      ...(await reader.readReplies(1)),
    );
    seen.push(await reader.call('SETNX', `k${i}`, 1), await reader.call('PUBLISH', 'c', `own ${i}`));
    seen.push(await writer.call('PUBLISH', 'c', `b${i}`), ...(await reader.readReplies(1)));
    void reader.write(commands('EXEC', 'GET k0'));
    seen.push(...(await reader.readReplies(3)));
  }
  return seen;
};

export const pubsub: Scenarios = {
  ...inBoth('messages among replies', amongReplies),
  ...inBoth('patterns that overlap', patterns),
  ...inBoth('shards beside channels', shards),
  'messages while a transaction is queued': amongTransactions,

  'an UNSUBSCRIBE in the pipeline behind messages': async (open) => {
    const [reader, writer] = [await open(), await open()];
    const seen = [await reader.call('SUBSCRIBE', 'a')];
    for (let i = 0; i < 20; i++) seen.push(await writer.call('PUBLISH', 'a', 'message'));
    void reader.write(commands('PING', 'UNSUBSCRIBE', 'SETNX k 1', 'GET k', 'LRANGE l 0 -1'));
    return [...seen, ...(await reader.readReplies(25))];
  },

  'a list that looks like a message': async (open) => {
    const [reader, writer] = [await open(), await open()];
    return [
      await writer.call('RPUSH', 'l', 'message', 'a', 'x'),
      await reader.call('SUBSCRIBE', 'a'),
      await reader.call('UNSUBSCRIBE', 'a'),
      await reader.call('LRANGE', 'l', 0, -1),
      await reader.call('SETNX', 'k', 1),
      await reader.call('GET', 'k'),
    ];
  },

  'messages that look like replies': async (open) => {
    const [reader, writer] = [await open(), await open()];
    const seen = [await reader.call('SUBSCRIBE', 'unsubscribe')];
    for (const text of ['+OK\r\n', '*3\r\n$11\r\nunsubscribe\r\n', 'subscribe', '']) {
      seen.push(await writer.call('PUBLISH', 'unsubscribe', text), ...(await reader.readReplies(1)));
    }
    void reader.write(commands('UNSUBSCRIBE', 'SETNX k 1', 'GET k'));
    return [...seen, ...(await reader.readReplies(3))];
  },

  'keyspace events': async (open) => {
    const [reader, writer] = [await open(), await open()];
    const seen = [await writer.call('CONFIG', 'SET', 'notify-keyspace-events', 'KEl')];
    seen.push(await reader.call('PSUBSCRIBE', '__key*__:*'));
    seen.push(await writer.call('RPUSH', 'l', 'a'), ...(await reader.readReplies(2)));
    seen.push(await writer.call('LPOP', 'l'), ...(await reader.readReplies(2)));
    return [...seen, await writer.call('CONFIG', 'SET', 'notify-keyspace-events', '')];
  },

  'a subscriber that is killed, and one that ends': async (open) => {
    const [a, b, writer] = [await open(), await open(3), await open()];
    const seen = [await a.call('SUBSCRIBE', 'c'), await b.call('SUBSCRIBE', 'c')];
    seen.push(await writer.call('PUBLISH', 'c', 1), ...(await a.readReplies(1)), ...(await b.readReplies(1)));
    seen.push(await writer.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
    return [
      ...seen,
      await a.readUntilClosed(),
      await b.readUntilClosed(),
      await writer.call('PUBLISH', 'c', 2),
    ];
  },
};
