// The compiled rules and the command table of a config, for every part that decides or explains a decision.
// Invariant: a config's rules are compiled once, however many ask, and are freed with the config.
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { EffectiveConfig } from '../config/effective.js';
import { type CommandTable, defaultCommandTable } from '../core/commands/table.js';
import { PRIORITY_NAMES, Priority, type Rule } from '../core/policy/rule.js';
import { RuleSet, type RuleSetOptions } from '../core/policy/rule-set.js';
import type { ScriptsOptions } from '../core/policy/scripts.js';
import { withFiles } from '../files/with-files.js';
import type { RulesInForce } from '../observe/state/service-state.js';

const compiled = new WeakMap<EffectiveConfig, RuleSet>();

export function ruleSetOf(config: EffectiveConfig): RuleSet {
  let rules = compiled.get(config);
  if (rules === undefined) {
    rules = new RuleSet(optionsOf(config));
    compiled.set(config, rules);
  }
  return rules;
}

/** Compiles the rules in the background, with the views in use in `before`, so that ruleSetOf() has them. */
export async function compileRules(config: EffectiveConfig, before: EffectiveConfig): Promise<void> {
  if (compiled.has(config)) return;
  compiled.set(config, await withFiles(RuleSet.sliced(optionsOf(config), ruleSetOf(before))));
}

function optionsOf(config: EffectiveConfig): RuleSetOptions {
  return {
    rules: allRules(config),
    unregistered: { priority: Priority.NORMAL, observe: config.mode === 'observe' },
  };
}

/** The rules of the config, and after them the built-in ones. */
export function allRules({ rules, familyRules }: EffectiveConfig): readonly Rule[] {
  return [...rules, ...familyRules];
}

const inForce = new WeakMap<EffectiveConfig, RulesInForce>();

/** Which rules and priorities enforce; counted once for a config. */
export function rulesInForce(config: EffectiveConfig): RulesInForce {
  let found = inForce.get(config);
  if (found === undefined) {
    const { mode, rules } = config;
    const all = allRules(config);
    const named = (rules: readonly Rule[]) => rules.map(({ priority }) => PRIORITY_NAMES[priority]);
    const refusing = new Set(named(all.filter(({ observe }) => !observe)));
    if (mode === 'enforce') refusing.add(PRIORITY_NAMES[Priority.NORMAL]);
    const observing = new Set(mode === 'observe' ? PRIORITY_NAMES : named(all));
    found = {
      mode,
      allObserve: rules.every(({ observe }) => observe) && (rules.length > 0 || mode === 'observe'),
      refusing,
      observed: PRIORITY_NAMES.filter((name) => observing.has(name) && !refusing.has(name)),
    };
    inForce.set(config, found);
  }
  return found;
}

/** Whether both configs have the same patterns, judged by their text. */
export function sameGlobs(a: EffectiveConfig, b: EffectiveConfig): boolean {
  const globs = (config: EffectiveConfig) => allRules(config).map((rule) => [...rule.globs]);
  return isDeepStrictEqual(globs(a), globs(b));
}

/** The commands known without the server. */
export function commandTableOf({ upstream, console }: EffectiveConfig): CommandTable {
  return defaultCommandTable(upstream.shareCommands, console);
}

/** What is known about scripts before any has passed. */
export function scriptsOf({ memory }: EffectiveConfig, commands: CommandTable): ScriptsOptions {
  const sha1 = (source: Uint8Array) => createHash('sha1').update(source).digest('hex');
  return { pass: new Set(memory.passScripts), commands, sha1 };
}

export function sameCommands(a: EffectiveConfig, b: EffectiveConfig): boolean {
  return a.console === b.console && isDeepStrictEqual(a.upstream.shareCommands, b.upstream.shareCommands);
}
