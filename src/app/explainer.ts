// What explanations are made from: the rules and bands of a config, the commands of its server once that is known, and
// in a running proxy the gate as it stands. Owns its own table and rule set: in several processes the first serves no
// client, and has no others.
import type { MemorySnapshot } from '../admin/types.js';
import { type CommandTable, defaultCommandTable } from '../commands/table.js';
import type { EffectiveConfig } from '../config/effective.js';
import { explain } from '../explain/explain.js';
import type { ExplainRequest, Explanation } from '../explain/types.js';
import type { ServerFacts } from '../memory/monitor.js';
import type { ShedGate } from '../policy/shed.js';
import { hasFollowUps } from './data-plane.js';
import { ruleSetOf } from './rules.js';

export class Explainer {
  private readonly known: CommandTable;
  private table: CommandTable;
  private followUps = true;

  /** `running`: undefined offline. */
  constructor(
    private readonly config: EffectiveConfig,
    private readonly running?: { readonly gate: ShedGate; memory(): MemorySnapshot },
  ) {
    this.known = defaultCommandTable(config.upstream.shareCommands, config.console);
    this.table = this.known;
  }

  adoptServer({ version, commands }: ServerFacts): void {
    this.table = this.known.overlaidBy(commands);
    this.followUps = hasFollowUps(version);
  }

  explain(request: ExplainRequest): Explanation {
    const { config, table, followUps, running } = this;
    const memory = running?.memory();
    return explain(
      {
        rules: ruleSetOf(config),
        table,
        followUps,
        lookaheadBytes: config.limits.lookaheadBytes,
        bands: config.memory.bands,
        now: running && memory && { gate: running.gate, pressure: memory.pressure, reason: memory.reason },
      },
      request,
    );
  }
}
