// `spillway watch`: reads servers again and again and reports changes. It goes on even if Redis, the log or the webhook fails.
import { appendFileSync } from 'node:fs';
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../config/overrides.js';
import { changesBetween } from '../tools/watch/changes.js';
import { Courier } from '../tools/watch/courier.js';
import { CALM, type Seen, type Situation } from '../tools/watch/server-state.js';
import { Watch } from '../tools/watch/watch.js';
import { complain, ExitCode } from './exit.js';
import { InPlace, isAddressable } from './terminal/in-place.js';
import { createPaint } from './terminal/paint.js';
import { type Tool, type ToolOptions, tooling } from './tool.js';
import { changeFields, changeLine, readingFields, readingLine } from './watch-lines.js';

export interface WatchCommandOptions extends ToolOptions {
  readonly threshold: readonly number[];
  /** Milliseconds. */
  readonly interval: number;
  readonly timeToFull?: number;
  readonly log?: string;
  readonly quiet?: boolean;
  readonly once?: boolean;
}

const NAME = 'spillway-watch';
/** The fewest looks that a forecast needs. */
const LOOK_MS = 10_000;
/** How long an alert may take after Ctrl-C. */
const LAST_MS = 1500;

export async function watchCommand(options: WatchCommandOptions, env: Environment): Promise<ExitCode> {
  return tooling(options, env, NAME, async (tool) => {
    const { threshold: thresholds, once = false, interval } = options;
    const { alerts, memory, upstream } = tool.config;
    const told = {
      timeToFullMs: options.timeToFull ?? alerts.timeToFullMs,
      // With --once, a single look settles everything.
      holdMs: once ? 0 : alerts.holdMs,
      limitBytes: memory.limitBytes,
    };
    const watch = new Watch(
      { thresholds, ...told },
      { ...tool, clock: () => performance.now(), timeoutMs: upstream.connectTimeoutMs },
    );
    const courier = courierOf(tool, thresholds);
    const report = new Report(options);
    let seen: readonly Seen[] = [];
    let shownAt = Number.NEGATIVE_INFINITY;
    try {
      while (!tool.signal.aborted) {
        const began = performance.now();
        seen = await watch.look();
        courier?.see(seen);
        const due = began - shownAt >= interval - Math.min(interval, LOOK_MS) / 2;
        if (due) shownAt = began;
        report.add(seen, due);
        if (once) break;
        const rest = Math.max(0, Math.min(interval, LOOK_MS) - (performance.now() - began));
        await sleep(rest, undefined, { signal: tool.signal }).catch(() => {});
      }
    } finally {
      report.close();
      await courier?.close(once ? alerts.timeoutMs : LAST_MS);
    }
    return once ? exitFor(seen, thresholds.length) : ExitCode.OK;
  });
}

function exitFor(seen: readonly Seen[], highest: number): ExitCode {
  if (seen.some(({ situation }) => situation.reach === 'away')) return ExitCode.FAILURE;
  const level = Math.max(0, ...seen.map(({ situation }) => situation.level));
  if (level === 0) return ExitCode.OK;
  return level === highest && highest > 1 ? ExitCode.CRITICAL : ExitCode.WARNING;
}

function courierOf({ config: { alerts } }: Tool, thresholds: readonly number[]): Courier | undefined {
  const { webhook: url, authorization, timeoutMs } = alerts;
  if (url === undefined) return undefined;
  return new Courier({
    ...{ url, authorization, timeoutMs, thresholds },
    instance: os.hostname(),
    onProblem: (problem) =>
      complain(
        problem === undefined
          ? 'alerts are delivered again'
          : `could not deliver an alert: ${problem}; watch keeps trying`,
      ),
  });
}

/** The destinations: standard output, and the log. */
class Report {
  private readonly known = new Map<string, Situation>();
  private readonly paint = createPaint(process.stdout);
  private readonly screen: InPlace | undefined;
  private logFails = false;

  constructor(private readonly options: WatchCommandOptions) {
    const inPlace = isAddressable(process.stdout) && !options.json && !options.once && !options.quiet;
    this.screen = inPlace ? new InPlace(process.stdout) : undefined;
  }

  add(seen: readonly Seen[], due: boolean): void {
    const at = new Date();
    const { json, quiet, threshold } = this.options;
    const lines: string[] = [];
    const logged: object[] = [];
    for (const each of seen) {
      for (const change of changesBetween(this.known.get(each.server) ?? CALM, each, threshold)) {
        const fields = changeFields(change, at);
        logged.push(fields);
        lines.push(json ? JSON.stringify(fields) : changeLine(change, each.situation, at, this.paint));
      }
      if (each.situation.reach === 'gone') this.known.delete(each.server);
      else this.known.set(each.server, each.situation);
    }
    const readings = seen.map((each) => readingLine(each, at, this.paint));
    if (due) {
      const fields = seen.map((each) => readingFields(each, at));
      logged.push(...fields);
      if (this.screen === undefined && !quiet)
        lines.push(...(json ? fields.map((each) => JSON.stringify(each)) : readings));
    }
    this.log(logged);
    if (lines.length > 0) {
      this.screen?.clear();
      process.stdout.write(lines.map((line) => `${line}\n`).join(''));
    }
    this.screen?.draw(readings);
  }

  close(): void {
    this.screen?.close();
  }

  private log(entries: readonly object[]): void {
    const { log: file } = this.options;
    if (file === undefined || entries.length === 0) return;
    try {
      appendFileSync(file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
      this.logFails = false;
    } catch (error) {
      if (!this.logFails) complain(`cannot write ${file}: ${(error as Error).message}; watch keeps trying`);
      this.logFails = true;
    }
  }
}
