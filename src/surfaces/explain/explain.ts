// Explains in words what Spillway does with a command, and why, key by key.
// Decides nothing itself: rules, TTLs and refusals come from a real session (dry-run.ts). It runs the command twice: without
// refusals, for the TTLs, and in a running proxy under the present pressure.
// This file has what concerns the whole command; why-ttl.ts and why-refused.ts have the sentences about a key.
import {
  arityFits,
  type CommandSpec,
  ConnectionRole,
  ScriptCall,
  TtlTreatment,
} from '../../core/commands/spec.js';
import { globMatches } from '../../core/policy/glob.js';
import { PRIORITY_NAMES, type Rule } from '../../core/policy/rule.js';
import { DEFAULT_USER } from '../../core/policy/rule-views.js';
import { Script } from '../../core/policy/verdict.js';
import { encodeCommand } from '../../core/resp/encode.js';
import { assemble } from './assemble.js';
import { type DryRun, type DryRunKey, dryRun } from './dry-run.js';
import type { Explained, ExplainSubject } from './subject.js';
import type { ExplainedKey, ExplainRequest, Explanation } from './types.js';
import { whenEvicted } from './when-evicted.js';
import { explainBudget, explainLimit, explainRefusal, explainShed } from './why-refused.js';
import { explainTtl } from './why-ttl.js';

/** How many rules that did not match are named. */
const PASSED_OVER = 50;

/** What Spillway does with the command of `request`, key by key. */
export function explain(subject: ExplainSubject, request: ExplainRequest): Explanation {
  const command = assemble(request, subject.table);
  const bytes = encodeCommand(...command.map((word) => Buffer.from(word)));
  const { db = 0, user = DEFAULT_USER } = request;
  const client = { db, user };
  const admitted = dryRun(subject, client, bytes);
  const { now } = subject;
  const today = now && dryRun(subject, client, bytes, now.gate, now.quotas, now.keys);
  const name = Buffer.from(command[0]);
  const spec = subject.table.find(name, 0, name.length);
  const { verdict } = admitted;
  return {
    command,
    ...client,
    ...kindOf(spec, command.length, admitted),
    sends: admitted.sent,
    changed: !admitted.sentBytes.equals(bytes),
    keys:
      spec === undefined || verdict === undefined
        ? []
        : verdict.keys.map((key, i) => {
            const { script } = verdict;
            return explainKey(subject, { spec, script }, key, today?.verdict?.keys[i]);
          }),
    now:
      now === undefined || today === undefined
        ? null
        : {
            shed: today.shed,
            wouldShed: today.wouldShed,
            refused: explainRefusal(today),
            pressure: now.pressure,
            rehearsal: now.rehearsal,
            reason: now.reason,
          },
  };
}

function kindOf(
  spec: CommandSpec | undefined,
  argc: number,
  { verdict }: DryRun,
): Pick<Explanation, 'kind' | 'why'> {
  if (spec === undefined)
    return {
      kind: 'unknown',
      why: 'Spillway does not know this command (a module may define it): it passes unchanged and is never refused.',
    };
  if (spec.role === ConnectionRole.CONSOLE)
    return {
      kind: 'passed',
      why: 'Spillway answers it itself, if the server answers the INFO that Spillway sends in its place.',
    };
  if (!arityFits(spec.arity, argc))
    return {
      kind: 'refused',
      why: 'It has the wrong number of arguments: it passes unchanged, and Redis refuses it.',
    };
  if (spec.script > ScriptCall.LOAD) return SCRIPTS[verdict?.script ?? Script.NONE];
  if (verdict === undefined || verdict.keys.length === 0)
    return { kind: 'passed', why: 'It writes no key that could grow or get a TTL: it passes unchanged.' };
  if (verdict.keys[0].outcome !== undefined) return { kind: 'write', why: 'Rules apply to this write.' };
  return spec.ttl === TtlTreatment.GETEX
    ? { kind: 'passed', why: 'It sets no TTL: it passes unchanged.' }
    : { kind: 'refused', why: 'Its arguments are invalid: it passes unchanged, and Redis refuses it.' };
}

const SCRIPTS: Readonly<Record<Script, Pick<Explanation, 'kind' | 'why'>>> = {
  [Script.NONE]: {
    kind: 'passed',
    why: 'It runs a script, and no rule of the keys that it names has scripts "refuse" or scriptTtl: it passes unchanged.',
  },
  [Script.HARMLESS]: {
    kind: 'passed',
    why: 'It runs a script that cannot make memory grow (its commands, its flags or memory.passScripts say so): it passes unchanged.',
  },
  [Script.GROWING]: {
    kind: 'write',
    why: 'It runs a script that may make memory grow: rules of the keys that it names apply to it as a whole.',
  },
};

function explainKey(
  subject: ExplainSubject,
  { spec, script }: Explained,
  found: DryRunKey,
  today: DryRunKey | undefined,
): ExplainedKey {
  const { key, rule } = found;
  const { rules } = subject.rules;
  const at = rules.indexOf(rule);
  const before = rules.slice(0, at < 0 ? rules.length : at).filter(({ builtIn }) => builtIn !== true);
  return {
    key: key.toString('utf8'),
    rule:
      at < 0
        ? null
        : {
            name: rule.name,
            position: rule.builtIn ? null : at + 1,
            family: rule.family ?? null,
            match: matching(rule, key),
          },
    priority: PRIORITY_NAMES[rule.priority],
    mode: rule.observe ? 'observe' : 'enforce',
    passedOver: before.slice(0, PASSED_OVER).map((each) => ({
      name: each.name,
      match: each.globs.map(text),
      db: each.databases === undefined ? null : [...each.databases],
      user: each.users?.map((name) => Buffer.from(name, 'latin1').toString('utf8')) ?? null,
    })),
    passedOverMore: Math.max(0, before.length - PASSED_OVER),
    ttl: explainTtl(subject, spec, found),
    shed: explainShed(subject, { spec, script }, found, today),
    limit: explainLimit(subject, rule),
    budget: explainBudget(subject, rule),
    evict: whenEvicted(rules, rule),
  };
}

function matching(rule: Rule, key: Uint8Array): string {
  return text(rule.globs.find((glob) => globMatches(glob, key, 0, key.length)) ?? new Uint8Array(0));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
