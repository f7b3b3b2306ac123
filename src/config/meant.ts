// Guesses which setting an unknown key was meant to be: a misspelling, another way to write the name, a part of it, or the
// word that another tool has for it.
// Invariant: it names only settings that exist where the key stands.
import { closest, distance } from 'fastest-levenshtein';

/** A setting that differs in more letters was probably not meant. */
const MISSPELT = 2;
/** Shorter parts of a name say nothing. */
const SHORTEST_PART = 3;

/** What other tools call it. */
const ALSO_CALLED: Readonly<Record<string, readonly string[]>> = {
  match: ['pattern', 'patterns', 'prefix', 'glob', 'key', 'keys'],
  ttl: ['expire', 'expires', 'expiry', 'expiration'],
  upstream: ['server', 'redis', 'backend', 'target'],
  url: ['host', 'address', 'addr', 'server'],
  listen: ['bind', 'port', 'host', 'address'],
  shed: ['bands'],
};

/** The one of `known` that was probably meant by `key`. */
export function meantSetting(key: string, known: readonly string[]): string | undefined {
  const written = plain(key);
  const same = known.find((name) => plain(name) === written);
  if (same !== undefined) return same;
  const near = closest(written, known.map(plain));
  if (distance(written, near) <= Math.min(MISSPELT, near.length / 2))
    return known.find((name) => plain(name) === near);
  const other = known.find((name) => ALSO_CALLED[name]?.includes(written));
  if (other !== undefined) return other;
  if (written.length < SHORTEST_PART) return undefined;
  const holding = known.filter((name) => plain(name).includes(written));
  return holding.length === 1 ? holding[0] : known.find((name) => plain(name).startsWith(written));
}

/** `max_ttl` and `max-ttl` are `maxTtl`. */
function plain(name: string): string {
  return name.replace(/[_-]/g, '').toLowerCase();
}
