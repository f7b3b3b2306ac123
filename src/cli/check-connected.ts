// `spillway check --connect`: also asks the server, and warns if it is not what the config expects, if it does not have the
// databases and users that rules name, or if its eviction policy does not suit the rules.

import type { Environment } from '../config/overrides.js';
import { printable } from '../core/words.js';
import { ruleSetOf } from '../runtime/rules.js';
import { PLACE_CHECKS } from '../tools/doctor/checks-places.js';
import { POLICY_CHECKS } from '../tools/doctor/checks-policy.js';
import { UPSTREAM_CHECKS } from '../tools/doctor/checks-upstream.js';
import { examine, type ServerExamination } from '../tools/doctor/doctor.js';
import { complain, ExitCode } from './exit.js';
import { type ToolOptions, tooling } from './tool.js';

const NAME = 'spillway-check';
/** How many keys it samples. */
const SAMPLE = 5000;
const IDS: ReadonlySet<string> = new Set(
  [...UPSTREAM_CHECKS, ...PLACE_CHECKS, ...POLICY_CHECKS].map(({ id }) => id),
);

type Warning = ServerExamination['findings'][number] & { readonly server: string };

/** Prints the warnings on standard error. Call it for a valid configuration. @returns 0, or 1 when there is no connection */
export function checkConnected(options: ToolOptions, env: Environment): Promise<ExitCode> {
  return tooling(options, env, NAME, async ({ config, servers, signal }) => {
    const { servers: examined } = await examine(servers, {
      ...{ name: NAME, tls: config.upstream.tls, told: options, rules: ruleSetOf(config) },
      expect: config.upstream.expect,
      ...{ sample: SAMPLE, maxRate: undefined, signal },
    });
    for (const warning of examined.flatMap(warningsOf)) {
      complain(`warning: ${warning.server}: ${warning.title}: ${printable(warning.evidence)}`);
      for (const line of warning.mend) complain(`  ${printable(line)}`);
    }
    return ExitCode.OK;
  });
}

function warningsOf({ server, findings }: ServerExamination): Warning[] {
  return findings.filter(({ id }) => IDS.has(id)).map((finding) => ({ ...finding, server }));
}
