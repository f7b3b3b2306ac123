// Transactions of one connection with every refusal that the server has for them; conflicts between two are
// scenarios. Where a refusal poisons the transaction and where not is the server's to say.
import { command } from '../../support/raw-client.js';
import { commands } from '../../support/twins.js';
import type { Pipelines } from './pipelines.js';

export const transactions: Pipelines = {
  MULTI: commands(
    'MULTI; SET a 1; SETNX b 2; INCR c; MSET d 1 e 2; GET a; EXEC; MULTI; EXEC; MULTI; SETNX q 1; DISCARD',
    'EXISTS q; MULTI; MULTI; SETNX z 1; EXEC; EXEC; GET a',
  ),
  EXECABORT: commands(
    'MULTI; SETNX a 1; NOSUCH; EXEC; EXISTS a; MULTI; SET a; SETNX a 1; EXEC; EXISTS a',
    'MULTI; SET a 1; CLIENT NOPE; EXEC; EXISTS a; MULTI; NOSUCH; DISCARD; SETNX a 1; EXEC',
  ),
  'errors inside EXEC': commands('SET s x; MULTI; LPUSH s 1; SETNX t 1; INCR s; EXEC; GET t'),
  'EXEC and DISCARD with too many arguments': commands(
    'MULTI; SETNX a 1; EXEC x; DISCARD x; EXEC; EXISTS a; MULTI x; SETNX a 1',
  ),
  'MULTI inside MULTI': commands(
    'MULTI; MULTI; SETNX a 1; MULTI; EXEC; GET a; MULTI; MULTI x; SETNX b 1; EXEC',
  ),
  'WATCH and UNWATCH inside MULTI': commands(
    'MULTI; WATCH a; SETNX a 1; EXEC; GET a; MULTI; UNWATCH; SETNX b 1; EXEC; MULTI; WATCH; SETNX c 1; EXEC',
  ),
  'EXEC and DISCARD without MULTI': commands(
    'EXEC; DISCARD; SETNX a 1; EXEC; DISCARD; MULTI; DISCARD; DISCARD; EXEC',
  ),
  WATCH: commands(
    'WATCH a; SET a 1; MULTI; SETNX b 1; EXEC; EXISTS b; WATCH a; UNWATCH; SET a 1; MULTI; SETNX b 1; EXEC',
    'MULTI; WATCH a; EXEC; WATCH a b; DEL a; MULTI; GET a; EXEC; WATCH none; MULTI; GET a; DISCARD; SET none 1; MULTI; GET a; EXEC',
  ),
  'blocking commands inside MULTI': commands(
    'RPUSH l a; MULTI; BLPOP l 0; BLPOP l 0; XREAD BLOCK 0 STREAMS x $; BZPOPMIN z 0; WAIT 1 0; BLMOVE l m LEFT LEFT 0; SETNX a 1; EXEC',
  ),
  'RESET in MULTI': commands('SELECT 2; MULTI; SETNX a 1; RESET; EXEC; EXISTS a; SETNX a 1; GET a'),
  'SELECT and HELLO inside MULTI': commands(
    'MULTI; SETNX a 1; SELECT 4; SETNX a 2; EXEC; GET a; MULTI; HELLO 3; SETNX b 1; EXEC; GET none',
  ),
  'HELLO that is refused inside MULTI': commands('MULTI; HELLO 9; SETNX a 1; EXEC; GET a; SMISMEMBER none a'),
  'SUBSCRIBE inside MULTI': commands('MULTI; SUBSCRIBE a b; SETNX x 1; EXEC; PING; UNSUBSCRIBE a b; GET x'),
  'SUBSCRIBE inside MULTI, RESP3': commands(
    'HELLO 3; MULTI; SUBSCRIBE a b; SETNX x 1; EXEC; PING; UNSUBSCRIBE a b; GET x',
  ),
  'a transaction of HGETALL and nil, RESP3': commands(
    'HELLO 3; HSET h f v; MULTI; HGETALL h; GET none; SISMEMBER s a; ZADD z 1.5 a; ZSCORE z a; EXEC; WATCH h; HSET h f w; MULTI; GET a; EXEC',
  ),
  'commands that MULTI does not take': commands(
    'MULTI; SYNC; SETNX a 1; EXEC; EXISTS a; MULTI; PSYNC ? -1; EXEC; MULTI; SCRIPT DEBUG YES; EXEC',
  ),
  'OOM of the script kind': Buffer.concat([
    commands('MULTI'),
    command(
      'EVAL',
      "return redis.error_reply('OOM command not allowed when used memory > \\'maxmemory\\'.')",
      0,
    ),
    commands('SETNX a 1; EXEC; GET a'),
  ]),
};
