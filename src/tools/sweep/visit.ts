// Visits one database of one server: finds the keys without a TTL whose rule gives one, and gives it to them.
//
//   page of keys ─▶ rule? ─▶ PTTL, TYPE, with --idle OBJECT IDLETIME ─▶ no TTL, right type ─▶ journal ─▶ TTL by script, or PEXPIREAT … NX
//
// Invariants: a key gets a TTL only after it is in the journal; a key that has a TTL at the moment of writing keeps it; a TTL
// counts as given only if the server confirmed it.

import type { CompiledRule } from '../../core/policy/compiled-rule.js';
import type { RuleSet } from '../../core/policy/rule-set.js';
import { Aside } from '../keyspace/aside.js';
import { Batch } from '../keyspace/batch.js';
import { ConnectionLost, type Endpoint, refusal } from '../keyspace/endpoint.js';
import { IDLETIME, memoryUsage, PTTL, TYPE } from '../keyspace/key-questions.js';
import type { Reply } from '../keyspace/pipe.js';
import { isElsewhere } from '../keyspace/redirect.js';
import type { Visitor } from '../keyspace/walk.js';
import type { RuleCounts } from './counts.js';
import { type DueSizes, isSized } from './dry-sizes.js';
import type { Given, Journal, Place } from './journal.js';
import { isSweepKey } from './lease.js';
import { CLOCK_MOVED, type Giver } from './scripts.js';

export interface VisitOptions {
  readonly endpoint: Endpoint;
  readonly place: Place;
  /** For CLIENT LIST. */
  readonly name: string;
  readonly rules: RuleSet;
  /** Names of rules; undefined: all rules with a TTL. */
  readonly only: ReadonlySet<string> | undefined;
  /** Only keys that nobody has used for this time; undefined: all. */
  readonly idleMs?: number | undefined;
  readonly counts: (rule: CompiledRule) => RuleCounts;
  /** Of a dry run: takes the sizes of some due keys. */
  readonly sizes?: (rule: CompiledRule) => DueSizes;
  /** undefined: a dry run. */
  readonly apply: Apply | undefined;
}

export interface Apply {
  readonly giver: Giver;
  readonly journal: Journal;
  /** A TTL for a key of this rule, milliseconds. */
  readonly drawTtl: (rule: CompiledRule) => number;
  /** How many of this many keys may get a TTL now. Called before each page. @throws ServerError */
  readonly room: (keys: number) => Promise<number>;
}

/** A key that a rule matches, and the count that it belongs to. */
interface Found {
  readonly key: Buffer;
  readonly rule: CompiledRule;
  as: 'withTtl' | 'otherType' | 'inUse' | 'due' | 'given' | 'changed';
}

const USAGE = memoryUsage();
const NOTE_EVERY_MS = 500;

export class Visit implements Visitor {
  /** Some keys had moved to another server of the Cluster. */
  moved = false;
  private readonly aside: Aside;
  /** Keys whose replies a lost connection took: if one has a TTL when it is met again, this sweep gave it. */
  private readonly unanswered = new Set<string>();
  private notedAt = Number.NEGATIVE_INFINITY;
  /** A page was not done completely, so no later page may be recorded as done. */
  private incomplete = false;
  /** In seconds, as the server counts; 0: any. */
  private readonly leastIdle: number;

  constructor(private readonly options: VisitOptions) {
    this.leastIdle = Math.ceil((options.idleMs ?? 0) / 1000);
    this.aside = new Aside(options.endpoint, options.place.db, options.name);
  }

  ask(keys: readonly Buffer[], batch: Batch): void {
    for (const [place, key] of keys.entries()) {
      if (this.ruleOf(key) === undefined) continue;
      // Asked for each page: a clock may be set, a machine may sleep, a name may lead to another server.
      if (batch.count === 0) batch.command('TIME');
      batch.about(PTTL, key);
      batch.about(TYPE, key);
      if (this.leastIdle > 0) batch.about(IDLETIME, key);
      if (this.sizes(place)) batch.about(USAGE, key);
    }
  }

  async take(keys: readonly Buffer[], replies: readonly Reply[], next: string): Promise<void> {
    const { apply } = this.options;
    const found: Found[] = [];
    let at = 1;
    for (const [place, key] of keys.entries()) {
      const rule = this.ruleOf(key);
      if (rule === undefined) continue;
      const [ttlMs, type] = [this.must(replies[at++]), this.must(replies[at++])];
      const idle = this.leastIdle > 0 ? this.must(replies[at++]) : 0;
      // A user without the right to MEMORY USAGE gets no sizes.
      const size = this.sizes(place) ? replies[at++] : undefined;
      // The key is gone, or has moved to another server.
      if (typeof ttlMs !== 'number' || ttlMs === -2 || !Buffer.isBuffer(type) || typeof idle !== 'number')
        continue;
      const as = this.countsAs(key, rule, ttlMs, type);
      const used = as === 'due' && idle < this.leastIdle;
      found.push({ key, rule, as: used ? 'inUse' : as });
      if (as === 'due' && !used && typeof size === 'number') this.options.sizes?.(rule).add(size);
    }
    const due = found.filter(({ as, rule }) => as === 'due' && !rule.observe);
    if (apply !== undefined && due.length > 0) await this.give(due, timeOf(this.must(replies[0])), apply);
    for (const each of found) this.count(each);
    if (apply !== undefined) await this.noteDone(apply.journal, next);
  }

  restart(): void {
    this.unanswered.clear();
  }

  close(): void {
    this.aside.close();
  }

  private sizes(place: number): boolean {
    return this.options.sizes !== undefined && isSized(place);
  }

  private countsAs(key: Buffer, rule: CompiledRule, ttlMs: number, type: Buffer): Found['as'] {
    if (ttlMs >= 0) return this.unanswered.delete(key.toString('latin1')) ? 'given' : 'withTtl';
    return rule.applyToAll || type.toString('latin1') === 'string' ? 'due' : 'otherType';
  }

  private count({ rule, as }: Found): void {
    const count = this.options.counts(rule);
    count.matching++;
    count[as]++;
    // These keys were due too.
    if (as === 'given' || as === 'changed') count.due++;
  }

  /** @param now by the server's clock, milliseconds since 1970 */
  private async give(due: readonly Found[], now: number, apply: Apply): Promise<void> {
    const { giver, journal, drawTtl, room } = apply;
    const { leastIdle } = this;
    const some = due.slice(0, await room(due.length));
    if (some.length < due.length) {
      this.incomplete = true;
    }
    if (some.length === 0) return;
    const batch = new Batch();
    const given: Given[] = [];
    for (const { key, rule } of some) {
      const expireAt = now + drawTtl(rule);
      given.push([key, expireAt]);
      batch.about(giver.command({ expireAt, stringsOnly: !rule.applyToAll, leastIdle, now }), key);
    }
    await journal.give(this.options.place, given);
    for (const { key } of some) this.unanswered.add(key.toString('latin1'));
    const replies = (await this.aside.ask(batch)).map((reply) => this.must(reply));
    for (const [i, { key }] of some.entries()) {
      if (replies[i] !== 1) this.unanswered.delete(key.toString('latin1'));
    }
    if (replies.includes(CLOCK_MOVED)) {
      throw new ConnectionLost(`${this.options.place.server}: the server's clock was set during the sweep`);
    }
    for (const [i, each] of some.entries()) {
      this.unanswered.delete(each.key.toString('latin1'));
      each.as = replies[i] === 1 ? 'given' : 'changed';
    }
  }

  /** Records the position now and then, and at the end. A sweep that continues looks again at the keys after it. */
  private async noteDone(journal: Journal, next: string): Promise<void> {
    const now = performance.now();
    if (this.incomplete || (next !== '0' && now - this.notedAt < NOTE_EVERY_MS)) return;
    this.notedAt = now;
    await journal.done(this.options.place, next);
  }

  /** The rule whose TTL the key should get; undefined: none. */
  private ruleOf(key: Buffer): CompiledRule | undefined {
    const { rules, only, place } = this.options;
    const rule = rules.view(place.db, undefined).find(key, 0, key.length);
    if (rule.ttlMs === 0 || isSweepKey(key)) return undefined;
    return only === undefined || only.has(rule.name) ? rule : undefined;
  }

  private must(reply: Reply): Reply {
    if (!(reply instanceof Error)) return reply;
    if (!isElsewhere(reply)) throw refusal(this.options.place.server, reply);
    this.moved = true;
    return null;
  }
}

/** The reply to TIME, in milliseconds since 1970. */
function timeOf(reply: Reply): number {
  const [seconds, micros] = (reply as readonly Reply[]).map(Number) as [number, number];
  return seconds * 1000 + Math.floor(micros / 1000);
}
