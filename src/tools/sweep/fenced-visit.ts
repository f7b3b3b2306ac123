// Visits one database for the proxy's own sweep and gives the due keys of each page their TTLs by one script, which first
// checks that this proxy holds the lease (lease.ts).
// Invariants: a key gets a TTL only if at the moment of writing it has none, its rule applies to its type, and this proxy
// holds the lease. Rules that only observe give nothing.

import type { CompiledRule } from '../../core/policy/compiled-rule.js';
import type { RuleSet } from '../../core/policy/rule-set.js';
import { givesTtl } from '../../core/policy/ttl-outcome.js';
import { Aside } from '../keyspace/aside.js';
import { Batch } from '../keyspace/batch.js';
import { refusal } from '../keyspace/endpoint.js';
import { PTTL } from '../keyspace/key-questions.js';
import type { Reply } from '../keyspace/pipe.js';
import type { Server } from '../keyspace/servers.js';
import type { Visitor } from '../keyspace/walk.js';
import { drawSweptTtl } from './draw-ttl.js';
import { isSweepKey, type Lease, SWEEP_KEY } from './lease.js';

/**
 * KEYS: the lease's key, then the keys. ARGV: the token, then for each key its TTL and "string" or "any".
 * Returns how many keys got a TTL; -1: another proxy holds the lease.
 */
const GIVE = `if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return -1 end
local given = 0
for i = 2, #KEYS do
  local right = ARGV[2 * i - 1] == 'any' or redis.call('TYPE', KEYS[i]).ok == 'string'
  if right and redis.call('PTTL', KEYS[i]) == -1 then
    given = given + redis.call('PEXPIRE', KEYS[i], ARGV[2 * i - 2])
  end
end
return given`;

/** The default of `spillway sweep --spread`. */
const SPREAD = 0.1;

export interface FencedVisitOptions {
  readonly server: Server;
  readonly db: number;
  /** For CLIENT LIST. */
  readonly name: string;
  readonly rules: RuleSet;
  readonly lease: Lease;
  readonly onGiven: (keys: number) => void;
  /** How many of this many keys may get a TTL now. Called before each page. @throws ServerError */
  readonly room: (keys: number) => Promise<number>;
}

export class FencedVisit implements Visitor {
  private readonly aside: Aside;

  constructor(private readonly options: FencedVisitOptions) {
    const { server, db, name } = options;
    this.aside = new Aside(server.endpoint, db, name);
  }

  ask(keys: readonly Buffer[], batch: Batch): void {
    for (const key of keys) if (this.ruleOf(key) !== undefined) batch.about(PTTL, key);
  }

  async take(keys: readonly Buffer[], replies: readonly Reply[]): Promise<void> {
    const { lease, room } = this.options;
    const due: { key: Buffer; rule: CompiledRule }[] = [];
    let at = 0;
    for (const key of keys) {
      const rule = this.ruleOf(key);
      if (rule === undefined || this.must(replies[at++]) !== -1) continue;
      due.push({ key, rule });
    }
    if (due.length === 0 || lease.lost.aborted) return;
    const some = due.slice(0, await room(due.length));
    if (some.length === 0) return;
    const wanted = some.flatMap(({ rule }) => [
      String(drawSweptTtl(rule, SPREAD, Math.random)),
      rule.applyToAll ? 'any' : 'string',
    ]);
    const keysOf = some.map(({ key }) => key);
    const batch = new Batch();
    batch.command('EVAL', GIVE, String(some.length + 1), SWEEP_KEY, ...keysOf, lease.token, ...wanted);
    const given = this.must((await this.aside.ask(batch))[0]);
    if (given === -1) lease.lose();
    else this.options.onGiven(Number(given));
  }

  restart(): void {}

  close(): void {
    this.aside.close();
  }

  /** The rule whose TTL the key should get; undefined: none. */
  private ruleOf(key: Buffer): CompiledRule | undefined {
    const { rules, db } = this.options;
    const rule = rules.view(db, undefined).find(key, 0, key.length);
    return givesTtl(rule) && !rule.observe && !isSweepKey(key) ? rule : undefined;
  }

  private must(reply: Reply): Reply {
    if (!(reply instanceof Error)) return reply;
    throw refusal(this.options.server.name, reply);
  }
}
