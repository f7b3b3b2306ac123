// Which databases the server is known to have. Spillway cannot wait for the answer to a SELECT in a transaction; for one of
// these databases it will succeed.

export class DatabaseRange {
  private highest = 0;

  /** Databases are numbered without gaps. */
  has(db: number): boolean {
    return db <= this.highest;
  }

  /** The server has accepted a SELECT of this one, or has keys in it. */
  learn(db: number): void {
    if (db > this.highest) this.highest = db;
  }
}
