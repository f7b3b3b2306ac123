// Reads the configuration again while the proxy runs: on a signal, on request, and when its file has changed. Applies all that
// a running proxy can apply, and names what needs a restart. Owns the current config and the last attempt's outcome.
// Invariants: one attempt at a time; each request is answered by an attempt that began after it; a failed attempt changes
// nothing and says what is wrong, and where; no secret appears in an answer or the log; nothing else waits for a file.
import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { changesBetween, configAfter } from '../config/changes.js';
import { describeConfig } from '../config/describe.js';
import type { EffectiveConfig } from '../config/effective.js';
import { ConfigError, type ConfigProblem } from '../config/error.js';
import type { LoadedConfig } from '../config/load.js';
import type { ConfigSnapshot, ReloadCause, ReloadOutcome } from '../config/reload-outcome.js';
import { textOf } from '../config/secrets.js';
import { isPassing, readInBackground } from '../files/read-file.js';
import { FileWatch } from '../files/watch.js';
import type { EventLog } from '../observe/history/event-log.js';
import { RuleSlots } from '../observe/stats/rule-slots.js';
import { allRules, compileRules } from './rules.js';

/** At most this many problems of a file are shown. */
const SHOWN_PROBLEMS = 50;

/** Where the proxy's first config came from. */
export interface ReloadSource extends Pick<LoadedConfig, 'file' | 'text'> {
  /** Reads it again. @throws ConfigError */
  load(): Promise<Pick<LoadedConfig, 'config' | 'warnings'>>;
}

export class Reloader {
  private readonly slots = new RuleSlots();
  /** The file's content at the last attempt; undefined: it could not be read, or must be read again. */
  private seen: string | undefined;
  private watch: FileWatch | undefined;
  private underWay: Promise<unknown> = Promise.resolve();
  private waiting: Promise<ReloadOutcome> | undefined;
  private open = false;
  private closed = false;
  private loadedAt = new Date();
  private needsRestart: readonly string[] = [];
  private reloads = 0;
  private reloadFailures = 0;
  private lastError: ConfigSnapshot['lastError'] = null;

  /** `adopt` applies a config to the whole proxy, and resolves with the workers that have not confirmed it. */
  constructor(
    private running: EffectiveConfig,
    private readonly source: ReloadSource,
    private readonly adopt: (config: EffectiveConfig) => Promise<readonly number[]>,
    private readonly log: Logger,
    private readonly events: EventLog,
  ) {
    this.slots.assign(allRules(running));
    this.seen = source.text;
  }

  /** The proxy has started: watches the file from now on, and checks whether it has changed meanwhile. */
  start(): void {
    this.open = true;
    this.watchAsConfigured();
    if (this.running.reload.onChange) void this.look();
  }

  /** The current config. */
  get config(): EffectiveConfig {
    return this.running;
  }

  /** Why the present config file is not in use; null: it is. */
  get problem(): string | null {
    if (this.lastError === null) return null;
    const [{ where, message }, ...more] = this.lastError.problems as [ConfigProblem, ...ConfigProblem[]];
    const rest = more.length === 0 ? '' : `, and ${more.length} more`;
    return `${where === '' ? '' : `${where}: `}${message}${rest}`;
  }

  reload(cause: ReloadCause): Promise<ReloadOutcome> {
    // A waiting attempt has read nothing yet, so it also answers this request.
    if (this.waiting !== undefined) return this.waiting;
    const attempt = this.underWay.then(() => {
      this.waiting = undefined;
      return this.attempt(cause);
    });
    this.waiting = attempt;
    this.underWay = attempt;
    return attempt;
  }

  snapshot(): ConfigSnapshot {
    const { file = null } = this.source;
    const { loadedAt, needsRestart, reloads, reloadFailures, lastError } = this;
    const config = describeConfig(this.running);
    return {
      file,
      loadedAt: loadedAt.toISOString(),
      needsRestart,
      reloads,
      reloadFailures,
      lastError,
      config,
    };
  }

  close(): void {
    this.open = false;
    this.closed = true;
    this.watch?.close();
  }

  /** Never rejects. */
  private async attempt(cause: ReloadCause): Promise<ReloadOutcome> {
    this.watch?.looked();
    this.seen = await this.readFile();
    try {
      const { config, warnings } = await this.source.load();
      const { applied, needsRestart } = changesBetween(this.running, config);
      await turn();
      // Even if nothing has changed, since certificates may have changed.
      const next = this.prepared(config);
      // Before anything is replaced, in case it fails.
      await compileRules(next, this.running);
      if (this.closed) throw new ConfigError('CONFIG_INVALID', 'configuration', [CLOSING]);
      const workersPending = await this.adopt(next);
      this.running = next;
      this.watchAsConfigured();
      this.needsRestart = needsRestart;
      this.loadedAt = new Date();
      this.reloads++;
      this.lastError = null;
      const done = { applied, needsRestart, rules: this.running.rules.length, workersPending, warnings };
      this.report(cause, done);
      return { ok: true, ...done };
    } catch (error) {
      if (error instanceof ConfigError && isPassing(error.cause)) this.seen = undefined;
      return this.failed(cause, error);
    }
  }

  /** The next config, ready for use. @throws ConfigError */
  private prepared(loaded: EffectiveConfig): EffectiveConfig {
    const rules = this.slots.assign(allRules(loaded));
    if (rules === undefined) {
      const message =
        'have had too many different names since the start; restart Spillway, which forgets the names of removed rules';
      throw new ConfigError('CONFIG_INVALID', this.source.file ?? 'configuration', [
        { where: 'rules', message },
      ]);
    }
    return configAfter(this.running, {
      ...loaded,
      rules: Object.freeze(rules.filter(({ builtIn }) => builtIn !== true)),
      familyRules: Object.freeze(rules.filter(({ builtIn }) => builtIn === true)),
    });
  }

  private report(cause: ReloadCause, done: Omit<Extract<ReloadOutcome, { ok: true }>, 'ok'>): void {
    const { applied, needsRestart, workersPending, warnings } = done;
    for (const warning of warnings) this.log.warn(warning);
    const changed = applied.length > 0 ? `changed: ${applied.join(', ')}` : 'nothing has changed';
    this.log.info({ cause, rules: done.rules }, `configuration reloaded; ${changed}`);
    if (needsRestart.length > 0) this.log.warn(`some changes need a restart: ${needsRestart.join(', ')}`);
    if (workersPending.length > 0) {
      this.log.warn({ workers: workersPending }, 'workers have not confirmed the new configuration yet');
    }
    const restart =
      needsRestart.length > 0 ? `; some changes need a restart: ${needsRestart.join(', ')}` : '';
    this.events.record('config', `reloaded (${cause}); ${changed}${restart}`);
  }

  private failed(cause: ReloadCause, error: unknown): ReloadOutcome {
    if (!(error instanceof ConfigError))
      this.log.error({ err: error }, 'a bug in Spillway made a reload fail; please report it');
    const { code, source, problems } =
      error instanceof ConfigError
        ? error
        : { code: 'CONFIG_FAILED', source: 'configuration', problems: [UNKNOWN_PROBLEM] };
    const failure = {
      at: new Date().toISOString(),
      code,
      source,
      problems: problems.slice(0, SHOWN_PROBLEMS),
    };
    this.lastError = failure;
    this.reloadFailures++;
    const texts = failure.problems.map(({ where, message }) =>
      where === '' ? message : `${where}: ${message}`,
    );
    this.log.error(
      { cause, source, problems: texts },
      'configuration not reloaded: the old one stays in effect',
    );
    this.events.record(
      'config',
      `not reloaded (${cause}), the old one stays in effect: ${source}: ${texts.join('; ')}`,
    );
    return { ok: false, ...failure };
  }

  /** The file may have changed. */
  private async look(): Promise<void> {
    if ((await this.readFile()) !== this.seen && this.open) await this.reload('file change');
  }

  private async readFile(): Promise<string | undefined> {
    const { file } = this.source;
    if (file === undefined) return undefined;
    try {
      return textOf(await readInBackground(file));
    } catch (error) {
      return isPassing(error) ? this.seen : undefined;
    }
  }

  private watchAsConfigured(): void {
    const { running, open } = this;
    const { file } = this.source;
    if (file === undefined || !open || !running.reload.onChange) {
      this.watch?.close();
      this.watch = undefined;
    } else this.watch ??= new FileWatch([file], () => this.look());
  }
}

const CLOSING = { where: '', message: 'the proxy is closing' };
const UNKNOWN_PROBLEM = { where: '', message: 'Spillway failed to apply it; the log says why' };
