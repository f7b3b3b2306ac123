// The hash of known keys, reckoned elsewhere: two versions of Spillway in front of one server must agree on it.
import t from 'tap';
import { hashKey, hashShare } from '../../../src/core/policy/hash.js';

const KNOWN: readonly (readonly [key: string | Uint8Array, hash: number, tag?: string])[] = [
  ['', 2872998923],
  ['a', 444641715],
  ['cart:1', 1962833141],
  ['user:{42}:name', 3783162622, '42'],
  ['ключ', 2594288994],
  [Uint8Array.from({ length: 256 }, (_, i) => i), 4173554790, '|'],
];

t.test('the hash of known keys never changes', async (t) => {
  for (const [key, hash, tag] of KNOWN) {
    const bytes = Buffer.from(key);
    const signed = hashKey(bytes, 0, bytes.length);
    t.equal(signed >>> 0, hash, String(key).slice(0, 20));
    t.equal(signed, signed | 0, 'a number that V8 keeps without an object');
    const shared = Buffer.from(tag ?? bytes);
    t.equal(hashShare(bytes, 0, bytes.length, signed), hashKey(shared, 0, shared.length) >>> 0);
  }
  const within = Buffer.from('xxcart:1xx');
  t.equal(hashKey(within, 2, 8) >>> 0, KNOWN[2][1]);
});
