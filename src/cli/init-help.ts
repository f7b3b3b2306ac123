// What `--help` of init says below the list of flags. Text only.
import { TOOL_ENVIRONMENT, TOOL_EXIT_STATUS } from './tool-help.js';

export const INIT_MANUAL = `
Description:
  Looks at the keys of a Redis and writes a first configuration: a rule for each pattern that weighs
  something, with a TTL where its keys are strings (the one that most of them have, or one by their
  name), "durable" where they are lists, hashes and the like, and a priority. Each rule has a comment
  with what was seen. All of it only observes: nothing is given and nothing refused until "mode" is
  "enforce"; where nothing tells that keys may end, not before the rule's own "mode" is taken out.
  How many keys have no rule, since their patterns are small or many, is said.

  With --admin the patterns that a running proxy has found among writes are added.

Examples:
  spillway init --upstream redis://10.0.0.5:6379 --output proxy.config.json
      Then: spillway check --config proxy.config.json; spillway --config proxy.config.json
  spillway init --upstream redis://10.0.0.5:6379 --sample 50000 --admin http://127.0.0.1:9380
      From 50,000 keys and a running proxy.

Rights:
  As of spillway analyze.
${TOOL_ENVIRONMENT}${TOOL_EXIT_STATUS}`;
