// `spillway failover`: asks a running proxy to switch its primary to a replica, and waits for the end.
import { setTimeout as delay } from 'node:timers/promises';
import type { Environment } from '../config/overrides.js';
import { bytesText, printable } from '../core/words.js';
import type { PlannedSwitchSnapshot, SwitchPlanSnapshot } from '../observe/snapshots/failover.js';
import { AdminError } from './admin-client.js';
import { asking } from './ask.js';
import { complain, ExitCode } from './exit.js';
import type { AskOptions } from './options.js';

export interface FailoverOptions extends AskOptions {
  readonly dryRun?: boolean;
  readonly pauseServer?: boolean;
}

const PATH = '/api/failover';
const LOOK_MS = 100;
/** The proxy asks Sentinels, primary and replicas first: slow ones take it some seconds (failover/connection.ts). */
const LOOKS_MS = 10_000;

export async function failoverCommand(options: FailoverOptions, env: Environment): Promise<ExitCode> {
  const { json = false } = options;
  const say = (text: string): void => {
    if (!json) process.stdout.write(`${text}\n`);
  };
  return asking(options, env, async (client) => {
    if (options.dryRun === true) {
      const answer = await client.post<{ plan: SwitchPlanSnapshot }>(PATH, { dryRun: true }, LOOKS_MS);
      process.stdout.write(`${json ? JSON.stringify(answer) : planText(answer.plan)}\n`);
      return ExitCode.OK;
    }
    let { switch: run } = await client.post<{ switch: PlannedSwitchSnapshot }>(
      PATH,
      options.pauseServer === true ? { pauseServer: true } : {},
      LOOKS_MS,
    );
    const { startedAt } = run;
    say(`clients wait; ${run.to} is to replace ${run.from}`);
    while (run.state === 'waiting' || run.state === 'switching') {
      await delay(LOOK_MS);
      const answer = await client
        .get<{ switch: PlannedSwitchSnapshot | null }>(PATH)
        .catch((error: Error) => {
          throw new AdminError(`${error.message}; the switch had begun: look at ${client.url}${PATH}`);
        });
      if (answer.switch?.startedAt !== startedAt)
        throw new AdminError(
          `the proxy at ${client.url} no longer knows of this switch: its log says how it ended`,
        );
      run = answer.switch;
    }
    if (json) process.stdout.write(`${JSON.stringify({ switch: run })}\n`);
    if (run.state === 'done') {
      say(doneText(run));
      return ExitCode.OK;
    }
    complain(`the switch failed: ${printable(run.error ?? '')}; ${afterText(run)}`);
    return ExitCode.FAILURE;
  });
}

function planText({ primary, quorum, replicas, replicaMs, pauseMs }: SwitchPlanSnapshot): string {
  const width = Math.max(...replicas.map(({ address }) => address.length));
  const lines = replicas.map(({ address, chosen, priority, behindBytes, unfit }) => {
    const what =
      unfit === null
        ? `${chosen ? 'would become the primary' : 'would stay a replica'} (priority ${priority}, ${bytesText(behindBytes ?? 0)} behind)`
        : `cannot become the primary: ${printable(unfit)}`;
    return `  ${address.padEnd(width)}  ${what}`;
  });
  return [
    `primary    ${primary}`,
    `Sentinels  ${printable(quorum)}`,
    'replicas',
    ...lines,
    `pause      clients would wait for about ${seconds(pauseMs)}; the replicas keep up within ${Math.max(1, replicaMs)} ms`,
    'Nothing was changed; spillway failover switches.',
  ].join('\n');
}

function doneText({ from, to, pausedMs, waited, replicaMs }: PlannedSwitchSnapshot): string {
  const clients = `${waited} ${waited === 1 ? 'client' : 'clients'}`;
  return `the primary is now ${to}, was ${from}; ${clients} waited, for ${seconds(pausedMs ?? 0)} at most (${replicaMs} ms for the replica)`;
}

function afterText({ from, pausedMs }: PlannedSwitchSnapshot): string {
  return pausedMs === null
    ? 'the log of the proxy and /readyz say where the primary is'
    : `the log of the proxy says where the primary is; it was ${from}, and clients waited for ${seconds(pausedMs)}`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
