// One database of one server: finds the keys that a rule gives a TTL and that have none, and gives it to them.
//
//   page of keys ─▶ rule? ─▶ PTTL, TYPE ─▶ no TTL, right type ─▶ journal ─▶ given by script, or PEXPIREAT … NX
//
// Invariants: a key is written to only if the journal has it; one that has a TTL when it comes to it keeps it; what is
// counted as given is what the server says it gave.
import { Aside } from '../keyspace/aside.js';
import { Batch, keyCommand } from '../keyspace/batch.js';
import { type Endpoint, explainFailure, ServerError } from '../keyspace/endpoint.js';
import type { Reply } from '../keyspace/pipe.js';
import type { Visitor } from '../keyspace/walk.js';
import type { CompiledRule, RuleSet } from '../policy/rule-set.js';
import type { RuleCounts } from './counts.js';
import type { Given, Journal, Place } from './journal.js';
import type { Giver } from './scripts.js';

export interface VisitOptions {
  readonly endpoint: Endpoint;
  readonly place: Place;
  /** For CLIENT LIST. */
  readonly name: string;
  readonly rules: RuleSet;
  /** undefined: all that have a TTL to give. */
  readonly only: ReadonlySet<string> | undefined;
  readonly counts: (rule: CompiledRule) => RuleCounts;
  /** undefined: look, and do nothing. */
  readonly apply: Apply | undefined;
}

export interface Apply {
  readonly giver: Giver;
  readonly journal: Journal;
  /** The time to end of a key of this rule, milliseconds since 1970 by the server's clock. */
  readonly expireAt: (rule: CompiledRule) => number;
  /** How many may still be given; asked before each page. */
  readonly room: () => number;
  /** Called when there is no room for a key that is due. */
  readonly full: () => void;
}

interface Candidate {
  readonly key: Buffer;
  readonly rule: CompiledRule;
}

const PTTL = keyCommand(['PTTL']);
const TYPE = keyCommand(['TYPE']);
const NOTE_EVERY_MS = 500;

export class Visit implements Visitor {
  private readonly aside: Aside;
  /** Keys that a lost connection left without an answer: what they have by then is theirs. */
  private readonly unanswered = new Set<string>();
  private notedAt = Number.NEGATIVE_INFINITY;
  /** A page is behind it of which not all was done: no later one may count as done. */
  private incomplete = false;

  constructor(private readonly options: VisitOptions) {
    this.aside = new Aside(options.endpoint, options.place.db, options.name);
  }

  ask(keys: readonly Buffer[], batch: Batch): void {
    for (const key of keys) {
      if (this.ruleOf(key) === undefined) continue;
      batch.about(PTTL, key);
      batch.about(TYPE, key);
    }
  }

  async take(keys: readonly Buffer[], replies: readonly Reply[], next: string): Promise<void> {
    const { counts, apply } = this.options;
    const due: Candidate[] = [];
    let at = 0;
    for (const key of keys) {
      const rule = this.ruleOf(key);
      if (rule === undefined) continue;
      const [ttlMs, type] = [this.must(replies[at++]), this.must(replies[at++])];
      // Gone, or at another server of the Cluster by now.
      if (typeof ttlMs !== 'number' || ttlMs === -2 || !Buffer.isBuffer(type)) continue;
      const count = counts(rule);
      count.matching++;
      if (ttlMs >= 0) {
        if (this.unanswered.delete(key.toString('latin1'))) {
          count.due++;
          count.given++;
        } else count.withTtl++;
      } else if (!rule.applyToAll && type.toString('latin1') !== 'string') count.otherType++;
      else {
        count.due++;
        if (!rule.observe) due.push({ key, rule });
      }
    }
    if (apply === undefined) return;
    if (due.length > 0) await this.give(due, apply);
    await this.noteDone(apply.journal, next);
  }

  restart(): void {
    this.unanswered.clear();
  }

  close(): void {
    this.aside.close();
  }

  private async give(due: readonly Candidate[], apply: Apply): Promise<void> {
    const { giver, journal, expireAt, room, full } = apply;
    const some = due.slice(0, room());
    if (some.length < due.length) {
      this.incomplete = true;
      full();
    }
    if (some.length === 0) return;
    const batch = new Batch();
    const given: Given[] = [];
    for (const { key, rule } of some) {
      const at = expireAt(rule);
      given.push([key, at]);
      batch.about(giver.command(at, !rule.applyToAll), key);
    }
    await journal.give(this.options.place, given);
    for (const [key] of given) this.unanswered.add(key.toString('latin1'));
    const replies = await this.aside.ask(batch);
    for (const [i, { key, rule }] of some.entries()) {
      this.unanswered.delete(key.toString('latin1'));
      const count = this.options.counts(rule);
      if (this.must(replies[i]) === 1) count.given++;
      else count.changed++;
    }
  }

  /** Now and then, and at the end: what stands behind it is looked at again by a sweep that goes on. */
  private async noteDone(journal: Journal, next: string): Promise<void> {
    const now = performance.now();
    if (this.incomplete || (next !== '0' && now - this.notedAt < NOTE_EVERY_MS)) return;
    this.notedAt = now;
    await journal.done(this.options.place, next);
  }

  /** undefined: not to be swept. */
  private ruleOf(key: Buffer): CompiledRule | undefined {
    const { rules, only } = this.options;
    const rule = rules.find(key, 0, key.length);
    return rule.ttlMs === 0 || (only !== undefined && !only.has(rule.name)) ? undefined : rule;
  }

  private must(reply: Reply): Reply {
    if (!(reply instanceof Error)) return reply;
    const { message } = reply;
    if (message.startsWith('MOVED ') || message.startsWith('ASK ')) return null;
    throw new ServerError(explainFailure(this.options.place.server, reply));
  }
}
