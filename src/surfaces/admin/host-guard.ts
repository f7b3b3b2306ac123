// Keeps web pages from reading the admin API by DNS rebinding: when a page points its own name at this machine, the request
// has that name in its Host header. So only names that nobody else can own pass: IP addresses and localhost.
import { isIP } from 'node:net';

/**
 * Whether a request with this Host header may be answered. A request without the header passes: HTTP/1.0 probes send none,
 * and a browser always sends one.
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
