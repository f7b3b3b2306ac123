// What `--help` of sweep says below the list of flags. Text only.
import { TOOL_ENVIRONMENT, TOOL_EXIT_STATUS } from './tool-help.js';

export const SWEEP_MANUAL = `
Description:
  Goes through the keys of a Redis and gives the TTL of its rule to each key that has none. The
  rules are those of the configuration, and mean what they mean to the proxy: the first that matches
  counts; durable rules and those without a ttl give nothing; a rule gives to strings only, unless
  it says "applyTo": "all"; one that only observes gives nothing.

  Without --apply nothing is changed: it tells how many keys each rule would give a TTL.

  With --apply each key gets its TTL only if it has none at that moment. What is about to be done is
  first written to a journal, from which --undo takes back exactly what the sweep gave: a key whose
  TTL somebody has changed since is left alone. An interrupted sweep, even a killed one, goes on
  with --resume; so does one whose keys moved to another server meanwhile (exit code 1). Expiries
  are spread: by the rule's jitter, and by --spread of the TTL.

  TTLs take memory themselves, on Redis 7 some 40 to 56 bytes a key. The dry run says how much. --apply
  looks at the server's memory all the time and ends before it reaches the lowest band of
  memory.shed (80 %), or --until; exit code 1, and --resume goes on when memory has fallen. Where a
  server is full already, give slices of keys a short TTL, each when the one before has ended:
  --until 95% --max-keys 10000 --ttl 1m.

  It pauses while the server answers slowly or is busy with others; --max-rate bounds it further.
  Ctrl-C ends it, with what was done so far.

Examples:
  spillway sweep --config proxy.config.json
      What would be done.
  spillway sweep --config proxy.config.json --rule cache --apply --max-rate 5000
      Do it for the keys of one rule, and look at 5,000 keys a second at most.
  spillway sweep --config proxy.config.json --apply --resume spillway-sweep-….jsonl
      Go on after an interruption.
  spillway sweep --config proxy.config.json --undo spillway-sweep-….jsonl
      Take it back.

Rights:
  +scan +pttl +type +info +ping +select +client|setname +time; with --apply +eval and
  +pexpireat, for --undo +eval, +persist and +pexpiretime. Without +eval Redis 7.0 gives by
  PEXPIREAT … NX. Of a Cluster +cluster|slots and +cluster|nodes. All keys that the rules match.
  CONFIG is not asked for.
${TOOL_ENVIRONMENT}${TOOL_EXIT_STATUS}`;
