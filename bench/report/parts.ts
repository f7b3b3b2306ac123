// Chooses some of a benchmark's parts by their names on the command line. Pure.

/** In the order of `all`; without a name, all of them. @throws Error naming the one that is unknown. */
export function choose<Name extends string>(
  what: string,
  names: readonly string[],
  all: readonly Name[],
): Name[] {
  const unknown = names.find((name) => !all.includes(name as Name));
  if (unknown !== undefined) throw new Error(`no ${what} ${unknown}; there are ${all.join(', ')}`);
  return names.length === 0 ? [...all] : all.filter((name) => names.includes(name));
}
