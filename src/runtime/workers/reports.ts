// What all workers have counted: the sum of their reports, those of ended workers included.
// Invariant: counters never go down; what a worker has counted is added when it reports it.
import type { EffectiveConfig } from '../../config/effective.js';
import type { WorkersSnapshot } from '../../observe/snapshots/workers.js';
import { TrafficStats } from '../../observe/stats/counters.js';
import type { WrittenPick } from '../../observe/stats/written-picks.js';
import type { ClientTraffic } from '../../wire/client/link-options.js';
import type { DataPlaneSnapshot } from '../data-plane.js';
import type { LogLosses } from '../log/log-output.js';
import { allRules, sameGlobs } from '../rules.js';
import { TOP_CLIENTS } from '../service.js';
import { addSnapshots, countersOnly } from './add-snapshots.js';
import type { Report } from './messages.js';
import type { WorkerProcess } from './worker-process.js';

/** Reports are requested at least this often. What a worker counts in between is lost if it crashes. */
const EVERY_MS = 1000;
const LIMIT_MS = 500;

export class Reports {
  private readonly total: TrafficStats;
  private lostSnapshot: DataPlaneSnapshot | undefined;
  /** Log lines that ended workers have lost. */
  private lostLines = 0;
  /** Workers that did not report in the last round. */
  private silent = 0;
  private round: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    config: EffectiveConfig,
    private readonly all: () => readonly WorkerProcess[],
    private readonly logOutput: LogLosses | undefined,
  ) {
    this.total = new TrafficStats(allRules(config), Date.now);
  }

  start(): void {
    this.timer = setInterval(() => void this.fresh(), EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  take({ stats }: Report): void {
    this.total.add(stats);
  }

  /** The primary itself evicted keys. */
  evicted(slot: number, keys: number, bytes: number, livedMs: number): void {
    this.total.onEvicted(slot, keys, bytes, livedMs);
  }

  /** A worker has ended. */
  lose(worker: WorkerProcess): void {
    const { snapshot } = worker;
    this.lostLines += worker.describe().logLinesLost;
    if (snapshot !== undefined) this.lostSnapshot = addSnapshots([this.lostSnapshot, countersOnly(snapshot)]);
  }

  /** Counts by another config's rules from now on. */
  adopt(config: EffectiveConfig): void {
    this.total.adopt(allRules(config));
  }

  /** All workers now use `after` in place of `before`; the total includes everything that they discovered under `before`. */
  adopted(before: EffectiveConfig, after: EffectiveConfig): void {
    if (!sameGlobs(before, after)) this.total.forgetPatterns();
  }

  takePicks(): readonly WrittenPick[] {
    return this.total.picks.take();
  }

  async stats(): Promise<TrafficStats> {
    await this.fresh();
    return this.total;
  }

  async snapshot(): Promise<DataPlaneSnapshot> {
    await this.fresh();
    return addSnapshots([this.lostSnapshot, ...this.all().map(({ snapshot }) => snapshot)]);
  }

  async topClients(): Promise<ClientTraffic[]> {
    await this.fresh();
    const clients = this.ready.flatMap(({ topClients }) => topClients);
    return clients.sort((a, b) => b.bytes - a.bytes).slice(0, TOP_CLIENTS);
  }

  async workers(): Promise<Omit<WorkersSnapshot, 'configured' | 'restarts'>> {
    await this.fresh();
    const { ready, silent } = this;
    const workers = ready.map((worker) => worker.describe()).sort((a, b) => a.worker - b.worker);
    const ownLines = this.lostLines + (this.logOutput?.lost ?? 0);
    const logLinesLost = workers.reduce((sum, worker) => sum + worker.logLinesLost, ownLines);
    return { running: ready.length, silent, logLinesLost, workers };
  }

  private get ready(): WorkerProcess[] {
    return this.all().filter(({ isReady }) => isReady);
  }

  /** Resolves when each worker that answers has reported all that it had counted before this call. */
  private async fresh(): Promise<void> {
    // A running round may have asked before this call.
    if (this.round !== undefined) await this.round;
    this.round ??= this.ask().finally(() => {
      this.round = undefined;
    });
    await this.round;
  }

  private async ask(): Promise<void> {
    const { ready } = this;
    await Promise.all(ready.map((worker) => worker.askReport(LIMIT_MS)));
    this.silent = ready.filter(({ reportDue }) => reportDue).length;
  }
}
