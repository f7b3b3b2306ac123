// One database as the proxy's own sweep sees it: what the rules say is due gets its TTL, a page in one script that looks
// at the turn first. Invariants: a key gets a TTL only if it has none, is of a type that its rule applies to, and the turn
// is ours, all at the moment of writing; rules that only observe give nothing.

import type { CompiledRule, RuleSet } from '../../core/policy/rule-set.js';
import { givesTtl } from '../../core/policy/ttl-outcome.js';
import { Aside } from '../keyspace/aside.js';
import { Batch, keyCommand } from '../keyspace/batch.js';
import { refusal } from '../keyspace/endpoint.js';
import type { Reply } from '../keyspace/pipe.js';
import type { Server } from '../keyspace/servers.js';
import type { Visitor } from '../keyspace/walk.js';
import { drawSweptTtl } from './draw-ttl.js';
import { isSweepKey, SWEEP_KEY, type Turn } from './turn.js';

/** KEYS: the turn's, keys. ARGV: token, then TTL and "string" or "any" for each key. Answers how many got one; -1: not ours. */
const GIVE = `if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return -1 end
local given = 0
for i = 2, #KEYS do
  local right = ARGV[2 * i - 1] == 'any' or redis.call('TYPE', KEYS[i]).ok == 'string'
  if right and redis.call('PTTL', KEYS[i]) == -1 then
    given = given + redis.call('PEXPIRE', KEYS[i], ARGV[2 * i - 2])
  end
end
return given`;

const PTTL = keyCommand(['PTTL']);
/** As `spillway sweep` spreads, where it is not told otherwise. */
const SPREAD = 0.1;

export interface FencedVisitOptions {
  readonly server: Server;
  readonly db: number;
  /** For CLIENT LIST. */
  readonly name: string;
  readonly rules: RuleSet;
  readonly turn: Turn;
  readonly onGiven: (keys: number) => void;
  /** How many of so many keys may get one now; asked before each page. @throws ServerError */
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
    const { turn, room } = this.options;
    const due: { key: Buffer; rule: CompiledRule }[] = [];
    let at = 0;
    for (const key of keys) {
      const rule = this.ruleOf(key);
      if (rule === undefined || this.must(replies[at++]) !== -1) continue;
      due.push({ key, rule });
    }
    if (due.length === 0 || turn.lost.aborted) return;
    const some = due.slice(0, await room(due.length));
    if (some.length === 0) return;
    const wanted = some.flatMap(({ rule }) => [
      String(drawSweptTtl(rule, SPREAD, Math.random)),
      rule.applyToAll ? 'any' : 'string',
    ]);
    const keysOf = some.map(({ key }) => key);
    const batch = new Batch();
    batch.command('EVAL', GIVE, String(some.length + 1), SWEEP_KEY, ...keysOf, turn.token, ...wanted);
    const given = this.must((await this.aside.ask(batch))[0]);
    if (given === -1) turn.lose();
    else this.options.onGiven(Number(given));
  }

  restart(): void {}

  close(): void {
    this.aside.close();
  }

  /** undefined: nothing is to be given. */
  private ruleOf(key: Buffer): CompiledRule | undefined {
    const rule = this.options.rules.find(key, 0, key.length);
    return givesTtl(rule) && !rule.observe && !isSweepKey(key) ? rule : undefined;
  }

  private must(reply: Reply): Reply {
    if (!(reply instanceof Error)) return reply;
    throw refusal(this.options.server.name, reply);
  }
}
