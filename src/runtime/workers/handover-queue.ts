// Accepted clients that wait for a worker. The next one goes to the worker with the fewest clients among those that can take
// one now. If a busy worker has far fewer, the client waits a little for it, since clients tend to stay.
import type { Socket } from 'node:net';
import { LATE_MS, type WorkerProcess } from './worker-process.js';

/** A client waits for a busy worker that has at least this many clients fewer than any free one. */
const UNEVEN_CLIENTS = 4;

export class HandoverQueue {
  private readonly waiting: Socket[] = [];
  private retry: NodeJS.Timeout | undefined;

  /** `most`: how many may wait. */
  constructor(
    private readonly workers: () => Iterable<WorkerProcess>,
    private readonly most: number,
  ) {}

  get length(): number {
    return this.waiting.length;
  }

  get hasRoom(): boolean {
    return this.waiting.length < this.most;
  }

  add(client: Socket): void {
    this.waiting.push(client);
    this.next();
  }

  /** Must be called whenever a worker may take another client. */
  next(): void {
    clearTimeout(this.retry);
    while (this.waiting.length > 0) {
      const taker = this.taker();
      if (taker === undefined) {
        this.retry = setTimeout(() => this.next(), LATE_MS).unref();
        return;
      }
      taker.hand(this.waiting.shift() as Socket);
    }
  }

  close(): void {
    clearTimeout(this.retry);
    for (const client of this.waiting.splice(0)) client.destroy();
  }

  private taker(): WorkerProcess | undefined {
    const now = performance.now();
    let fewest = Number.POSITIVE_INFINITY;
    let taker: WorkerProcess | undefined;
    for (const worker of this.workers()) {
      const { clients } = worker;
      if (!worker.isLate(now)) fewest = Math.min(fewest, clients);
      if (worker.canTake && (taker === undefined || clients < taker.clients)) taker = worker;
    }
    return taker === undefined || taker.clients - fewest >= UNEVEN_CLIENTS ? undefined : taker;
  }
}
