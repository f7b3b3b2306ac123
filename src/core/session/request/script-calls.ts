// Commands that run or load scripts (EVAL, FCALL, SCRIPT LOAD …), as the router treats them: whether rules decide about them,
// and the sources that pass, from which the policy learns which scripts cannot make memory grow.
// Functions without state; what is learnt belongs to policy/scripts.
import { type CommandSpec, ScriptCall } from '../../commands/spec.js';
import type { Policy } from '../../policy/policy.js';
import { equalsIgnoreCase } from '../../resp/bytes.js';
import type { RequestScanner } from '../../resp/request-scanner.js';

/** Whether the policy decides about it: a governed write, or a call of a script while rules decide about scripts. */
export function isGoverned(spec: CommandSpec, policy: Policy): boolean {
  return spec.governed || (spec.script > ScriptCall.LOAD && policy.rules.governsScripts);
}

/**
 * Whether to hold it if possible instead of streaming: its keys stand after its source, and only a whole source can be learnt.
 */
export function isNeededWhole({ script }: CommandSpec, policy: Policy): boolean {
  return script !== ScriptCall.NONE && policy.rules.governsScripts;
}

/** Learns the source in the command under scan, a script command, if that is EVAL or SCRIPT LOAD. */
export function noteSource({ script }: CommandSpec, args: RequestScanner, policy: Policy): void {
  if (script > ScriptCall.SOURCE || !policy.rules.governsScripts) return;
  const at = script === ScriptCall.SOURCE ? 1 : 2;
  if (args.argc <= at || args.streaming) return;
  if (script === ScriptCall.LOAD && !equalsIgnoreCase(args.buf, args.starts[1], args.ends[1], 'LOAD')) return;
  policy.scripts?.note(args.buf, args.starts[at], args.ends[at]);
}
