// Which database the client's connection has selected, as far as answers to SELECT have told. What waits for its answer leaves
// it unknown until then; so does one whose answer does not tell (in a transaction, under CLIENT REPLY OFF) until the next one.
import { ANY_DATABASE } from '../../policy/key-memory.js';
import { readPositiveInteger } from '../../resp/bytes.js';

/** No server has more. */
const MOST_DATABASES = 1_000_000;
/** The `detail` of an answer is the database's number and this. */
const FIRST = 1;

export class Database {
  private selected = 0;
  private unanswered = 0;

  /** ANY_DATABASE: not known. */
  get current(): number {
    return this.unanswered > 0 ? ANY_DATABASE : this.selected;
  }

  /** SELECT goes up, and its answer will tell. Returns the `detail` to owe it by. */
  asked(buf: Uint8Array, start: number, end: number): number {
    const zero = end - start === 1 && buf[start] === 0x30;
    const db = zero ? 0 : readPositiveInteger(buf, start, end);
    if (db < 0 || db > MOST_DATABASES) return this.lost();
    this.unanswered++;
    return db + FIRST;
  }

  /** It may have become another one. */
  lost(): 0 {
    this.selected = ANY_DATABASE;
    return 0;
  }

  answered(taken: boolean, detail: number): void {
    if (detail < FIRST) return;
    this.unanswered--;
    if (taken) this.selected = detail - FIRST;
  }

  /** RESET was answered. */
  reset(): void {
    this.selected = 0;
    this.unanswered = 0;
  }
}
