// What to do about an error that the monitor meets, as the end of "no reading from the upstream: …". Pure.
// The first row that fits counts. Servers' errors are known by their first word, the system's by its code, and some only by
// their text, since ioredis hands both on as an Error.

/** For credentials: the server is there, and answers. */
const CREDENTIALS =
  'give upstream.url a user and password that may run INFO (or set SPILLWAY_UPSTREAM_PASSWORD)';
const AGAIN = 'trying again';

const HINTS: readonly (readonly [fits: RegExp, hint: string])[] = [
  [/NOAUTH|WRONGPASS|NOPERM|invalid password|AUTH.*without any password/i, CREDENTIALS],
  [/^BUSY /, `a script keeps the server busy; SCRIPT KILL ends one that has not written yet; ${AGAIN}`],
  [/^LOADING/, `the server loads its data; ${AGAIN}`],
  [/^MASTERDOWN/, `the server is a replica that has lost its primary; ${AGAIN}`],
  [/^(?:UNKILLABLE|NOREPLICAS|MISCONF|READONLY|TRYAGAIN|CLUSTERDOWN)/, `the server says why; ${AGAIN}`],
  [
    /max number of clients/i,
    `the server takes no more clients: raise its maxclients, or close some; ${AGAIN}`,
  ],
  [/protected mode/i, 'the server is in protected mode: give it a password, or bind it to an address'],
  [/ECONNREFUSED|ENOENT/, `nothing listens there: is the server running, and upstream.url right? ${AGAIN}`],
  [
    /ECONNRESET|EPIPE|Connection is closed/i,
    `the server, or something in between, ended the connection; ${AGAIN}`,
  ],
  [/ENOTFOUND|EAI_/, `this name has no address: check the host in upstream.url, and DNS; ${AGAIN}`],
  [/EHOSTUNREACH|ENETUNREACH/, `there is no way to this address: check routes and firewalls; ${AGAIN}`],
  [/EMFILE|ENFILE/, `no file can be opened: raise that limit (ulimit -n, LimitNOFILE); ${AGAIN}`],
  [/EACCES|EPERM/, 'permission denied: the user that Spillway runs as must be allowed to connect there'],
  [
    /certificate|CERT_|altname|self.signed|UNABLE_TO_(?:VERIFY|GET)/i,
    "the server's certificate was not accepted: check upstream.tls.ca and serverName",
  ],
  [
    /wrong version number|packet length too long|SSL|EPROTO|TLS/i,
    'TLS does not fit: is it rediss:// in upstream.url where the server has TLS, and redis:// where it has none?',
  ],
  [
    /ETIMEDOUT|timed out|timeout|no connection within/i,
    `the server does not answer in time: is it stopped, or a firewall in between? ${AGAIN}`,
  ],
  [/has no used_memory/, 'is it a Redis or a Valkey? check upstream.url'],
];

/** @returns words without a full stop */
export function hintFor(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  const text = code === undefined ? error.message : `${error.message} ${code}`;
  return HINTS.find(([fits]) => fits.test(text))?.[1] ?? AGAIN;
}
