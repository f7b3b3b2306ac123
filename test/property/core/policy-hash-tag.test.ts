// The hash that chooses the keys to shed follows Redis Cluster's rule of tags: keys of one tag always share a fate.
import fc from 'fast-check';
import t from 'tap';
import { defaultCommandTable } from '../../../src/core/commands/table.js';
import { hashKey, hashShare, tagOf } from '../../../src/core/policy/hash.js';
import { Policy } from '../../../src/core/policy/policy.js';
import { Priority } from '../../../src/core/policy/rule.js';
import { RuleSet } from '../../../src/core/policy/rule-set.js';
import { ALL, ShedGate } from '../../../src/core/policy/shed.js';
import { Action } from '../../../src/core/policy/verdict.js';
import { RequestScanner } from '../../../src/core/resp/request-scanner.js';
import { command } from '../../support/raw-client.js';

/** Keys full of braces. */
const key = fc
  .array(fc.constantFrom('{', '}', 'a', 'b', '\0', '\r\n'), { maxLength: 12 })
  .map((parts) => parts.join(''));

/** What Redis Cluster hashes of a key, by its documentation. */
function hashed(text: string): string {
  return /^[^{]*\{([^}]+)\}/s.exec(text)?.[1] ?? text;
}

function hashOf(text: string): number {
  const bytes = Buffer.from(text, 'latin1');
  return hashKey(bytes, 0, bytes.length) >>> 0;
}

t.test(
  'a key has the hash of what Redis Cluster hashes of it, and what stands around it does not matter',
  async (t) => {
    fc.assert(
      fc.property(key, key, key, (before, text, after) => {
        const buf = Buffer.from(before + text + after, 'latin1');
        const share = hashShare(buf, before.length, before.length + text.length, hashOf(text));
        if (share !== hashOf(hashed(text)))
          throw new Error(`${JSON.stringify(text)} is not of ${hashed(text)}`);
        const tag = tagOf(Buffer.from(text, 'latin1'));
        const part = tag === undefined ? text : Buffer.from(tag).toString('latin1');
        if (part !== hashed(text)) throw new Error(`${JSON.stringify(text)} has the tag ${part}`);
      }),
      { numRuns: 5000 },
    );
    t.pass();
  },
);

t.test('at any pressure the keys of a tag are refused together, alone as in one command', async (t) => {
  const gate = new ShedGate();
  gate.active = true;
  gate.byKey = true;
  const policy = new Policy({
    rules: new RuleSet({ rules: [], unregistered: { priority: Priority.NORMAL, observe: false } }),
    gate,
    observer: {
      ...{
        onWrite() {},
        onShed() {},
        onFollowUpReply() {},
        onUpstreamOom() {},
        onTtlDropped() {},
        onSpared() {},
        onOwnTtl() {},
        onLatency() {},
      },
    },
    ...{ now: () => 0, random: () => 0 },
  });
  const table = defaultCommandTable();
  const args = new RequestScanner();
  const refused = (...words: string[]): boolean => {
    const buf = command(...words);
    args.scan(buf, 0, buf.length);
    const spec = table.find(buf, args.starts[0], args.ends[0]);
    if (spec === undefined) throw new Error('no such command');
    return policy.decide(args, spec, buf.length, true).action === Action.SHED;
  };
  let split = 0;
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 8 }),
      fc.integer({ min: 0, max: 1000 }),
      (name, share) => {
        gate.thresholds[Priority.NORMAL] = (share / 1000) * ALL;
        const tag = name.replaceAll(/[{}]/g, '-');
        const pairs = [
          [`map:{${tag}}`, `redisson__timeout__set:map:{${tag}}`],
          [tag, `redisson__timeout__set:{${tag}}`],
          [`{${tag}}:data`, `{${tag}}:index`],
        ] as const;
        const fates = pairs.flatMap(([one, other]) => [
          refused('HSET', one, 'f', 'v'),
          refused('ZADD', other, '1', 'm'),
          refused('MSET', one, '1', other, '2'),
        ]);
        if (new Set(fates).size !== 1) throw new Error(`${tag} is torn at ${share} of 1000: ${fates}`);
        if (share > 100 && share < 900) split++;
      },
    ),
    { numRuns: 1000 },
  );
  t.ok(split > 100, 'also where a share is refused');
});
