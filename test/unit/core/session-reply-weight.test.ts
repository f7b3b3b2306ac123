// When a client's replies are too large to share a connection, and when they no longer are.
import t from 'tap';
import { ReplyWeight } from '../../../src/core/session/pooling/reply-weight.js';

const KB = 1024;
const BULK_BYTES = 256 * KB;
const SMALL_BYTES = 4 * KB;

t.test('a large reply makes a client bulky; small replies undo that', async (t) => {
  const weight = new ReplyWeight();
  weight.weigh(BULK_BYTES, 0, false);
  t.equal(weight.bulky, false, 'as much as may be');
  weight.weigh(1, 0, false);
  t.equal(weight.bulky, true, 'and more');
  for (let i = 0; i < 100; i++) weight.weigh(BULK_BYTES, 0, false);
  weight.weigh(0, 1, true);
  t.equal(weight.bulky, true, 'its end does not end that');
  for (let i = 0; i < BULK_BYTES / SMALL_BYTES - 2; i++) weight.weigh(0, 1, true);
  t.equal(weight.bulky, true);
  weight.weigh(0, 1, true);
  t.equal(weight.bulky, false, 'so many small ones do, however large it was');
  weight.weigh(BULK_BYTES, 1, true);
  t.equal(weight.bulky, false, 'as at the beginning');
});

t.test('many replies without a pause are as one', async (t) => {
  const weight = new ReplyWeight();
  const each = SMALL_BYTES + 8 * KB;
  for (let i = 0; i < 32; i++) weight.weigh(each, 1, false);
  t.equal(weight.bulky, false);
  weight.weigh(each, 1, false);
  t.equal(weight.bulky, true);
  for (let i = 0; i < 1000; i++) weight.weigh(each, 1, true);
  t.equal(weight.bulky, true, 'and while they go on so, pauses do not help');
});

t.test('small replies, or replies asked for one by one, never make a client bulky', async (t) => {
  const one = new ReplyWeight();
  for (let i = 0; i < 1000; i++) one.weigh(BULK_BYTES, 1, true);
  t.equal(one.bulky, false, 'one by one');
  const small = new ReplyWeight();
  for (let i = 0; i < 1000; i++) small.weigh(SMALL_BYTES, 1, false);
  t.equal(small.bulky, false, 'small ones in a pipeline');
  const pushes = new ReplyWeight();
  for (let i = 0; i < 1000; i++) pushes.weigh(64 * KB, 0, true);
  t.equal(pushes.bulky, false, 'pushes');
});

t.test('a large reply no longer counts once many small ones have come, also at once', async (t) => {
  for (const [replies, counts] of [
    [1, true],
    [2, true],
    [31, false],
    [32, false],
    [1000, false],
  ] as const) {
    const weight = new ReplyWeight();
    weight.weigh(BULK_BYTES, 1, true);
    t.equal(weight.window(64 * KB), 1);
    weight.weigh(64 * replies, replies, true);
    t.equal(weight.window(64 * KB) < 1024, counts, `${replies} small replies`);
  }
});
