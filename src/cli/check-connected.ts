// `spillway check --connect`: lists what each Sentinel says, or what a name that moves means now. Then it asks the server, and warns if it is not
// what the config expects, if it does not have the databases and users that rules name, or if its eviction policy does not suit
// the rules.

import type { Environment } from '../config/overrides.js';
import { printable, quoted } from '../core/words.js';
import { askName } from '../failover/ask-name.js';
import { askSentinels } from '../failover/ask-once.js';
import { ruleSetOf } from '../runtime/rules.js';
import { PLACE_CHECKS } from '../tools/doctor/checks-places.js';
import { POLICY_CHECKS } from '../tools/doctor/checks-policy.js';
import { UPSTREAM_CHECKS } from '../tools/doctor/checks-upstream.js';
import { examine, type ServerExamination } from '../tools/doctor/doctor.js';
import { securelyAt } from '../tools/keyspace/servers.js';
import { complain, ExitCode } from './exit.js';
import { type ToolOptions, tooling, whereabouts } from './tool.js';

const NAME = 'spillway-check';
/** How many keys it samples. */
const SAMPLE = 5000;
const IDS: ReadonlySet<string> = new Set(
  [...UPSTREAM_CHECKS, ...PLACE_CHECKS, ...POLICY_CHECKS].map(({ id }) => id),
);

type Warning = ServerExamination['findings'][number] & { readonly server: string };

/** Prints the warnings on standard error. Call it for a valid configuration. @returns 0, or 1 when there is no connection */
export async function checkConnected(options: ToolOptions, env: Environment): Promise<ExitCode> {
  if (!(await checkSentinels(options, env)) || !(await checkName(options, env))) return ExitCode.FAILURE;
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

/** Whether a majority of the Sentinels names a primary, as the proxy needs it; true where there are no Sentinels. */
async function checkSentinels(options: ToolOptions, env: Environment): Promise<boolean> {
  const { config, where } = whereabouts(options, env);
  const { failover, connectTimeoutMs } = config.upstream;
  if (failover === undefined) return true;
  const { primary: name, user, password, natMap, sentinels } = failover;
  const { tls } = where;
  const { primary, enough, ...asked } = await askSentinels({
    ...{ sentinels, primary: name, user, password, natMap, connectTimeoutMs },
    tls: tls && ((host) => securelyAt(host, tls)),
  });
  const agree = asked.sentinels.filter(({ named }) => named !== undefined && named === primary).length;
  if (options.json !== true) {
    const lines = asked.sentinels.map(({ sentinel, named, error }) =>
      named === undefined
        ? `  ${sentinel}  does not answer: ${printable(error ?? '')}`
        : `  ${sentinel}  names ${named}`,
    );
    const found =
      primary === undefined
        ? 'none that a majority names'
        : `${primary}, named by ${agree} of ${sentinels.length}`;
    process.stdout.write(`\nSentinels of ${quoted(name)}\n${lines.join('\n')}\nprimary          ${found}\n`);
  }
  const several = `${enough} of the ${sentinels.length} Sentinels must name the same primary`;
  if (primary === undefined) {
    complain(
      `${several}, or Spillway does not open its data port: start the missing ones, or correct upstream.url`,
    );
    return false;
  }
  if (agree < sentinels.length)
    complain(
      `warning: ${sentinels.length - agree} of the ${sentinels.length} Sentinels do not name ${primary}; ${several} for a failover to be seen`,
    );
  return true;
}

/** Whether the name that Spillway follows means a primary now; true where it follows none. */
async function checkName(options: ToolOptions, env: Environment): Promise<boolean> {
  const { config, where } = whereabouts(options, env);
  const { followedName, host, port, username, password } = config.upstream;
  if (followedName === undefined) return true;
  const { tls } = where;
  const { servers, error } = await askName({ host, port }, { username, password, tls: tls && (() => tls) });
  if (options.json !== true) {
    const lines = servers.map(
      ({ address, trouble }) =>
        `  ${address}  ${trouble === undefined ? 'is a primary' : `cannot be used: ${printable(trouble)}`}\n`,
    );
    process.stdout.write(`\nServers of the name ${quoted(host)}\n${lines.join('')}`);
  }
  const [first] = servers;
  if (first === undefined || first.trouble !== undefined) {
    const why =
      first === undefined
        ? `the name ${host} cannot be resolved (${error})`
        : `${first.address}, which the name ${host} means, cannot be used: ${printable(first.trouble ?? '')}`;
    complain(`${why}; Spillway does not open its data port until the name means a primary`);
    return false;
  }
  if (servers.length > 1)
    complain(
      `warning: the name ${host} has ${servers.length} addresses; Spillway uses the first, and keeps it for as long as the name has it. Take a name that means the primary only`,
    );
  return true;
}

function warningsOf({ server, findings }: ServerExamination): Warning[] {
  return findings.filter(({ id }) => IDS.has(id)).map((finding) => ({ ...finding, server }));
}
