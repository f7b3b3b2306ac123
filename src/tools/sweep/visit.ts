// One database of one server: finds the keys that a rule gives a TTL and that have none, and gives it to them.
//
//   page of keys ─▶ rule? ─▶ PTTL, TYPE ─▶ no TTL, right type ─▶ journal ─▶ given by script, or PEXPIREAT … NX
//
// Invariants: a key is written to only if the journal has it; one that has a TTL when it comes to it keeps it; what is
// counted as given is what the server says it gave.

import type { CompiledRule, RuleSet } from '../../core/policy/rule-set.js';
import { Aside } from '../keyspace/aside.js';
import { Batch, keyCommand } from '../keyspace/batch.js';
import { ConnectionLost, type Endpoint, refusal } from '../keyspace/endpoint.js';
import type { Reply } from '../keyspace/pipe.js';
import { isElsewhere } from '../keyspace/redirect.js';
import type { Visitor } from '../keyspace/walk.js';
import type { RuleCounts } from './counts.js';
import type { Given, Journal, Place } from './journal.js';
import { CLOCK_MOVED, type Giver } from './scripts.js';
import { isSweepKey } from './turn.js';

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
  /** A TTL for a key of this rule, milliseconds. */
  readonly drawTtl: (rule: CompiledRule) => number;
  /** How many of so many keys may get one now; asked before each page. @throws ServerError */
  readonly room: (keys: number) => Promise<number>;
}

/** A key of a rule, and how it counts. */
interface Found {
  readonly key: Buffer;
  readonly rule: CompiledRule;
  as: 'withTtl' | 'otherType' | 'due' | 'given' | 'changed';
}

const PTTL = keyCommand(['PTTL']);
const TYPE = keyCommand(['TYPE']);
const NOTE_EVERY_MS = 500;

export class Visit implements Visitor {
  /** Keys were met that have gone to another server of the Cluster meanwhile. */
  moved = false;
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
      // Asked anew for each page: clocks are set, machines sleep, and names lead to other servers.
      if (batch.count === 0) batch.command('TIME');
      batch.about(PTTL, key);
      batch.about(TYPE, key);
    }
  }

  async take(keys: readonly Buffer[], replies: readonly Reply[], next: string): Promise<void> {
    const { apply } = this.options;
    const found: Found[] = [];
    let at = 1;
    for (const key of keys) {
      const rule = this.ruleOf(key);
      if (rule === undefined) continue;
      const [ttlMs, type] = [this.must(replies[at++]), this.must(replies[at++])];
      // Gone, or at another server by now.
      if (typeof ttlMs !== 'number' || ttlMs === -2 || !Buffer.isBuffer(type)) continue;
      found.push({ key, rule, as: this.countsAs(key, rule, ttlMs, type) });
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

  private countsAs(key: Buffer, rule: CompiledRule, ttlMs: number, type: Buffer): Found['as'] {
    if (ttlMs >= 0) return this.unanswered.delete(key.toString('latin1')) ? 'given' : 'withTtl';
    return rule.applyToAll || type.toString('latin1') === 'string' ? 'due' : 'otherType';
  }

  private count({ rule, as }: Found): void {
    const count = this.options.counts(rule);
    count.matching++;
    count[as]++;
    // What it came to says no less that it was due.
    if (as === 'given' || as === 'changed') count.due++;
  }

  /** @param now by the server's clock, milliseconds since 1970 */
  private async give(due: readonly Found[], now: number, apply: Apply): Promise<void> {
    const { giver, journal, drawTtl, room } = apply;
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
      batch.about(giver.command({ expireAt, stringsOnly: !rule.applyToAll, now }), key);
    }
    await journal.give(this.options.place, given);
    for (const { key } of some) this.unanswered.add(key.toString('latin1'));
    const replies = (await this.aside.ask(batch)).map((reply) => this.must(reply));
    for (const [i, { key }] of some.entries()) {
      if (replies[i] !== 1) this.unanswered.delete(key.toString('latin1'));
    }
    if (replies.includes(CLOCK_MOVED)) {
      throw new ConnectionLost(`${this.options.place.server}: its clock was set while keys got their TTL`);
    }
    for (const [i, each] of some.entries()) {
      this.unanswered.delete(each.key.toString('latin1'));
      each.as = replies[i] === 1 ? 'given' : 'changed';
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

/** The answer to TIME, in milliseconds since 1970. */
function timeOf(reply: Reply): number {
  const [seconds, micros] = (reply as readonly Reply[]).map(Number) as [number, number];
  return seconds * 1000 + Math.floor(micros / 1000);
}
