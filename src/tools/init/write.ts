// The text of a first configuration: JSON with comments, as config/json reads it. Pure.
// Invariant: it holds no password; a comment never ends early, whatever keys are called.
import { formatRedactedUrl, type UpstreamAddress } from '../../config/upstream-url.js';
import type { Left, Proposals } from './propose.js';

export interface FirstConfig {
  /** Day, as people read it. */
  readonly on: string;
  readonly upstream: UpstreamAddress;
  readonly proposals: Proposals;
}

export function writeConfig({ on, upstream, proposals }: FirstConfig): string {
  const url = formatRedactedUrl({ ...upstream, password: undefined });
  const secret =
    upstream.password === undefined
      ? []
      : ['  // The password comes by SPILLWAY_UPSTREAM_PASSWORD or …_FILE.'];
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
          '  // No rule, as a glob without a word of its own would match the keys of others; give such keys a prefix:',
          `  // ${oneLine(wordless.join(', '))}`,
        ];
  return `// A first configuration for Spillway, made on ${on} from what was in Redis then. Every setting: docs/CONFIG.md.
{
${[...secret, `  "upstream": { "url": ${JSON.stringify(url)} },`].join('\n')}

  // Nothing is given and nothing refused: only counted. "spillway report" tells what would have been; "enforce" does it.
  "mode": "observe",

  // The first that matches a key counts. "ttl": what a write gets that brings none. "durable": meant to stay.
  // "priority": as memory fills, growing writes of "low" are refused first, those of "critical" never.
${[...(without === undefined ? [] : [`  // ${without}`]), ...left, '  "rules": ['].join('\n')}
${rules.join('\n')}
  ]
}
`;
}

/** Below this share of the keys nobody need know. */
const FEW = 0.01;

/** Which keys get no rule, for people; undefined: few. */
export function leftText({ keys, share, beyond }: Left): string | undefined {
  if (share < FEW) return undefined;
  const count = (of: number) => Math.round(of).toLocaleString('en-US');
  const many =
    beyond > 0 ? `; ${count(beyond)} of them beyond the first 10,000 patterns that are told apart` : '';
  return `No rule for ${(share * 100).toFixed(0)} % of the keys (${count(keys)}), whose patterns are small or many${many}.`;
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
