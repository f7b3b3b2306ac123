// Writes the text of a first configuration: JSON with comments, as config/json reads it. Pure.
// Invariants: it contains no password; no name of a key can end a comment early.

import { urlOf } from '../../config/describe.js';
import type { EffectiveUpstream } from '../../config/effective.js';
import type { UpstreamAddress } from '../../config/upstream-url.js';
import { countText } from '../../core/words.js';
import type { Left, Proposals } from './propose.js';

export interface FirstConfig {
  /** The day, such as 2026-11-23. */
  readonly on: string;
  readonly upstream: UpstreamAddress & { readonly failover?: EffectiveUpstream['failover'] };
  readonly proposals: Proposals;
}

export function writeConfig({ on, upstream, proposals }: FirstConfig): string {
  const url = urlOf({ ...upstream, password: undefined });
  const secret =
    upstream.password === undefined
      ? []
      : ['  // Set the password in SPILLWAY_UPSTREAM_PASSWORD or SPILLWAY_UPSTREAM_PASSWORD_FILE.'];
  const { rules: proposed, wordless, left: rest } = proposals;
  const rules = proposed.map(({ rule, comment }, i) => {
    const end = i + 1 < proposed.length ? ',' : '';
    return [...comment.map((line) => `    // ${oneLine(line)}`), `    ${inline(rule)}${end}`].join('\n');
  });
  const without = leftText(rest);
  const left =
    wordless.length === 0
      ? []
      : [
          '  // These patterns have no rule: no word is theirs alone, so their globs would match the keys of others.',
          '  // Give such keys a prefix.',
          `  // ${oneLine(wordless.join(', '))}`,
        ];
  return `// A first configuration for Spillway, made on ${on} from the keys that were in Redis. All settings: docs/CONFIG.md.
{
${[...secret, `  "upstream": { "url": ${JSON.stringify(url)} },`].join('\n')}

  // "observe": Spillway only counts. "spillway report" shows what the rules would have done; "enforce" makes them do it.
  "mode": "observe",

  // The first rule that matches a key applies. "ttl": for writes that set none. "durable": the keys are meant to stay.
  // "priority": as memory fills, Spillway refuses growing writes of "low" first, and those of "critical" never.
${[...(without === undefined ? [] : [`  // ${without}`]), ...left, '  "rules": ['].join('\n')}
${rules.join('\n')}
  ]
}
`;
}

/** Below this share of the keys the text says nothing. */
const FEW = 0.01;

/** A sentence about the keys that have no rule; undefined: there are few. */
export function leftText({ keys, share, beyond }: Left): string | undefined {
  if (share < FEW) return undefined;
  const many =
    beyond > 0
      ? `; ${countText(beyond)} of them belong to patterns beyond the first 10,000, which init does not distinguish`
      : '';
  return `${(share * 100).toFixed(0)}% of the keys (${countText(keys)}) have no rule: their patterns are too small or too many${many}.`;
}

function inline(rule: object): string {
  const parts = Object.entries(rule).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  return `{ ${parts.join(', ')} }`;
}

function oneLine(text: string): string {
  return text.replace(/[\p{C}\u2028\u2029]/gu, '?');
}
