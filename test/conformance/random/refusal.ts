// What shedding promises, said the plain way: every growing write to a low key is one that the server refuses.
// A command that no server knows stands in its place, which is refused where OOM would be, and as OOM would be:
// silenced when replies are, poisoning a transaction. Its error text then reads as the OOM error.

import type { SeenStep } from './play.js';
import { type Command, nameOf, type Step } from './session.js';
import { writeOf } from './writes.js';

const STAND_IN: Command = ['SHED-HERE'];
const STAND_IN_ERROR = /-ERR unknown command '?`?SHED-HERE[^\r]*\r\n/g;
const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

/** `before7`: on a server that refuses all of XGROUP when it is full. */
export function refused(step: Step, before7: boolean): Step {
  return step.map((turn) => ({
    ...turn,
    commands: turn.commands.map((command) => (isRefused(command, before7) ? STAND_IN : command)),
  }));
}

export function asOom(seen: readonly SeenStep[]): SeenStep[] {
  return seen.map(({ replies, closed }) => ({
    closed,
    replies: replies.map((text) => text.replace(STAND_IN_ERROR, OOM)),
  }));
}

/** The rule is for `a:` (see modes.ts). */
function isRefused(command: Command, before7: boolean): boolean {
  const write = writeOf(command);
  if (write === undefined) return false;
  const grows = write.grows || (before7 && nameOf(command).name === 'XGROUP');
  return grows && write.written.some((key) => key.startsWith('a:'));
}
