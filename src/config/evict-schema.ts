// The schema of `memory.evict`, and its checks: Spillway must make room before it refuses anything.
import { fail, percent, quietly, size, strict } from './fields.js';
import { formatPercent, parsePercent } from './units.js';

const MIN_KEYS = 64 * 1024;
const MAX_KEYS = 4 * 1024 ** 3;

export const evictSchema = strict({
  start: percent()
    .default('78%')
    .describe(
      'Spillway begins to make room when used memory reaches this share of the limit. It must lie below the lowest band of ' +
        'memory.shed if a rule has evict.',
    ),
  stop: percent().default('76%').describe('Spillway removes keys until used memory is down to this share.'),
  keys: size(MIN_KEYS, MAX_KEYS)
    .default('32mb')
    .describe(
      'Memory of each process for the list of keys written to rules with evict, some 64 bytes a key. If the list is full, ' +
        'Spillway forgets the oldest key, and finds it by SCAN.',
    ),
}).check((context) => {
  const start = quietly(context.value.start, parsePercent);
  const stop = quietly(context.value.stop, parsePercent);
  if (start !== undefined && stop !== undefined && stop >= start) {
    fail(context, 'must be below start', ['stop']);
  }
});

interface Judged {
  readonly rules: readonly { readonly evict?: boolean | undefined }[];
  readonly memory: {
    readonly evict: { readonly start: string };
    readonly shed: Readonly<Record<string, 'never' | readonly string[]>>;
  };
}

/** What is wrong with memory.evict.start compared with the bands; undefined: nothing, or no rule has evict. */
export function evictProblem({ rules, memory }: Judged): string | undefined {
  if (!rules.some(({ evict }) => evict === true)) return undefined;
  const start = quietly(memory.evict.start, parsePercent);
  if (start === undefined) return undefined;
  for (const [name, band] of Object.entries(memory.shed)) {
    const begins = band === 'never' ? undefined : quietly(band[0], parsePercent);
    if (begins === undefined || start < begins) continue;
    return `must be below memory.shed.${name}, which begins at ${formatPercent(begins)}: room is made before a write is refused`;
  }
  return undefined;
}
