// How many subscriptions there are, from the confirmations alone.
import t from 'tap';
import { Confirmation, Kind, Subscriptions } from '../../../src/core/session/reply/subscriptions.js';

const prefixOf = (word: string, type = '>', rest = '$1\r\nc\r\n'): Buffer =>
  Buffer.from(`${type}3\r\n$${word.length}\r\n${word}\r\n${rest}`);

function confirm(subscriptions: Subscriptions, word: string, total: number): void {
  const prefix = prefixOf(word);
  subscriptions.read(prefix, prefix.length);
  subscriptions.confirm(total);
}

t.test('which replies confirm a subscription', async (t) => {
  const { SUBSCRIBED, UNSUBSCRIBED, MESSAGE, NONE } = Confirmation;
  const subscriptions = new Subscriptions();
  for (const [word, expected, kind] of [
    ['subscribe', SUBSCRIBED, Kind.CHANNEL],
    ['psubscribe', SUBSCRIBED, Kind.PATTERN],
    ['ssubscribe', SUBSCRIBED, Kind.SHARD],
    ['unsubscribe', UNSUBSCRIBED, Kind.CHANNEL],
    ['punsubscribe', UNSUBSCRIBED, Kind.PATTERN],
    ['sunsubscribe', UNSUBSCRIBED, Kind.SHARD],
    ['message', MESSAGE, Kind.CHANNEL],
    ['pmessage', MESSAGE, Kind.PATTERN],
    ['smessage', MESSAGE, Kind.SHARD],
    ['invalidate', NONE, undefined],
    ['pong', NONE, undefined],
    ['subscribed', NONE, undefined],
    ['messages', NONE, undefined],
    ['', NONE, undefined],
  ] as const) {
    for (const type of ['>', '*']) {
      const prefix = prefixOf(word, type);
      t.equal(subscriptions.read(prefix, prefix.length), expected, `${type} ${word}`);
      if (kind !== undefined) t.equal(subscriptions.kind, kind);
    }
  }
  for (const text of ['*0\r\n', '*2\r\n', '*1\r\n$9\r\nsubscr', ':1\r\n', '']) {
    const padded = Buffer.alloc(64);
    padded.write(text);
    t.equal(subscriptions.read(padded, text.length), NONE, JSON.stringify(text));
  }
});

t.test('each channel, pattern and shard channel counts once', async (t) => {
  const subscriptions = new Subscriptions();
  t.notOk(subscriptions.any);
  confirm(subscriptions, 'subscribe', 1);
  confirm(subscriptions, 'subscribe', 2);
  confirm(subscriptions, 'subscribe', 2);
  confirm(subscriptions, 'psubscribe', 3);
  confirm(subscriptions, 'ssubscribe', 1);
  const counts = () => [Kind.CHANNEL, Kind.PATTERN, Kind.SHARD].map((kind) => subscriptions.count(kind));
  t.same(counts(), [2, 1, 1], 'twice the same counts once; shards have a total of their own');
  confirm(subscriptions, 'unsubscribe', 2);
  confirm(subscriptions, 'unsubscribe', 2);
  t.same(counts(), [1, 1, 1], 'unsubscribing from what one is not subscribed to changes nothing');
  confirm(subscriptions, 'punsubscribe', 1);
  confirm(subscriptions, 'sunsubscribe', 0);
  t.same(counts(), [1, 0, 0]);
  t.ok(subscriptions.any);
  subscriptions.clear();
  t.notOk(subscriptions.any);
});
