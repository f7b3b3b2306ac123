// Which database the client's connection has selected, as far as answers to SELECT have shown. Between a SELECT and its answer
// the database is unknown; after a SELECT without an answer (CLIENT REPLY OFF) it stays unknown until the next answer.
// In a transaction SELECT takes effect at EXEC: what is queued after it is for the new database, or is never executed.
//
//   SELECT ─▶ asked ─▶ its answer       MULTI, SELECT ─▶ queued ─ EXEC ─▶ asked ─▶ EXEC's answer
import type { DatabaseRange } from '../../policy/database-range.js';
import { ANY_DATABASE } from '../../policy/key-memory.js';
import { readPositiveInteger } from '../../resp/bytes.js';

/** No server has more databases. */
const MOST_DATABASES = 1_000_000;
/** The `detail` of an answer that shows the database. */
const TELLS = 1;
/** With this many SELECTs without an answer, the next one waits. */
const MOST_ASKED = 1024;

export class Database {
  /** The database of the next command; ANY_DATABASE: unknown. */
  current = 0;
  /** The same, if every SELECT that waits for its answer succeeds. For statistics alone. */
  likely = 0;
  /** Differs after each change. */
  version = 0;
  private selected = 0;
  private readonly asked: number[] = [];
  /** How often each database is among those. */
  private readonly askedOf = new Map<number, number>();
  private queued: number | undefined;
  private queuedAny = false;

  constructor(private readonly range: DatabaseRange) {}

  /** The databases that it may be once all answers have come. */
  get candidates(): readonly number[] {
    return this.queued === undefined ? [this.selected, ...this.askedOf.keys()] : [this.queued];
  }

  /** The same as `likely`, if the server certainly has it; else ANY_DATABASE. */
  get expected(): number {
    return this.has(this.likely) ? this.likely : ANY_DATABASE;
  }

  /** Whether the server certainly has it. */
  has(db: number): boolean {
    return this.range.has(db);
  }

  /** Whether no further SELECT may go up before an answer has come. */
  get full(): boolean {
    return this.asked.length >= MOST_ASKED;
  }

  get unanswered(): boolean {
    return this.queued === undefined && this.asked.length > 0;
  }

  /** SELECT goes up, and its answer will show the database. Returns the `detail` of its pending reply. */
  ask(buf: Uint8Array, start: number, end: number): number {
    return this.await(numberOf(buf, start, end));
  }

  /** SELECT goes up in a transaction. `tells`: its words and MULTI's answer are known. */
  queue(tells: boolean, buf: Uint8Array, start: number, end: number): void {
    const db = tells ? numberOf(buf, start, end) : ANY_DATABASE;
    this.queued = db !== ANY_DATABASE && this.range.has(db) ? db : ANY_DATABASE;
    this.queuedAny = true;
    this.changed();
  }

  /** MULTI goes up. */
  begin(): void {
    this.queuedAny = false;
  }

  /** EXEC goes up; `tells`: it gets an answer. Returns the `detail` of its pending reply. */
  execute(tells: boolean): number {
    if (this.queued === undefined) return 0;
    if (!tells) return this.lost();
    const db = this.queued;
    this.queued = undefined;
    return this.await(db);
  }

  /** The transaction failed. */
  discard(): void {
    if (this.queued === undefined) return;
    this.queued = undefined;
    this.changed();
  }

  /** MULTI was refused: the commands in the transaction were executed at once. */
  multiRefused(): void {
    if (this.queuedAny) this.lost();
  }

  /** The database may have changed. */
  lost(): 0 {
    this.selected = ANY_DATABASE;
    this.queued = undefined;
    this.askedOf.clear();
    if (this.asked.length > 0) this.askedOf.set(ANY_DATABASE, this.asked.fill(ANY_DATABASE).length);
    this.changed();
    return 0;
  }

  /** `taken`: the answer was not an error, and EXEC's contained replies. */
  answered(taken: boolean, detail: number): void {
    if (detail !== TELLS) return;
    const db = this.asked.shift();
    if (db === undefined) return;
    const left = (this.askedOf.get(db) ?? 0) - 1;
    if (left > 0) this.askedOf.set(db, left);
    else this.askedOf.delete(db);
    if (taken) {
      this.selected = db;
      if (db !== ANY_DATABASE) this.range.learn(db);
    }
    this.changed();
  }

  /** RESET was answered. */
  reset(): void {
    this.selected = 0;
    this.asked.length = 0;
    this.askedOf.clear();
    this.queued = undefined;
    this.changed();
  }

  /** The next answer that shows the database will say whether it is this one. */
  private await(db: number): number {
    this.asked.push(db);
    this.askedOf.set(db, (this.askedOf.get(db) ?? 0) + 1);
    this.changed();
    return TELLS;
  }

  private changed(): void {
    this.version++;
    this.current = this.queued ?? (this.asked.length > 0 ? ANY_DATABASE : this.selected);
    this.likely = this.queued ?? this.asked.at(-1) ?? this.selected;
  }
}

/** ANY_DATABASE: not a number, so the server will refuse it. */
function numberOf(buf: Uint8Array, start: number, end: number): number {
  if (end - start === 1 && buf[start] === 0x30) return 0;
  const db = readPositiveInteger(buf, start, end);
  return db < 0 || db > MOST_DATABASES ? ANY_DATABASE : db;
}
