// What it costs to look ahead: a multi-key write that is held until its keys are known is not judged anew, all of it,
// for every piece in which it comes. Counted in keys looked up, not in time; bytes in, bytes out, no sockets.
import t from 'tap';
import { defaultCommandTable } from '../../src/core/commands/table.js';
import type { TrafficObserver } from '../../src/core/policy/observer.js';
import { Policy } from '../../src/core/policy/policy.js';
import { Priority, type Rule } from '../../src/core/policy/rule.js';
import { RuleSet } from '../../src/core/policy/rule-set.js';
import { ALL, ShedGate } from '../../src/core/policy/shed.js';
import { EXPIRE_NX } from '../../src/core/resp/encode.js';
import { Session } from '../../src/core/session/session.js';
import { command } from '../support/raw-client.js';

const LOOKAHEAD = 1024 * 1024;
/** A network's usual piece, and a dribbled one. */
const PIECES = [1460, 100] as const;
/** How often each key may be looked up on the average: once, and again whenever twice as much has come. */
const LOOKUPS_A_KEY = 4;

const OBSERVER: TrafficObserver = {
  onWrite: () => {},
  onShed: () => {},
  onFollowUpReply: () => {},
  onTtlDropped: () => {},
  onSpared: () => {},
  onOwnTtl: () => {},
  onLatency: () => {},
  onUpstreamOom: () => {},
};

class CountingRules extends RuleSet {
  lookups = 0;

  override find(...key: Parameters<RuleSet['find']>): ReturnType<RuleSet['find']> {
    this.lookups++;
    return super.find(...key);
  }
}

for (const piece of PIECES) {
  t.test(`an MSET of many keys in pieces of ${piece} bytes`, async (t) => {
    const low: Rule = {
      ...{ name: 'low', slot: 1, globs: [Buffer.from('l*')], ttlMs: 0, maxTtlMs: 0, jitter: 0 },
      ...{ durable: true, priority: Priority.LOW, observe: false, applyToAll: false, renew: false },
      ...{ refusesScripts: false, scriptTtl: false },
    };
    const rules = new CountingRules({
      rules: [low],
      unregistered: { priority: Priority.CRITICAL, observe: false },
    });
    const gate = new ShedGate();
    gate.active = true;
    gate.byKey = true;
    gate.thresholds[Priority.LOW] = ALL;
    const policy = new Policy({ rules, gate, observer: OBSERVER, now: () => 0, random: () => 0 });
    const forwarded: Buffer[] = [];
    const session = new Session(
      {
        table: defaultCommandTable(),
        policy,
        followUps: true,
        followUp: EXPIRE_NX,
        lookaheadBytes: LOOKAHEAD,
        pendingRuns: 1000,
        clock: () => 0,
        counters: { commands: 0, stalls: 0, raw: 0 },
      },
      { write: () => {} },
      { write: (buf, start, end) => forwarded.push(Buffer.from(buf.subarray(start, end))) },
    );
    session.fromClient(command('PING'));
    session.fromUpstream(Buffer.from('+PONG\r\n'));
    const keys = 20_000;
    const mset = command('MSET', ...Array.from({ length: 2 * keys }, (_, i) => `k${i}`));
    t.ok(mset.length < LOOKAHEAD);
    rules.lookups = 0;
    for (let at = 0; at < mset.length; at += piece) session.fromClient(mset.subarray(at, at + piece));
    t.ok(Buffer.concat(forwarded).subarray(command('PING').length).equals(mset), 'it goes up as it came');
    t.ok(rules.lookups <= LOOKUPS_A_KEY * keys, `${rules.lookups} lookups for ${keys} keys`);
  });
}
