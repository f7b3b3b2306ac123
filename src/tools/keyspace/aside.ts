// A second connection of a walk, for additional questions about a page. It is made when it is first needed, and again after
// it was lost. Owns the connection.
import type { Batch } from './batch.js';
import type { Endpoint } from './endpoint.js';
import { Pipe, type Reply } from './pipe.js';

export class Aside {
  private pipe: Pipe | undefined;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly db: number,
    /** For CLIENT LIST. */
    private readonly name: string,
  ) {}

  /** As Pipe.ask(). @throws ConnectionLost, ServerError */
  async ask(batch: Pick<Batch, 'bytes' | 'count'>): Promise<readonly Reply[]> {
    if (batch.count === 0) return [];
    if (this.pipe === undefined || this.pipe.isEnded) {
      this.pipe = await Pipe.connect(this.endpoint, this.db, this.name);
    }
    return this.pipe.ask(batch);
  }

  close(): void {
    this.pipe?.close();
  }
}
