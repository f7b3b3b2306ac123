// `spillway watch`: the memory of servers, reading by reading. Owns the time between two, and where what is told goes.
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../config/overrides.js';
import { ServerError } from '../keyspace/endpoint.js';
import type { Server } from '../keyspace/servers.js';
import { parseMemory, type Reading } from '../memory/reading.js';
import { InPlace, isAddressable } from '../terminal/in-place.js';
import { Teller } from '../watch/tell.js';
import { type Seen, type WatchEvent, Watcher } from '../watch/watcher.js';
import { messageOf, readingText, type WatchMessage } from '../watch/words.js';
import { complain, ExitCode } from './exit.js';
import { type Tool, type ToolOptions, tooling } from './tool.js';
import { printable } from './words.js';

export interface WatchCommandOptions extends ToolOptions {
  /** Shares, rising. */
  readonly threshold: readonly number[];
  /** Seconds. */
  readonly interval: number;
  readonly log?: string;
  readonly once?: boolean;
}

const NAME = 'spillway-watch';
const PATIENCE_MS = 5000;

export async function watchCommand(options: WatchCommandOptions, env: Environment): Promise<ExitCode> {
  const work = (tool: Tool) => (options.once ? lookOnce(options, tool) : watch(options, tool));
  return tooling(options, env, NAME, work, { endless: true });
}

async function lookOnce({ threshold, json }: WatchCommandOptions, { servers }: Tool): Promise<ExitCode> {
  let worst = 0;
  for (const server of servers.all) {
    const reading = await read(server);
    if (typeof reading === 'string') throw new ServerError(`${server.name}: ${reading}`);
    const watcher = new Watcher({ thresholds: threshold, timeToFullMs: 0, holdMs: 0 });
    const { seen } = watcher.see(reading, 0);
    worst = Math.max(worst, seen.level);
    print(messageOf(server.name, now(), undefined, seen, threshold), json);
  }
  if (worst === 0) return ExitCode.OK;
  return worst === threshold.length && threshold.length > 1 ? ExitCode.CRITICAL : ExitCode.WARNING;
}

async function watch(options: WatchCommandOptions, { config, servers, signal }: Tool): Promise<ExitCode> {
  const { threshold, interval, json, log } = options;
  const { webhook, authorization, timeoutMs, timeToFullMs, holdMs } = config.alerts;
  const teller =
    webhook === undefined
      ? undefined
      : new Teller({ url: webhook, authorization, timeoutMs, signal, onProblem: tellProblem });
  const watched = servers.all.map((server) => ({
    server,
    watcher: new Watcher({ thresholds: threshold, timeToFullMs, holdMs }),
  }));
  const screen = !json && isAddressable(process.stdout) ? new InPlace(process.stdout) : undefined;
  const tell = (message: WatchMessage): void => {
    screen?.draw([]);
    print(message, json);
    if (log !== undefined) append(log, message);
    teller?.tell(message);
  };
  try {
    while (!signal.aborted) {
      const lines: string[] = [];
      for (const { server, watcher } of watched) {
        const reading = await read(server);
        const { seen, events } = judge(watcher, reading);
        for (const event of events) tell(messageOf(server.name, now(), event, seen, threshold));
        if (screen !== undefined) lines.push(`${server.name}  ${printable(readingText(seen))}`);
        else if (events.length === 0) print(messageOf(server.name, now(), undefined, seen, threshold), json);
      }
      screen?.draw(lines);
      await sleep(interval * 1000, undefined, { signal }).catch(() => {});
    }
  } finally {
    screen?.close();
  }
  return ExitCode.OK;
}

function judge(
  watcher: Watcher,
  reading: Reading | string,
): { seen: Seen | undefined; events: WatchEvent[] } {
  if (typeof reading === 'string') return { seen: undefined, events: watcher.lost(reading) };
  return watcher.see(reading, performance.now());
}

/** The reading, or why there is none. */
async function read({ redis }: Server): Promise<Reading | string> {
  const late = new AbortController();
  try {
    const text = await Promise.race([
      redis.info('memory'),
      sleep(PATIENCE_MS, undefined, { signal: late.signal, ref: false }).then(() => {
        throw new Error(`no answer within ${PATIENCE_MS / 1000} s`);
      }),
    ]);
    return parseMemory(text) ?? 'INFO memory has no used_memory';
  } catch (error) {
    const [line = ''] = (error as Error).message.split('\n', 1);
    return line.startsWith('Reached the max retries') ? 'no connection' : line;
  } finally {
    late.abort();
  }
}

function print(message: WatchMessage, json: boolean | undefined): void {
  const { at, server, text } = message;
  process.stdout.write(json ? `${JSON.stringify(message)}\n` : `${at}  ${server}  ${printable(text)}\n`);
}

function append(file: string, message: WatchMessage): void {
  try {
    appendFileSync(file, `${JSON.stringify(message)}\n`);
  } catch (error) {
    complain(`${file} cannot be written: ${(error as Error).message}`);
  }
}

function tellProblem(problem: string | undefined): void {
  complain(
    problem === undefined ? 'the webhook works again' : `the webhook fails, and is tried on: ${problem}`,
  );
}

function now(): string {
  return new Date().toISOString();
}
