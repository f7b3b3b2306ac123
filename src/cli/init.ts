// `spillway init`: writes a first configuration from the keys on the server.
import { existsSync, writeFileSync } from 'node:fs';
import type { Environment } from '../config/overrides.js';
import { FAMILIES, type Family, tellingGlobs } from '../core/policy/families.js';
import { familyRules } from '../core/policy/family-rules.js';
import { Priority } from '../core/policy/rule.js';
import { RuleSet } from '../core/policy/rule-set.js';
import { analyze } from '../tools/analyze/analyze.js';
import { type Discovered, proposeRules } from '../tools/init/propose.js';
import { leftText, writeConfig } from '../tools/init/write.js';
import { programName, shellQuoted } from '../tools/keyspace/shell.js';
import { AdminClient } from './admin-client.js';
import { ttlCostText } from './analyze-tables.js';
import { mendable } from './ask.js';
import { complain, ExitCode } from './exit.js';
import { chosenDb, type ToolOptions, tooling, unwritableFolder } from './tool.js';

export interface InitCommandOptions extends ToolOptions {
  readonly sample?: number;
  readonly admin?: string;
  readonly output?: string;
  /** How long a server may be away during the walk; there is no flag for it. */
  readonly patienceMs?: number;
}

const NAME = 'spillway-init';

export async function initCommand(options: InitCommandOptions, env: Environment): Promise<ExitCode> {
  const { output, sample, maxRate, admin, patienceMs } = options;
  return mendable(() =>
    tooling(options, env, NAME, async ({ config, servers, signal, progress }) => {
      const refused = output !== undefined && unfit(output);
      if (refused) {
        complain(refused);
        return ExitCode.FAILURE;
      }
      const found =
        admin === undefined
          ? undefined
          : await AdminClient.at(admin, config).get<{ discovered: readonly Discovered[] }>('/api/stats');
      const more = {
        rules: jobSystems(),
        samples: undefined,
        biggest: 0,
        maxRate,
        signal,
        progress,
        title: 'init',
        ...(patienceMs !== undefined && { patienceMs }),
      };
      const analysis = await analyze(servers, { name: NAME, db: chosenDb(options, config), sample, ...more });
      progress.close();
      const proposals = proposeRules(analysis, found?.discovered);
      const on = analysis.at.slice(0, 10);
      const text = writeConfig({ on, upstream: config.upstream, proposals });
      if (analysis.partial) for (const each of [...analysis.notes, PARTIAL]) complain(each);
      if (proposals.rules.some(({ rule }) => rule.ttl !== undefined)) complain(ttlCostText(analysis));
      const left = leftText(proposals.left);
      if (left !== undefined) complain(left);
      if (output === undefined) process.stdout.write(text);
      else {
        try {
          writeFileSync(output, text, { flag: 'wx' });
        } catch (error) {
          complain(problem(output, error as NodeJS.ErrnoException));
          return ExitCode.FAILURE;
        }
        const count = proposals.rules.length;
        complain(
          `${output}: ${count === 1 ? '1 rule, which only observes' : `${count} rules, which only observe`}. Read the file, then run: ${programName()} --config ${shellQuoted(output)}`,
        );
      }
      // After Ctrl-C the exit code is the signal's.
      return analysis.partial && !signal.aborted ? ExitCode.FAILURE : ExitCode.OK;
    }),
  );
}

/** Counts the keys of each job system together, and all others by their patterns. */
function jobSystems(): RuleSet {
  const rules = familyRules(FAMILIES, 1, true);
  return new RuleSet({
    rules: rules.map((rule, i) => ({ ...rule, globs: tellingGlobs((FAMILIES[i] as Family).name) })),
    unregistered: { priority: Priority.NORMAL, observe: true },
  });
}

const PARTIAL =
  'the result is partial: init ended before it had seen all keys, so rules may be missing. Run it again for all keys';

/** Checked before the walk, which may take long. */
function unfit(file: string): string | undefined {
  return existsSync(file) ? problem(file, { code: 'EEXIST' }) : unwritableFolder(file);
}

function problem(file: string, { code, message }: Partial<NodeJS.ErrnoException>): string {
  return code === 'EEXIST'
    ? `${file} already exists and may hold rules that somebody wrote: name another file`
    : `${file} cannot be written: ${message}`;
}
