// Says what to do about an error of the monitor, as the end of "no reading from the server: …; trying again". Pure.
// The first row that matches counts. A server's error is recognized by its first word, a system error by its code, and some
// errors only by their text, because ioredis passes both kinds on as an Error.

/** For an error about credentials: the server is up and answers. */
const CREDENTIALS =
  'put a user and password that may run INFO into upstream.url (or set SPILLWAY_UPSTREAM_PASSWORD)';

/** ioredis's reader, about a reply that is none. */
const NOT_RESP = /Unknown RESP type/;

const HINTS: readonly (readonly [fits: RegExp, hint: string])[] = [
  [
    NOT_RESP,
    'what answers there is no Redis: check host and port in upstream.url, and whether the port needs rediss:// (TLS)',
  ],
  [/NOAUTH|WRONGPASS|NOPERM|invalid password|AUTH.*without any password/i, CREDENTIALS],
  [/^BUSY /, 'a script keeps the server busy; SCRIPT KILL ends one that has not written yet'],
  [/^LOADING/, 'the server loads its data'],
  [/^MASTERDOWN/, 'the server is a replica that has lost its primary'],
  [/^(?:UNKILLABLE|NOREPLICAS|MISCONF|READONLY|TRYAGAIN|CLUSTERDOWN)/, 'the server says why'],
  [
    /max number of clients/i,
    'the server accepts no more clients: raise its maxclients, or close some clients',
  ],
  [/protected mode/i, 'the server is in protected mode: set a password for it, or bind it to an address'],
  [/ECONNREFUSED|ENOENT/, 'nothing listens there: check that the server runs, and upstream.url'],
  [
    /ECONNRESET|EPIPE|Connection is closed/i,
    'the server or a device in between closed the connection; for a port with TLS upstream.url needs rediss://',
  ],
  [/ENOTFOUND|EAI_/, 'this host name has no address: check the host in upstream.url, and DNS'],
  [/EHOSTUNREACH|ENETUNREACH/, 'no route leads to this address: check routes and firewalls'],
  [
    /EMFILE|ENFILE/,
    'the process has no file descriptors left: raise the limit of open files (ulimit -n, LimitNOFILE)',
  ],
  [/EACCES|EPERM/, 'permission denied: the user that Spillway runs as must be allowed to connect there'],
  [
    /certificate|CERT_|altname|self.signed|UNABLE_TO_(?:VERIFY|GET)/i,
    "Spillway does not accept the server's certificate: check upstream.tls.ca and serverName",
  ],
  [
    /wrong version number|packet length too long|SSL|EPROTO|TLS/i,
    'one side expects TLS and the other does not: upstream.url needs rediss:// for a port with TLS, redis:// for one without',
  ],
  [
    /ETIMEDOUT|timed out|timeout|no connection within/i,
    'the server does not answer in time: check that it runs, firewalls in between, and that its port has TLS if upstream.url begins with rediss://',
  ],
  [/has no used_memory/, 'check that upstream.url leads to a Redis or Valkey'],
];

/** The error itself, for the log. A reader's advice to report a fault is for its own authors. */
export function messageOf({ message }: Error): string {
  return NOT_RESP.test(message) ? 'the answer is not in the Redis protocol' : message;
}

/** @returns words without a full stop; undefined: nothing is known about this error */
export function hintFor(error: Error): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  const text = code === undefined ? error.message : `${error.message} ${code}`;
  return HINTS.find(([fits]) => fits.test(text))?.[1];
}
