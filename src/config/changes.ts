// Compares a reloaded config with the running one: which settings apply at once, which need a restart, and the resulting
// config. Pure. Shows no values, because any may be a secret.
// Invariants: each changed setting is in one of the two lists; a new setting needs a restart until it is named here and in
// configAfter(), which a test keeps in step.
import { describeConfig } from './describe.js';
import type { EffectiveConfig } from './effective.js';

/** Settings that apply without a restart. The name of a group stands for all settings in it. */
const TAKEN_OVER: ReadonlySet<string> = new Set([
  'mode',
  'rules',
  'families',
  'console',
  'memory',
  'upstream.expect',
  'upstream.shareCommands',
  'limits.maxClients',
  'limits.lookahead',
  'limits.pendingReplies',
  'limits.idleTimeout',
  'alerts',
  'sweep',
  'log.level',
  'reload',
]);

export interface ConfigChanges {
  /** Paths such as `memory.shed`, in the order of the config. */
  readonly applied: readonly string[];
  readonly needsRestart: readonly string[];
}

/** Sorts the settings in which `loaded` differs from the running config. */
export function changesBetween(running: EffectiveConfig, loaded: EffectiveConfig): ConfigChanges {
  const before = settingsOf(running);
  const after = settingsOf(loaded);
  const applied: string[] = [];
  const needsRestart: string[] = [];
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    if (before.get(path) === after.get(path)) continue;
    (isTakenOver(path) ? applied : needsRestart).push(path);
  }
  return { applied, needsRestart };
}

/** Whether a running proxy applies the setting at `path`; otherwise it needs a restart. */
export function isTakenOver(path: string): boolean {
  return TAKEN_OVER.has(path) || TAKEN_OVER.has(path.split('.', 1)[0] as string);
}

/** The config of the proxy once it has applied the settings of `loaded` that need no restart. */
export function configAfter(running: EffectiveConfig, loaded: EffectiveConfig): EffectiveConfig {
  const { mode, rules, families, familyRules, console, memory, alerts, sweep, log, reload } = loaded;
  const { expect, shareCommands } = loaded.upstream;
  const { drainTimeoutMs, tcpKeepAliveMs } = running.limits;
  return Object.freeze({
    ...running,
    upstream: Object.freeze({ ...running.upstream, expect, shareCommands }),
    mode,
    rules,
    families,
    familyRules,
    console,
    memory,
    limits: Object.freeze({ ...loaded.limits, drainTimeoutMs, tcpKeepAliveMs }),
    alerts,
    sweep,
    log: Object.freeze({ ...running.log, level: log.level }),
    reload,
  });
}

/** Settings by path, as text, with groups one level deep. It contains secrets: for comparison only. */
function settingsOf(config: EffectiveConfig): Map<string, string> {
  const settings = new Map<string, string>();
  for (const [name, value] of Object.entries(describeConfig(config))) {
    if (typeof value !== 'object' || Array.isArray(value)) {
      settings.set(name, JSON.stringify(value));
      continue;
    }
    for (const [inner, setting] of Object.entries(value)) {
      settings.set(`${name}.${inner}`, JSON.stringify(setting));
    }
  }
  const { password, failover } = config.upstream;
  // Secrets, which describeConfig redacts or leaves out.
  settings.set('upstream.url', JSON.stringify([settings.get('upstream.url'), password, failover?.password]));
  const endpoint = [settings.get('sentinelListen'), config.sentinelEndpoint.password];
  settings.set('sentinelListen', JSON.stringify(endpoint));
  settings.set('admin.token', JSON.stringify(config.admin.token ?? null));
  settings.set('alerts.webhook', JSON.stringify(config.alerts.webhook ?? null));
  settings.set('alerts.authorization', JSON.stringify(config.alerts.authorization ?? null));
  return settings;
}
