// The text of `init --help` below the list of flags. Text only.
import { TOOL_ENVIRONMENT, TOOL_EXIT_STATUS } from './tool-help.js';

export const INIT_MANUAL = `
Description:
  Examines the keys of a Redis and writes a first configuration, with a rule for each pattern that
  has many keys or much memory. A rule gives a TTL only if 95% of the keys have one, or if their
  name says cache, temporary or session; all other rules are "durable". Each rule has a priority,
  and a comment that says what init saw.

  All rules only observe: they give no TTLs and refuse nothing until "mode" is "enforce". init says
  how many keys have no rule because their patterns are too small or too many.

  With --admin it adds patterns that a running proxy has found in its writes. Each of their rules
  has its own "mode": "observe". Remove it to enforce the rule.

Examples:
  spillway init --upstream redis://10.0.0.5:6379 --output proxy.config.json
      Then: spillway check --config proxy.config.json; spillway --config proxy.config.json
  spillway init --upstream redis://10.0.0.5:6379 --sample 50000 --admin http://127.0.0.1:9380
      From 50,000 keys and a running proxy.

Rights:
  As for spillway analyze.
${TOOL_ENVIRONMENT}${TOOL_EXIT_STATUS}`;
