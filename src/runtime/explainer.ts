// The inputs of `explain`: a config's rules and bands, the server's commands once they are known, and in a running proxy the
// gate. It has a command table of its own, because the primary of a worker pool serves no client and has no other.

import type { EffectiveConfig } from '../config/effective.js';
import type { CommandTable } from '../core/commands/table.js';
import type { KeyMemory } from '../core/policy/key-memory.js';
import type { Quotas } from '../core/policy/quota.js';
import { PRIORITY_NAMES } from '../core/policy/rule.js';
import { Scripts } from '../core/policy/scripts.js';
import type { ShedGate } from '../core/policy/shed.js';
import type { ServerFacts } from '../memory/server-facts.js';
import type { MemorySnapshot } from '../memory/snapshot.js';
import { explain } from '../surfaces/explain/explain.js';
import type { ExplainRequest, Explanation } from '../surfaces/explain/types.js';
import { followUpFormOf, hasPointsInTime, LIKELY_FORM } from './follow-up-form.js';
import { commandTableOf, ruleSetOf, scriptsOf } from './rules.js';

export class Explainer {
  private known: CommandTable;
  private server: ServerFacts | undefined;
  private table: CommandTable;
  private form = LIKELY_FORM;
  private pointsInTime = true;

  /** `running`: the running proxy's state; undefined: explains a config file offline. */
  constructor(
    private config: EffectiveConfig,
    private readonly running?: {
      readonly gate: ShedGate;
      readonly quotas: Quotas;
      readonly scripts?: Scripts | undefined;
      readonly keys?: KeyMemory | undefined;
      memory(): MemorySnapshot;
    },
  ) {
    this.known = commandTableOf(config);
    this.table = this.known;
  }

  adoptServer(server: ServerFacts): void {
    this.server = server;
    this.table = this.known.overlaidBy(server.commands);
    this.form = followUpFormOf(server);
    this.pointsInTime = hasPointsInTime(server);
  }

  reload(config: EffectiveConfig): void {
    this.config = config;
    this.known = commandTableOf(config);
    this.table = this.server === undefined ? this.known : this.known.overlaidBy(this.server.commands);
  }

  explain(request: ExplainRequest): Explanation {
    const { config, table, form, pointsInTime, running } = this;
    const memory = running?.memory();
    return explain(
      {
        rules: ruleSetOf(config),
        table,
        form,
        pointsInTime,
        lookaheadBytes: config.limits.lookaheadBytes,
        scripts: running?.scripts ?? new Scripts(scriptsOf(config, table)),
        ...bandsOf(config, memory),
        now: running &&
          memory && {
            gate: running.gate,
            quotas: running.quotas,
            budgets: memory.budgets,
            keys: running.keys,
            pressure: memory.pressure,
            rehearsal: memory.rehearsal?.pressure ?? null,
            reason: memory.reason,
          },
      },
      request,
    );
  }
}

/** The present ones in a running proxy, otherwise those of the config. */
function bandsOf(config: EffectiveConfig, memory: MemorySnapshot | undefined) {
  if (memory === undefined) return { bands: config.memory.bands, reserved: PRIORITY_NAMES.map(() => 0) };
  const levels = PRIORITY_NAMES.map((name) => memory.level[name]);
  const { limitBytes } = memory;
  return {
    bands: levels.map(({ band }) => band),
    reserved: levels.map(({ reservedBytes }) => (limitBytes === null ? 0 : reservedBytes / limitBytes)),
  };
}
