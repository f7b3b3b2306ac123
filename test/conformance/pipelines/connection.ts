// What changes how a connection is answered: protocol, database, silence, tracking, RESET, QUIT, inline words.
import { commands } from '../../support/twins.js';
import type { Pipelines } from './pipelines.js';

export const connection: Pipelines = {
  'HELLO back and forth': commands(
    'HSET h f v; HGETALL h; HELLO 3; HGETALL h; GET none; HELLO 2; GET none; HELLO 4; HELLO 3 SETNAME me; HGETALL h',
    'CLIENT GETNAME; HELLO; HELLO x; HELLO 2; HGETALL h; SMISMEMBER none a b; ZADD z 1.5 a; HELLO 3; ZSCORE z a',
  ),
  'HELLO with options that are refused': commands(
    'HSET h f v; HELLO 3 AUTH; HGETALL h; HELLO 3 AUTH nobody pw; HGETALL h; HELLO 3 NOPE; HGETALL h; HELLO 3 SETNAME; HELLO 3 AUTH default any SETNAME me; HGETALL h; CLIENT GETNAME',
  ),
  SELECT: commands(
    'SET a 0; SELECT 3; GET a; SETNX a 3; SELECT 99; GET a; SWAPDB 0 3; GET a; MOVE a 5; SELECT 5; GET a; SELECT',
  ),
  'RESET after HELLO 3': commands('HELLO 3; GET none; RESET; GET none; SETNX a 1'),
  'RESET of everything': commands(
    'SELECT 3; CLIENT SETNAME me; CLIENT TRACKING ON BCAST; WATCH a; RESET x; RESET; CLIENT GETNAME; CLIENT TRACKINGINFO; SET a 1; MULTI; SETNX b 1; EXEC; SELECT 0; GET a',
  ),
  'CLIENT REPLY': commands(
    'SET a 1; CLIENT REPLY OFF; SETNX b 1; INCR c; NOSUCH; CLIENT REPLY ON; MGET a b c; CLIENT REPLY SKIP; SETNX d 1',
    'GET d; CLIENT REPLY SKIP; CLIENT REPLY SKIP; GET d; GET d; CLIENT REPLY NOPE; CLIENT REPLY; CLIENT REPLY ON; GET a',
  ),
  'CLIENT REPLY as the first commands': commands(
    'CLIENT REPLY SKIP; SETNX a 1; GET a; CLIENT REPLY OFF; CLIENT REPLY SKIP; SETNX b 1; CLIENT REPLY OFF; CLIENT REPLY ON; GET b',
  ),
  'CLIENT REPLY and MULTI': commands(
    'CLIENT REPLY SKIP; MULTI; SETNX a 1; EXEC; GET a; MULTI; SETNX b 1; CLIENT REPLY SKIP; EXEC; GET b',
    'CLIENT REPLY OFF; MULTI; SETNX c 1; EXEC; CLIENT REPLY ON; GET c',
  ),
  'CLIENT REPLY OFF inside MULTI': commands(
    'MULTI; SETNX a 1; CLIENT REPLY OFF; EXEC; GET a; CLIENT REPLY ON; GET a',
  ),
  'CLIENT REPLY and subscriptions': commands(
    'CLIENT REPLY SKIP; SUBSCRIBE a; PING; UNSUBSCRIBE a; SETNX x 1; GET x',
  ),
  'CLIENT REPLY OFF while subscribed': commands(
    'SUBSCRIBE a; CLIENT REPLY OFF; CLIENT REPLY SKIP; PING; UNSUBSCRIBE; GET x',
  ),
  'CLIENT REPLY in RESP3': commands(
    'HELLO 3; CLIENT REPLY SKIP; SETNX a 1; GET a; CLIENT REPLY OFF; GET a; SUBSCRIBE c; PUBLISH c to-myself; CLIENT REPLY ON; GET a',
  ),
  'CLIENT REPLY OFF, then RESET': commands(
    'CLIENT REPLY OFF; SETNX a 1; RESET; GET a; SETNX b 1; GET b; SETNX c 1; GET c',
  ),
  'CLIENT REPLY SKIP before what is refused': commands(
    'CLIENT REPLY SKIP; NOSUCH; GET a; CLIENT REPLY SKIP; GET; SETNX a 1; CLIENT REPLY SKIP; INCR a b; GET a',
  ),
  'HELLO 3 in silence': commands(
    'RPUSH l message a b; CLIENT REPLY OFF; HELLO 3; CLIENT REPLY ON; SUBSCRIBE a; LRANGE l 0 -1',
    'SETNX k 1; GET k; SETNX j 1; GET j',
  ),
  tracking: commands(
    'HELLO 3; CLIENT TRACKING ON; SET a 1; GET a; SET a 2; GET a; SET a 3; CLIENT TRACKING OFF; SET a 4',
  ),
  'tracking, OPTIN': commands(
    'HELLO 3; CLIENT TRACKING ON OPTIN; CLIENT CACHING YES; GET a; SET a 1; GET a; SET a 2; CLIENT CACHING NO; GET a',
    'SET a 2; CLIENT CACHING YES; SET b 1',
  ),
  'tracking, OPTIN with a transaction': commands(
    'HELLO 3; CLIENT TRACKING ON OPTIN; CLIENT CACHING YES; MULTI; GET a; GET b; EXEC; SET a 1; SET b 1; GET a; SET a 2',
  ),
  'CLIENT and other housekeeping': commands(
    'CLIENT SETNAME x; CLIENT GETNAME; CLIENT NO-EVICT ON; CLIENT NO-EVICT OFF; CLIENT TRACKINGINFO; CLIENT CACHING YES; SETNX a 1',
    'ECHO hello; PING; PING x; WAIT 0 0; DBSIZE; TYPE a; OBJECT ENCODING a; ASKING; READONLY; READWRITE; CLUSTER INFO',
  ),
};

/** The server reads nothing behind these, so what follows must come in the same segment. */
export const closing: Pipelines = {
  'QUIT with a pipeline behind': commands('SET a 1; QUIT; SET a 2; GET a; NOSUCH'),
  'QUIT with arguments': commands('SET a 1; QUIT now; GET a'),
  'QUIT inside MULTI': commands('MULTI; SETNX a 1; QUIT; EXEC'),
  'QUIT while subscribed': commands('SUBSCRIBE a; QUIT; PING'),
  'QUIT in RESP3': commands('HELLO 3; SUBSCRIBE a; PUBLISH a x; QUIT; GET a'),
};
