// The worker processes by number: starts them, replaces each that ends, and ends them all. What they are told is worker-pool's.
// Invariants: a number has at most one process; none is started once close() was called.
import { BackOff } from '../../core/back-off.js';
import type { ServiceEvents } from '../service.js';
import type { WorkerProcess } from './worker-process.js';

/** A worker that ends sooner than this is replaced after a delay, which doubles each time. */
const STABLE_MS = 5000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5000;
/** Workers are killed this long after the grace of a drain. */
const DRAIN_MARGIN_MS = 1000;

export class WorkerSet {
  restarts = 0;
  private readonly byNumber = new Map<number, WorkerProcess>();
  private readonly quickEnds = new BackOff(FIRST_DELAY_MS, LONGEST_DELAY_MS);
  private readonly delayed = new Set<NodeJS.Timeout>();
  private isClosing = false;
  private endedByDrain = 0;
  private starting: { workers: number; resolve(): void; reject(error: Error): void } | undefined;
  private onEmpty: () => void = () => {};

  /** `make`: starts the process of a number, which calls welcomed() and lost(). */
  constructor(
    private readonly make: (number: number) => WorkerProcess,
    private readonly events: Pick<ServiceEvents, 'workerEnded' | 'workerReplaced'>,
  ) {}

  /** Starts so many. Resolves when all are ready; rejects when one of them ends before that. */
  start(workers: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.starting = { workers, resolve, reject };
      for (let number = 1; number <= workers; number++) this.add(number);
    });
  }

  get size(): number {
    return this.byNumber.size;
  }

  values(): Iterable<WorkerProcess> {
    return this.byNumber.values();
  }

  get all(): WorkerProcess[] {
    return [...this.byNumber.values()];
  }

  get ready(): WorkerProcess[] {
    return this.all.filter(({ isReady }) => isReady);
  }

  /** A worker is ready to serve clients. */
  welcomed(worker: WorkerProcess): void {
    if (this.restarts > 0) this.events.workerReplaced(worker.number);
    const { starting } = this;
    if (starting === undefined || this.ready.length < starting.workers) return;
    this.starting = undefined;
    starting.resolve();
  }

  /** A worker's process has ended; `how` says by what. */
  lost({ number, ended, clients, startedAt }: WorkerProcess, how: string): void {
    this.byNumber.delete(number);
    if (this.isClosing) this.endedByDrain += ended;
    else {
      this.events.workerEnded(number, how, clients);
      this.restarts++;
      this.replace(number, performance.now() - startedAt);
    }
    this.starting?.reject(new Error(`worker ${number} ended while it started: ${how}`));
    if (this.byNumber.size === 0) this.onEmpty();
  }

  /** Lets their clients finish for up to `graceMs`. Resolves when all have ended, with the clients that had to be ended. */
  async close(graceMs: number): Promise<number> {
    this.isClosing = true;
    this.starting = undefined;
    for (const timer of this.delayed) clearTimeout(timer);
    for (const worker of this.byNumber.values()) {
      if (worker.isReady) worker.post({ type: 'drain', graceMs });
      else worker.kill();
    }
    if (this.byNumber.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          for (const worker of this.byNumber.values()) worker.kill();
        }, graceMs + DRAIN_MARGIN_MS);
        this.onEmpty = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.endedByDrain;
  }

  private add(number: number): void {
    this.byNumber.set(number, this.make(number));
  }

  private replace(number: number, livedMs: number): void {
    if (livedMs >= STABLE_MS) {
      this.quickEnds.reset();
      this.add(number);
      return;
    }
    const timer = setTimeout(() => {
      this.delayed.delete(timer);
      this.add(number);
    }, this.quickEnds.next());
    this.delayed.add(timer);
  }
}
