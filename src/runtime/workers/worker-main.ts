// One worker process: serves the clients that the primary hands to it, under the pressure that the primary sends, and
// reports. It listens nowhere, reads no config file and ignores signals. Only the primary starts, drains and ends it; it
// also ends when the primary does.
import type { Socket } from 'node:net';
import type { EffectiveConfig } from '../../config/effective.js';
import { flags } from '../../core/policy/shed.js';
import { RingShare } from '../../evict/ring-share.js';
import { Pressure } from '../../memory/pressure.js';
import type { PressureState } from '../../memory/pressure-state.js';
import { capacityOf, connectionsOf, readRoom } from '../capacity.js';
import { consoleAnswers } from '../console-answers.js';
import { DataPlane } from '../data-plane.js';
import { LogOutput, logTo } from '../log/log-output.js';
import { ownUsage } from '../own-usage.js';
import { compileRules } from '../rules.js';
import { REFILL_INTERVAL_MS, TOP_CLIENTS } from '../service.js';
import { type UpstreamNews, upstreamOf } from '../upstream.js';
import { ConsoleLine } from './console-line.js';
import type { FromWorker, GrowthKnown, Report, ToWorker } from './messages.js';
import { Outbox } from './outbox.js';
import { SharedGrowth } from './shared-growth.js';
import { SharedQuotas } from './shared-quotas.js';

const STDOUT = 1;
/** How often the age of the last reading is checked. */
const LOOK_AT_AGE_MS = 50;

const primary = new Outbox<FromWorker>((message, sent) => {
  process.send?.(message, undefined, undefined, () => sent());
});

// Ctrl-C and service managers signal the whole process group; the primary turns that into a drain.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
let exit = (code: number): unknown => process.exit(code);
process.on('disconnect', () => exit(0));
process.once('message', (message: ToWorker) => {
  if (message.type === 'start') start(message);
});

function start({
  worker,
  workers,
  config,
  server,
  upstream: news,
}: Extract<ToWorker, { type: 'start' }>): void {
  const output = new LogOutput(STDOUT);
  const log = logTo(output, config.log, { worker });
  exit = (code) => output.exit(code);
  let stopServing = (): void => {};
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'crashed');
    exit(1);
    // A worker in an unknown state must not serve clients.
    process.removeAllListeners('message');
    stopServing();
  });
  const clock = () => performance.now();
  const clients = { taken: 0, closed: 0 };
  const clientsChanged = (): void => primary.post({ type: 'clients', ...clients, most: plane.clients.most });
  const line = new ConsoleLine((question, asked) => primary.post({ type: 'asked', question, asked }));
  const answers = consoleAnswers((questions) => line.ask(questions), 0);
  const room = readRoom();
  const upstream = upstreamOf(config, log);
  const plane = new DataPlane(
    config,
    log,
    upstream,
    {
      asked: answers,
      upstreamFailed: ({ message, code }: NodeJS.ErrnoException) =>
        primary.post({ type: 'upstreamFailed', message, code }),
      upstreamReadonly: () => primary.post({ type: 'upstreamReadonly' }),
      clientClosed: () => {
        clients.closed++;
        clientsChanged();
      },
    },
    connectionsOf(room, 0),
  );
  stopServing = () => void plane.close(0);
  const { gate, stats } = plane;
  const pressure = new Pressure(config.memory, gate, () => {});
  const growth = new SharedGrowth(gate, workers);
  let question = 0;
  const tellGrowth = (): void => {
    primary.post({ type: 'growth', growth: growth.tell(), question });
  };
  const tellWhenDue = (): void => {
    if (growth.isDue()) tellGrowth();
  };
  const look = (): void => {
    pressure.apply(clock());
    tellWhenDue();
  };
  gate.onGrowth = look;
  gate.onRelief = (answered) => {
    if (answered) growth.ease();
    tellGrowth();
    look();
  };
  setInterval(look, LOOK_AT_AGE_MS).unref();
  const quotas = new SharedQuotas(plane.quotas, workers);
  setInterval(() => {
    const report = quotas.tell();
    if (report !== undefined) primary.post({ type: 'quotas', report });
  }, REFILL_INTERVAL_MS).unref();
  const share = new RingShare(
    () => plane.evictable,
    (slot, bytes) => stats.onWouldEvict(slot, bytes),
    clock,
  );
  stats.upstreamOomSeen = () => {
    pressure.upstreamOom(clock());
    tellWhenDue();
    primary.post({ type: 'upstreamOom' });
  };
  const report = (): Report => ({
    stats: stats.take(),
    snapshot: plane.snapshot(),
    usage: ownUsage(output),
    topClients: plane.clients.top(TOP_CLIENTS),
  });

  let current = config;
  let reloading: Promise<void> = Promise.resolve();
  const reload = async (next: EffectiveConfig): Promise<void> => {
    await compileRules(next, current);
    current = next;
    log.level = next.log.level;
    const renewed = plane.reload(next);
    quotas.watch();
    pressure.reconfigure(next.memory, clock());
    tellWhenDue();
    await renewed;
    primary.post({ type: 'reloaded' });
  };

  const adoptPressure = ({ state, known }: { state: PressureState; known: GrowthKnown }): void => {
    growth.hear(known);
    pressure.adopt(state, clock());
    plane.clients.serverAnswered(state.readingAgeMs);
    tellWhenDue();
  };
  let epoch = 0;
  const hear = (news: UpstreamNews): void => {
    const waiting = plane.clients.waiting;
    if (news.epoch > epoch) {
      epoch = news.epoch;
      plane.follow(news);
      if (news.state === 'paused')
        void plane.clients.settled().then(() => primary.post({ type: 'upstreamSettled', epoch: news.epoch }));
    }
    primary.post({ type: 'upstreamHeard', epoch, waiting });
  };

  process.on('message', (message: ToWorker, socket?: Socket) => {
    switch (message.type) {
      case 'upstream':
        if (message.pressure !== undefined) adoptPressure(message.pressure);
        hear(message.news);
        break;
      case 'client':
        clients.taken++;
        // The client may have gone on the way.
        if (socket === undefined) clients.closed++;
        else plane.clients.accept(socket);
        clientsChanged();
        break;
      case 'pressure':
        adoptPressure(message);
        break;
      case 'growth':
        growth.hear(message.known);
        look();
        break;
      case 'reload':
        reloading = reloading.then(() => reload(message.config));
        break;
      case 'server':
        plane.adoptServer(message.server);
        break;
      case 'serverTime':
        plane.serverClock.adopt(message.epochMs);
        break;
      case 'serverGone':
        plane.clients.serverGone();
        break;
      case 'steady':
        gate.steady = flags(message.slots);
        break;
      case 'askGrowth':
        question = message.question;
        gate.readingAsked(clock());
        tellGrowth();
        break;
      case 'answer':
        line.hear(message.question, message.replies);
        break;
      case 'quotas':
        quotas.hear(message.news);
        break;
      case 'evict':
        primary.post({ type: 'evict', answer: share.answer(message.ask) });
        break;
      case 'askReport':
        primary.post({ type: 'report', report: report() });
        break;
      case 'drain':
        void plane.close(message.graceMs).then((ended) => {
          upstream.tls?.renewal.close();
          primary.post({ type: 'drained', ended, report: report() });
        });
        break;
    }
  });
  if (server !== undefined) plane.adoptServer(server);
  if (news !== undefined) hear(news);
  // The admin server is the primary's.
  const capacity = capacityOf(config, room, 0);
  primary.post({ type: 'ready', snapshot: plane.snapshot(), capacity });
}
