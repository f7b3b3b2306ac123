// Authentication and rights: what is answered before AUTH, what AUTH, HELLO and RESET change, and what a user may not.
// The servers have the passwords and users below.
import { command } from '../../support/raw-client.js';
import { commands } from '../../support/twins.js';
import type { Pipelines } from './pipelines.js';

export const PASSWORD = 'secret';

export const USERS: readonly string[] = [
  ...['--requirepass', PASSWORD],
  ...['--user', 'bob', 'on', '>pw', '~*', '&*', '+@all'],
  ...[
    '--user',
    'reader',
    'on',
    '>pw',
    '~a*',
    '&a*',
    '+@read',
    '+@transaction',
    '+@connection',
    '+subscribe',
    '+publish',
  ],
  ...['--user', 'setter', 'on', '>pw', '~*', '+set', '+get', '+multi', '+exec', '+ping'],
];

export const access: Pipelines = {
  'nothing without AUTH': commands(
    'GET a; SETNX a 1; PING; HELLO 3; MULTI; EXEC; NOSUCH; SET; SUBSCRIBE a; RESET; CLIENT REPLY OFF; CLIENT REPLY SKIP; MONITOR; GET a',
  ),
  'AUTH in its forms': commands(
    'AUTH wrong; AUTH; AUTH default wrong; AUTH secret; SETNX a 1; AUTH bob pw; GET a; AUTH bob no; ACL WHOAMI; AUTH a b c',
  ),
  'HELLO with AUTH': commands(
    'HELLO 3 AUTH bob no; HELLO 3 AUTH bob pw SETNAME x; SETNX a 1; ACL WHOAMI; HELLO 2 AUTH default secret; HGETALL a',
  ),
  'RESET logs out': commands('AUTH secret; SETNX a 1; RESET; GET a; AUTH secret; GET a'),
  'AUTH inside MULTI': commands('AUTH secret; MULTI; AUTH bob pw; SETNX a 1; EXEC; GET a'),
  'AUTH in silence': commands(
    'CLIENT REPLY OFF; AUTH secret; CLIENT REPLY SKIP; AUTH secret; AUTH secret; SETNX a 1; CLIENT REPLY OFF; GET a; CLIENT REPLY ON; GET a',
  ),
  'commands and keys that a user may not': commands(
    'AUTH reader pw; GET a; GET b; SET a 1; SETNX a 1; MGET a b; INCR; NOSUCH; CONFIG GET hz; EVAL x 0; FLUSHALL; ACL WHOAMI; DEL a',
  ),
  'a transaction that a right stops': commands(
    'AUTH reader pw; MULTI; GET a; SET a 1; GET a; EXEC; MULTI; GET b; EXEC; MULTI; GET a; EXEC; GET a',
  ),
  'rights lost inside a transaction': Buffer.concat([
    commands('AUTH bob pw; MULTI; SET a 1'),
    command('AUTH', 'reader', 'pw'),
    commands('SET a 2; EXEC; GET a'),
  ]),
  'channels that a user may not': commands(
    'AUTH reader pw; SUBSCRIBE a1; SUBSCRIBE b1; PING; UNSUBSCRIBE; PUBLISH a1 x; PUBLISH b1 x; PSUBSCRIBE a*',
  ),
  'a user that may not give TTLs': commands(
    'AUTH setter pw; SET a 1; SETNX a 1; GET a; SET a 2 KEEPTTL; SET a 3 GET; MULTI; SET a 4 KEEPTTL; SET b 1; EXEC; MULTI; SETNX c 1; EXEC; PING',
  ),
  'RESP3, and rights': commands(
    'HELLO 3 AUTH reader pw; GET a; SET a 1; MULTI; SET a 1; EXEC; SMISMEMBER a x; RESET; GET a',
  ),
};
