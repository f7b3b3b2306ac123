// Keeps web pages from reading the admin API by DNS rebinding: a page's own name, pointed at this machine, arrives in
// the Host header. Owns the decision only. Names that nobody else can own pass: IP addresses and localhost.
import { isIP } from 'node:net';

/**
 * Whether a request with this Host header may be answered. No header passes: HTTP/1.0 probes send none, and a
 * browser always sends one.
 */
export function hostAllowed(header: string | undefined): boolean {
  if (header === undefined) return true;
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::[0-9]{1,5})?$/.exec(header);
  if (match === null) return false;
  const [, bracketed, name = ''] = match;
  if (bracketed !== undefined) return isIP(bracketed) === 6;
  const host = name.toLowerCase().replace(/\.$/, '');
  return isIP(host) === 4 || host === 'localhost' || host.endsWith('.localhost');
}
