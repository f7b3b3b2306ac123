// The text of `sweep --help` below the list of flags. Text only.
import { TOOL_ENVIRONMENT, TOOL_EXIT_STATUS } from './tool-help.js';

export const SWEEP_MANUAL = `
Description:
  Walks over the keys of a Redis and gives keys without a TTL the TTL of their rule. The rules of
  the configuration work as in the proxy: the first rule that matches applies. Rules without a
  ttl, durable rules and observing rules give no TTL. A rule applies to strings only, unless it
  has "applyTo": "all".

  Without --apply it changes nothing: it prints how many keys of each rule would get a TTL.

  With --apply a key gets its TTL only if it has none at that moment. sweep writes each step to a
  journal first. --undo removes exactly the TTLs of that journal, and skips keys whose TTL has
  changed since. --resume continues a sweep that was interrupted or killed, or whose keys moved to
  another server meanwhile (exit code 1). The rule's jitter and --spread spread the expiries.

  TTLs themselves take memory, on Redis 7 some 40 to 56 bytes a key. The dry run prints how much.
  --apply watches the server's memory and stops before it reaches the lowest band of memory.shed
  (80%), or --until. The exit code is then 1, and --resume continues when memory has fallen. If
  the server is already full, give one slice of the keys a short TTL, and the next slice when the
  first has expired: --until 95% --max-keys 10000 --ttl 1m.

  --idle 7d sweeps only keys that nobody has read or written for 7 days (OBJECT IDLETIME). With
  --ttl 1m they expire a minute later; until then --undo can keep them. The server must not have
  an LFU policy. Idle times begin anew when the server starts, unless its snapshot kept them.
  Reads on replicas do not count as use.

  It pauses while the server answers slowly or is busy with other clients; --max-rate limits it
  further.
  Ctrl-C ends it and prints what it has done so far.

Examples:
  spillway sweep --config proxy.config.json
      A dry run.
  spillway sweep --config proxy.config.json --rule cache --apply --max-rate 5000
      Give TTLs to the keys of one rule; examine at most 5,000 keys a second.
  spillway sweep --config proxy.config.json --apply --resume spillway-sweep-….jsonl
      Continue after an interruption.
  spillway sweep --config proxy.config.json --rule cache --idle 7d --ttl 1m
      How many keys of one rule nobody has used for a week: with --apply, they expire in a minute.
  spillway sweep --config proxy.config.json --undo spillway-sweep-….jsonl
      Remove these TTLs again.

Rights:
  +scan +pttl +type +info +ping +select +client|setname +time, on all keys that the rules match.
  With --idle also +object|idletime. With --apply also +eval and +pexpireat; without +eval it uses PEXPIREAT … NX (Redis 7.0). With
  --undo also +eval, +persist and +pexpiretime. In a Cluster also +cluster|slots and
  +cluster|nodes. It does not use CONFIG.
${TOOL_ENVIRONMENT}${TOOL_EXIT_STATUS}`;
