// Subscriptions of one connection, in both protocols: confirmations, refusals in the subscribed state, and the ways
// out of it. Messages from others are scenarios.
import { commands } from '../../support/twins.js';
import type { Pipelines } from './pipelines.js';

export const pubsub: Pipelines = {
  'pub/sub in RESP2': commands(
    'SUBSCRIBE a b a; PSUBSCRIBE p*; PING; PING hi; GET x; SET x 1; UNSUBSCRIBE a; UNSUBSCRIBE; UNSUBSCRIBE; SUBSCRIBE c',
    'PUNSUBSCRIBE; PUNSUBSCRIBE; UNSUBSCRIBE nope; UNSUBSCRIBE; SETNX x 1; GET x; SUBSCRIBE; SSUBSCRIBE s1; SUNSUBSCRIBE; SET x 2; PING',
  ),
  'pub/sub in RESP3': commands(
    'HELLO 3; SUBSCRIBE a b a; PSUBSCRIBE p*; PING; SETNX x 1; GET x; PUBLISH a to-myself; SET x 2; UNSUBSCRIBE a; UNSUBSCRIBE',
    'UNSUBSCRIBE; SUBSCRIBE c; PUNSUBSCRIBE; PUNSUBSCRIBE; UNSUBSCRIBE nope; INCR n; SUBSCRIBE; SSUBSCRIBE s1; SUNSUBSCRIBE; PUBLISH c x; PING',
  ),
  'messages to myself, RESP3': commands(
    'HELLO 3; SUBSCRIBE a; PSUBSCRIBE a*; SSUBSCRIBE s; PUBLISH a x; SPUBLISH s y; SPUBLISH a z; MULTI; PUBLISH a in-multi; SETNX k 1; EXEC; GET k',
  ),
  'what RESP2 refuses while subscribed': commands(
    'SUBSCRIBE a; GET x; SET x 1; MULTI; EXEC; HELLO 2; NOSUCH; GET; INFO; CLIENT ID; UNSUBSCRIBE; GET x',
  ),
  'lists that look like messages, RESP3': commands(
    'RPUSH l message a x; HELLO 3; SUBSCRIBE a; LRANGE l 0 -1; SETNX k 1; GET k; LRANGE l 0 -1; SETNX j 1; GET j; UNSUBSCRIBE a; LRANGE l 0 -1; SETNX i 1; GET i',
  ),
  'shards in RESP2': commands(
    'SSUBSCRIBE a b; SSUBSCRIBE a; PING; GET x; SUNSUBSCRIBE b; SUNSUBSCRIBE none; SUNSUBSCRIBE; SUNSUBSCRIBE; GET x; SSUBSCRIBE; SUBSCRIBE c; SSUBSCRIBE d; UNSUBSCRIBE; GET x; SUNSUBSCRIBE; GET x',
  ),
  'shards in RESP3': commands(
    'HELLO 3; SSUBSCRIBE a b; GET x; SPUBLISH a hi; PUBLISH a not-here; SUNSUBSCRIBE b; SUNSUBSCRIBE; SUNSUBSCRIBE; SETNX x 1; GET x',
  ),
  'from subscribed RESP3 to RESP2': commands(
    'HELLO 3; SUBSCRIBE a; HELLO 2; PING; SET x 1; PUBLISH a no; UNSUBSCRIBE; SETNX x 1',
  ),
  'from subscribed RESP2 to RESP3': commands(
    'SUBSCRIBE a; HELLO 3; PING; SET x 1; PUBLISH a yes; UNSUBSCRIBE; SETNX x 1',
  ),
  'RESET while subscribed': commands('SUBSCRIBE a; PSUBSCRIBE b*; RESET; SETNX x 1; PUBLISH a x; GET x'),
  'RESET while subscribed, RESP3': commands(
    'HELLO 3; SUBSCRIBE a; SSUBSCRIBE s; RESET; PUBLISH a x; GET x; SMISMEMBER none a',
  ),
};
