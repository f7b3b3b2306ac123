// How the advice lists names. Pure.

const SHOWN = 3;

/** The first three different names, and how many more there are. */
export function some(all: readonly string[]): string {
  const names = [...new Set(all)];
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length <= SHOWN ? shown : `${shown} and ${names.length - SHOWN} more`;
}
