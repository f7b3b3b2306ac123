// Which databases the server is known to have. A SELECT in a transaction cannot be waited for; to one of these it succeeds.

export class DatabaseRange {
  private highest = 0;

  /** Databases are numbered without gaps. */
  has(db: number): boolean {
    return db <= this.highest;
  }

  /** The server has taken a SELECT to this one, or has keys there. */
  learn(db: number): void {
    if (db > this.highest) this.highest = db;
  }
}
