// What the log advises for each error that the monitor can meet: texts and codes as Redis 7.0, ioredis and Node give them.
import t from 'tap';
import { hintFor, messageOf } from '../../../src/memory/hints.js';

/** By a word of the advice: the errors that it is for. */
const ERRORS: Record<string, readonly (string | readonly [message: string, code: string])[]> = {
  SPILLWAY_UPSTREAM_PASSWORD: [
    'NOAUTH Authentication required.',
    'WRONGPASS invalid username-password pair or user is disabled.',
    "NOPERM this user has no permissions to run the 'info' command",
    'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    'ERR invalid password',
  ],
  'a script': ['BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.'],
  'loads its data': ['LOADING Redis is loading the dataset in memory'],
  primary: ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."],
  'says why': [
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
  ],
  maxclients: ['ERR max number of clients reached'],
  'protected mode': ['DENIED Redis is running in protected mode because protected mode is enabled'],
  'nothing listens': [
    ['connect ECONNREFUSED 127.0.0.1:6379', 'ECONNREFUSED'],
    ['connect ENOENT /run/redis.sock', 'ENOENT'],
  ],
  'port with TLS upstream.url needs rediss://': [
    ['read ECONNRESET', 'ECONNRESET'],
    ['write EPIPE', 'EPIPE'],
    'Connection is closed.',
  ],
  DNS: [
    ['getaddrinfo ENOTFOUND redis', 'ENOTFOUND'],
    ['getaddrinfo EAI_AGAIN redis', 'EAI_AGAIN'],
  ],
  routes: [
    ['connect EHOSTUNREACH 10.0.0.1:6379', 'EHOSTUNREACH'],
    ['connect ENETUNREACH 10.0.0.1:6379', 'ENETUNREACH'],
  ],
  'ulimit -n': [['connect EMFILE 127.0.0.1:6379 - Local (undefined:undefined)', 'EMFILE']],
  'permission denied': [['connect EACCES /run/redis.sock', 'EACCES']],
  'upstream.tls.ca': [
    ['self-signed certificate in certificate chain', 'SELF_SIGNED_CERT_IN_CHAIN'],
    ['unable to verify the first certificate', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['certificate has expired', 'CERT_HAS_EXPIRED'],
    ["Hostname/IP does not match certificate's altnames: Host: redis.", 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ],
  'rediss://': [
    ['write EPROTO 139:error:0A00010B:SSL routines:ssl3_get_record:wrong version number', 'EPROTO'],
    'Client network socket disconnected before secure TLS connection was established',
  ],
  'is no Redis': [
    'Unknown RESP type 60 "<". Please report this.',
    'Unknown RESP type 21 "\x15". Please report this.',
  ],
  'in time': [['connect ETIMEDOUT', 'ETIMEDOUT'], 'Command timed out', 'no connection within 5000 ms'],
};

t.test('each error gets the advice that fits', async (t) => {
  for (const [advice, errors] of Object.entries(ERRORS)) {
    for (const error of errors) {
      const [message, code] = typeof error === 'string' ? [error] : error;
      const hint = hintFor(Object.assign(new Error(message), code === undefined ? {} : { code }));
      t.ok(hint?.includes(advice), `${message}: ${hint}`);
    }
  }
  t.equal(
    messageOf(new Error('Unknown RESP type 60 "<". Please report this.')),
    'the answer is not in the Redis protocol',
  );
  t.equal(messageOf(new Error('ERR something new')), 'ERR something new');
  t.equal(hintFor(new Error('ERR something new')), undefined, 'and what is not known gets none');
});
