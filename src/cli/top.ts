// `spillway top`: shows the writes a second by rule, live on a terminal, once elsewhere.
// Owns the keyboard and the screen while it runs. Invariant: it restores both when it ends, however it ends.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../config/overrides.js';
import type { MemorySnapshot } from '../memory/snapshot.js';
import type { ServiceStateSnapshot } from '../observe/state/service-state.js';
import type { StatsSnapshot } from '../observe/stats/snapshot.js';
import { type AdminClient, AdminError } from './admin-client.js';
import { asking } from './ask.js';
import { ExitCode } from './exit.js';
import type { AskOptions } from './options.js';
import { ratesBetween, SORTS, type Sort } from './rows.js';
import { drawState } from './state.js';
import { drawMemory, drawRates } from './tables.js';
import { InPlace, isAddressable } from './terminal/in-place.js';
import { createPaint, type Paint } from './terminal/paint.js';

export interface TopOptions extends AskOptions {
  readonly sort: Sort;
  /** Seconds. */
  readonly interval: number;
}

interface Sample {
  readonly stats: StatsSnapshot;
  readonly memory: MemorySnapshot;
  readonly state: ServiceStateSnapshot;
}

export async function topCommand(options: TopOptions, env: Environment): Promise<ExitCode> {
  return asking(options, env, async (client) => {
    const first = await sample(client);
    if (isAddressable(process.stdout)) await live(client, first, options);
    else {
      await sleep(options.interval * 1000);
      const lines = draw(first, await sample(client), options.sort, createPaint(process.stdout));
      process.stdout.write(`${lines.join('\n')}\n`);
    }
    return ExitCode.OK;
  });
}

async function sample(client: AdminClient, signal?: AbortSignal): Promise<Sample> {
  const [stats, memory, state] = await Promise.all([
    client.get<StatsSnapshot>('/api/stats', signal),
    client.get<MemorySnapshot>('/api/memory', signal),
    client.get<ServiceStateSnapshot>('/api/state', signal),
  ]);
  return { stats, memory, state };
}

function draw(
  before: Sample | undefined,
  { stats, memory, state }: Sample,
  sort: Sort,
  paint: Paint,
): string[] {
  const now = Date.parse(stats.takenAt);
  const rates = ratesBetween(before?.stats, stats, sort);
  return [
    ...drawState(state, paint, now),
    ...drawMemory(memory, state.observed, paint),
    '',
    ...drawRates(rates, sort, paint).split('\n'),
  ];
}

/** Runs until q, Ctrl-C or a signal. While the proxy is away it keeps trying. */
async function live(client: AdminClient, first: Sample, { sort, interval }: TopOptions): Promise<void> {
  const { stdin, stdout } = process;
  const paint = createPaint(stdout);
  const screen = new InPlace(stdout);
  const ending = new AbortController();
  let before: Sample | undefined;
  let now = first;
  let order = sort;
  let trouble = '';
  const show = (): void => {
    const title = `${paint('bold', 'spillway top')}  ${client.url}   ${paint('dim', 'w b s sort, q ends')}`;
    screen.draw([
      title,
      ...(trouble === '' ? [] : [paint('red', trouble)]),
      ...draw(before, now, order, paint),
    ]);
  };
  const end = (): void => ending.abort();
  const onKey = (key: Buffer): void => {
    const char = key.toString('latin1');
    if (char === 'q' || char === '\x03' || char === '\x04') end();
    else {
      order = SORTS.find((name) => name.startsWith(char)) ?? order;
      show();
    }
  };
  process.once('SIGINT', end).once('SIGTERM', end).once('SIGHUP', end);
  stdout.on('resize', show);
  if (stdin.isTTY) stdin.setRawMode(true).on('data', onKey).resume();
  try {
    show();
    while (!ending.signal.aborted) {
      await sleep(interval * 1000, undefined, { signal: ending.signal });
      try {
        const next = await sample(client, ending.signal);
        [before, now, trouble] = [now, next, ''];
      } catch (error) {
        if (!(error instanceof AdminError)) throw error;
        trouble = error.message;
      }
      if (!ending.signal.aborted) show();
    }
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  } finally {
    stdout.off('resize', show);
    if (stdin.isTTY) stdin.setRawMode(false).off('data', onKey).pause();
    process.off('SIGINT', end).off('SIGTERM', end).off('SIGHUP', end);
    screen.close();
  }
}
