// The primary's side of one worker process: the messages to it, its last report, and its end.
// Invariants: at most one client is on its way to the worker, because Node holds back all messages after a socket until
// the socket has arrived; no message of the worker is missed: it counts as gone only when its process has ended and all
// was read.
// It is long because each message from a worker is named here.
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import type { EffectiveConfig } from '../../config/effective.js';
import { withoutSecrets, withoutSecretVariables } from '../../config/secrets.js';
import type { ConsoleQuestion } from '../../core/session/state/console-question.js';
import type { EvictAnswer } from '../../evict/messages.js';
import type { WorkerSnapshot } from '../../observe/snapshots/workers.js';
import type { ClientTraffic } from '../../wire/client/link-options.js';
import { type Capacity, loweredTo } from '../capacity.js';
import type { DataPlaneSnapshot } from '../data-plane.js';
import type { Usage } from '../own-usage.js';
import type { UpstreamNews } from '../upstream.js';
import type { FromWorker, Growth, QuotaNews, QuotaReport, Report, ToWorker } from './messages.js';
import { Outbox } from './outbox.js';
import { Waits } from './waits.js';

export interface WorkerEvents {
  ready(worker: WorkerProcess): void;
  /** It can take the next client, or one of its clients has gone. */
  clientsChanged(worker: WorkerProcess): void;
  /** It reports its growth. `unasked`: much has passed since its last report. */
  grown(worker: WorkerProcess, growth: Growth, unasked: boolean): void;
  /** It reports what it did under rules with a limit or a budget; returns what it must know. */
  took(worker: WorkerProcess, report: QuotaReport): QuotaNews;
  /** It answers questions about keys that may be evicted. */
  evicts(worker: WorkerProcess, answer: EvictAnswer): void;
  reported(report: Report): void;
  upstreamFailed(error: Error): void;
  upstreamOom(): void;
  upstreamReadonly(): void;
  asked(question: ConsoleQuestion): Promise<Uint8Array>;
  gone(worker: WorkerProcess, how: string): void;
}

const MAIN = new URL(
  import.meta.url.endsWith('.ts') ? './worker-main.ts' : './worker-main.js',
  import.meta.url,
);

/** After this time without a confirmation, the next clients go to other workers. */
export const LATE_MS = 100;
/** After this time without a confirmation, the message is sent again. */
const TELL_AGAIN_MS = 20;

export class WorkerProcess {
  isReady = false;
  /** Its capacity at the start. Known once it is ready. */
  atMost: Capacity | undefined;
  /** Its capacity now. */
  capacity: Capacity | undefined;
  /** From its last report, or its start. */
  snapshot: DataPlaneSnapshot | undefined;
  /** Its clients that have sent most, from its last report. */
  topClients: readonly ClientTraffic[] = [];
  /** It has not answered the last request for a report. */
  reportDue = false;
  /** How many clients a drain had to end. */
  ended = 0;
  readonly startedAt = performance.now();
  private handed = 0;
  private handedAt = 0;
  private taken = 0;
  private closed = 0;
  private askingAfter: NodeJS.Timeout | undefined;
  private usage: Usage | undefined;
  /** The config that it uses, the one sent and not confirmed yet, and the one that it must use next. */
  private config: EffectiveConfig;
  private sentConfig: EffectiveConfig | undefined;
  private wanted: EffectiveConfig;
  /** Where the primary is, as last sent, and what the worker has confirmed. */
  private news: UpstreamNews | undefined;
  private heardEpoch = 0;
  private settledEpoch = 0;
  private tellingAgain: NodeJS.Timeout | undefined;
  /** Its clients that waited when it last confirmed where the primary is. */
  heldUp = 0;
  private question = 0;
  private answer = 0;
  /** The last round of its clients' questions. */
  private asked = 0;
  private readonly child: ChildProcess;
  private readonly outbox: Outbox<ToWorker>;
  private readonly waits = new Waits();

  constructor(
    readonly number: number,
    start: Omit<Extract<ToWorker, { type: 'start' }>, 'type' | 'worker'>,
    private readonly events: WorkerEvents,
  ) {
    this.config = start.config;
    this.wanted = start.config;
    this.child = fork(MAIN, { serialization: 'advanced', env: withoutSecretVariables(process.env) });
    this.outbox = new Outbox((message, sent) => this.child.send(message, () => sent()));
    this.child.on('message', (message) => this.hear(message as FromWorker));
    // A message could not be sent: the process has ended or never started, and its `exit` event reports that.
    let failure = '';
    this.child.on('error', (error) => {
      failure = error.message;
    });
    let how: string | undefined;
    const gone = (): void => {
      if (how === undefined || this.child.connected) return;
      this.isReady = false;
      clearInterval(this.tellingAgain);
      clearTimeout(this.askingAfter);
      this.waits.settle(true);
      events.gone(this, how);
    };
    this.child.once('exit', (code, signal) => {
      how = signal ?? `exit code ${code}`;
      gone();
    });
    this.child.once('disconnect', gone);
    if (this.child.pid === undefined) {
      process.nextTick(() => events.gone(this, failure || 'could not be started'));
      return;
    }
    this.outbox.post({ type: 'start', worker: number, ...start, config: withoutSecrets(start.config) });
  }

  /** Its clients, including one on the way. */
  get clients(): number {
    return this.handed - this.closed;
  }

  get canTake(): boolean {
    return this.isReady && this.handed === this.taken && this.clients < (this.capacity?.clients ?? 0);
  }

  /** The last client has been on its way for so long that no other client should wait for this worker. */
  isLate(now: number): boolean {
    return !this.isReady || (this.handed > this.taken && now - this.handedAt >= LATE_MS);
  }

  /**
   * Sends the client to the worker. canTake must hold. It is kept open here until it is sent: else Node sends it again when the
   * worker has no descriptor for it, the worker confirms it twice, and the second confirmation ends this process (Node 20).
   */
  hand(client: Socket): void {
    this.handed++;
    this.handedAt = performance.now();
    this.askAfterClient();
    this.child.send({ type: 'client' } satisfies ToWorker, client, { keepOpen: true }, () =>
      client.destroy(),
    );
  }

  /** A client that has been on its way for long may have been lost. The worker learns of that by what is sent behind it. */
  private askAfterClient(): void {
    this.askingAfter ??= setTimeout(() => {
      this.askingAfter = undefined;
      if (this.handed === this.taken) return;
      this.post({ type: 'handed', clients: this.handed });
      this.askAfterClient();
    }, LATE_MS).unref();
  }

  post(message: ToWorker): void {
    if (this.isReady) this.outbox.post(message);
  }

  /** Resolves when it uses `config`, or is gone, or after `limitMs`. Returns whether it may still use an old config. */
  async reload(config: EffectiveConfig, limitMs: number): Promise<boolean> {
    this.wanted = config;
    this.sendConfig();
    await this.until(() => this.config === config, limitMs);
    return this.isReady && this.config !== config;
  }

  /**
   * Resolves when it has applied the news, or is gone. Bypasses the outbox: no client that is handed over later arrives before
   * it.
   */
  async tellUpstream(
    news: UpstreamNews,
    limitMs: number,
    pressure?: Extract<ToWorker, { type: 'upstream' }>['pressure'],
  ): Promise<void> {
    this.news = news;
    this.sendNews(pressure);
    this.tellingAgain ??= setInterval(() => this.sendNews(), TELL_AGAIN_MS).unref();
    await this.until(() => this.heardEpoch >= news.epoch, limitMs);
  }

  /**
   * After tellUpstream() of a pause: resolves when nothing more is acknowledged to its clients, or after `limitMs`. Returns
   * whether that is so.
   */
  async settled({ epoch }: UpstreamNews, limitMs: number): Promise<boolean> {
    await this.until(() => this.settledEpoch >= epoch, limitMs);
    return !this.isReady || this.settledEpoch >= epoch;
  }

  private sendNews(pressure?: Extract<ToWorker, { type: 'upstream' }>['pressure']): void {
    const { news } = this;
    if (news === undefined || this.heardEpoch >= news.epoch) {
      clearInterval(this.tellingAgain);
      this.tellingAgain = undefined;
    } else if (this.child.connected)
      this.child.send({ type: 'upstream', news, pressure } satisfies ToWorker, () => {});
  }

  /** Resolves when it has reported its growth so far, or is gone, or after `limitMs`. */
  async askGrowth(limitMs: number): Promise<void> {
    const question = ++this.question;
    this.post({ type: 'askGrowth', question });
    await this.until(() => this.answer >= question, limitMs);
  }

  /** Resolves when its report has come, or it is gone, or after `limitMs`; then the report comes later. */
  async askReport(limitMs: number): Promise<void> {
    if (!this.isReady) return;
    if (!this.reportDue) {
      this.reportDue = true;
      this.post({ type: 'askReport' });
    }
    await this.until(() => !this.reportDue, limitMs);
  }

  describe(): WorkerSnapshot {
    const { number, clients, usage } = this;
    const { upSeconds = 0, residentBytes = 0, cpuSeconds = 0, logLinesLost = 0 } = usage ?? {};
    const pid = this.child.pid ?? 0;
    return { worker: number, pid, clients, upSeconds, residentBytes, cpuSeconds, logLinesLost };
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private hear(message: FromWorker): void {
    const { events } = this;
    switch (message.type) {
      case 'ready':
        this.isReady = true;
        this.snapshot = message.snapshot;
        this.atMost = message.capacity;
        this.capacity = message.capacity;
        events.ready(this);
        break;
      case 'clients':
        this.taken = message.taken;
        this.closed = message.closed;
        this.capacity = this.atMost && loweredTo(this.atMost, message.most);
        events.clientsChanged(this);
        break;
      case 'growth': {
        const unasked = message.question === this.answer;
        this.answer = message.question;
        events.grown(this, message.growth, unasked);
        break;
      }
      case 'quotas':
        this.post({ type: 'quotas', news: events.took(this, message.report) });
        break;
      case 'evict':
        events.evicts(this, message.answer);
        break;
      case 'report':
        this.reportDue = false;
        this.take(message.report);
        break;
      case 'drained':
        this.ended = message.ended;
        this.take(message.report);
        this.child.disconnect();
        break;
      case 'reloaded':
        this.config = this.sentConfig ?? this.config;
        this.sentConfig = undefined;
        this.sendConfig();
        break;
      case 'upstreamFailed':
        events.upstreamFailed(Object.assign(new Error(message.message), { code: message.code }));
        break;
      case 'upstreamOom':
        events.upstreamOom();
        break;
      case 'upstreamReadonly':
        events.upstreamReadonly();
        break;
      case 'upstreamHeard':
        this.heardEpoch = message.epoch;
        this.heldUp = message.waiting;
        break;
      case 'upstreamSettled':
        this.settledEpoch = message.epoch;
        break;
      case 'asked':
        void this.reply(message.question, message.asked);
        break;
    }
    this.waits.settle(false);
  }

  /** Bypasses the outbox, so that no client that is handed over later arrives before it. */
  private sendConfig(): void {
    if (!this.isReady || this.sentConfig !== undefined || this.config === this.wanted) return;
    this.sentConfig = this.wanted;
    this.child.send({ type: 'reload', config: withoutSecrets(this.wanted) } satisfies ToWorker, () => {});
  }

  private async reply(question: number, asked: readonly ConsoleQuestion[]): Promise<void> {
    this.asked = question;
    const replies: Uint8Array[] = [];
    const [first] = asked.map(async (one, i) => {
      replies[i] = await this.events.asked(one);
    });
    await first;
    // Given up meanwhile: there is a newer round.
    if (question !== this.asked) return;
    // Questions without an answer yet are asked again in a later round.
    const ready = asked.findIndex((_, i) => replies[i] === undefined);
    this.post({ type: 'answer', question, replies: ready < 0 ? replies : replies.slice(0, ready) });
  }

  private take(report: Report): void {
    this.snapshot = report.snapshot;
    this.usage = report.usage;
    this.topClients = report.topClients;
    this.events.reported(report);
  }

  private until(done: () => boolean, limitMs: number): Promise<void> {
    return this.isReady ? this.waits.until(done, limitMs) : Promise.resolve();
  }
}
