// `spillway doctor`: lists what endangers the memory of a server.

import type { Environment } from '../config/overrides.js';
import { bytesText, percentText, printable } from '../core/words.js';
import { ruleSetOf } from '../runtime/rules.js';
import { type Examination, examine, type ServerExamination } from '../tools/doctor/doctor.js';
import { SEVERITIES, type Severity } from '../tools/doctor/finding.js';
import { ExitCode } from './exit.js';
import { drawPolicies } from './policy-table.js';
import { createPaint, type Paint, SEVERITY_COLORS } from './terminal/paint.js';
import { type ToolOptions, tooling } from './tool.js';

export interface DoctorCommandOptions extends ToolOptions {
  readonly sample: number;
  readonly failOn: Severity;
}

const NAME = 'spillway-doctor';

export async function doctorCommand(options: DoctorCommandOptions, env: Environment): Promise<ExitCode> {
  return tooling(options, env, NAME, async ({ config, file, servers, signal, progress }) => {
    const { sample, maxRate } = options;
    const ofConfig = file === undefined ? {} : { rules: ruleSetOf(config), expect: config.upstream.expect };
    const examination = await examine(servers, {
      ...{ name: NAME, tls: config.upstream.tls, told: options, sample, maxRate, ...ofConfig },
      ...{ signal, progress },
    });
    progress.close();
    const text = options.json
      ? JSON.stringify(examination, null, 2)
      : draw(examination, createPaint(process.stdout));
    process.stdout.write(`${text}\n`);
    return exitFor(examination.worst, options.failOn);
  });
}

const PASSWORDS =
  'These commands take the password from the environment: redis-cli from REDISCLI_AUTH, spillway from ' +
  'SPILLWAY_UPSTREAM_PASSWORD.';

function exitFor(worst: Severity | null, failOn: Severity): ExitCode {
  if (worst === null || SEVERITIES.indexOf(worst) > SEVERITIES.indexOf(failOn)) return ExitCode.OK;
  return worst === 'critical' ? ExitCode.CRITICAL : ExitCode.WARNING;
}

function draw({ servers }: Examination, paint: Paint): string {
  return servers.map((server) => drawServer(server, paint)).join('\n\n');
}

function drawServer(examination: ServerExamination, paint: Paint): string {
  const { server, findings, fine, notMade, notApplicable, needsPassword, unread, memory, policies } =
    examination;
  const lines = [paint('bold', server), ...(memory === null ? [] : [drawMemory(memory)])];
  for (const { id, severity, title, evidence, reason, mend } of findings) {
    lines.push(
      '',
      `${paint(SEVERITY_COLORS[severity], severity.toUpperCase())}  ${paint('bold', title)}  (${id})`,
    );
    lines.push(`  ${printable(evidence)}`, `  ${reason}`, ...mend.map((line) => `    ${printable(line)}`));
  }
  if (needsPassword && findings.length > 0) {
    lines.push('', PASSWORDS);
  }
  if (policies.length > 0) lines.push('', drawPolicies(policies, paint));
  const found = findings.length === 1 ? '1 finding.' : `${findings.length} findings.`;
  const checks = `${fine.length} checks`;
  lines.push(
    '',
    findings.length === 0 ? paint('green', `No findings in ${checks}.`) : `${found} ${checks} found nothing.`,
  );
  if (notMade.length > 0) lines.push(`Not checked: ${notMade.join(', ')}.`);
  if (notApplicable.length > 0) {
    lines.push(
      `Not applicable, because a replica leaves its memory to its primary: ${notApplicable.join(', ')}.`,
    );
  }
  for (const each of unread) lines.push(paint('dim', `Could not read ${printable(each)}`));
  return lines.join('\n');
}

/** `memory 62 MB of 64 MB (96.9%); 40 MB of it can be evicted, so 22 MB (34.4%) is committed`. */
function drawMemory(memory: NonNullable<ServerExamination['memory']>): string {
  const { usedBytes, committedBytes, evictableBytes, limitBytes, basis } = memory;
  const share = (bytes: number) => `${bytesText(bytes)} (${percentText(bytes / limitBytes)})`;
  const used = `memory ${bytesText(usedBytes)} of ${bytesText(limitBytes)} (${percentText(usedBytes / limitBytes)})`;
  if (evictableBytes === 0) return used;
  const about = basis === 'known' ? '' : 'about ';
  return `${used}; ${about}${bytesText(evictableBytes)} of it can be evicted, so ${share(committedBytes)} is committed`;
}
