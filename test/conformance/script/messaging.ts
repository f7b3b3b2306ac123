// Pub/sub and transactions, one connection at a time; how several play together is a scenario.
// Subscriptions get as many answers as they name channels, so those cases are compared as streams.
import type { Family } from './family.js';

export const pubsub: Family = {
  psubscribe: { lines: ['PSUBSCRIBE a* b?', 'PSUBSCRIBE a*', 'PING'], stream: true },
  publish: ['PUBLISH nobody hi', 'PUBLISH "" ""'],
  'pubsub|channels': ['PUBSUB CHANNELS', 'PUBSUB CHANNELS a*'],
  'pubsub|help': ['PUBSUB HELP'],
  'pubsub|numpat': ['PUBSUB NUMPAT'],
  'pubsub|numsub': ['PUBSUB NUMSUB', 'PUBSUB NUMSUB a b'],
  'pubsub|shardchannels': ['PUBSUB SHARDCHANNELS', 'PUBSUB SHARDCHANNELS a*'],
  'pubsub|shardnumsub': ['PUBSUB SHARDNUMSUB', 'PUBSUB SHARDNUMSUB a'],
  punsubscribe: {
    lines: ['PUNSUBSCRIBE', 'PSUBSCRIBE a*', 'PUNSUBSCRIBE a* b*', 'PUNSUBSCRIBE', 'PING'],
    stream: true,
  },
  spublish: ['SPUBLISH nobody hi'],
  ssubscribe: { lines: ['SSUBSCRIBE a b', 'PING', 'PING hi'], stream: true },
  subscribe: { lines: ['SUBSCRIBE a b a', 'PING', 'PING hi'], stream: true },
  sunsubscribe: {
    lines: ['SUNSUBSCRIBE', 'SSUBSCRIBE a', 'SUNSUBSCRIBE a b', 'SUNSUBSCRIBE', 'PING'],
    stream: true,
  },
  unsubscribe: {
    lines: ['UNSUBSCRIBE', 'SUBSCRIBE a', 'UNSUBSCRIBE a b', 'UNSUBSCRIBE', 'PING'],
    stream: true,
  },
};

export const transactions: Family = {
  discard: ['DISCARD', 'MULTI', 'SET k v', 'DISCARD', 'EXISTS k'],
  exec: ['EXEC', 'MULTI', 'SET k v', 'INCR k', 'GET k', 'EXEC', 'MULTI', 'EXEC'],
  multi: ['MULTI', 'MULTI', 'EXEC', 'MULTI', 'NOSUCH', 'EXEC'],
  unwatch: ['UNWATCH', 'WATCH k', 'SET k v', 'UNWATCH', 'MULTI', 'EXEC'],
  watch: ['WATCH k; SET k v; MULTI; GET k; EXEC; WATCH k other; MULTI; GET k; WATCH k; EXEC'],
};
