// Sorted sets and what is built on them (geo): every command, its options, and what it refuses.
import type { Family } from './family.js';

const SCORES = 'ZADD z 1 a 2 b 3.5 c';
const OTHER = 'ZADD y 10 b 20 d';
const LEX = 'ZADD x 0 a 0 b 0 c';
const PLACES = 'GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania';

export const sortedSets: Family = {
  bzmpop: [SCORES, 'BZMPOP 0.01 2 none z MIN COUNT 2', 'BZMPOP 0.01 1 none MAX', 'BZMPOP 0.01 1 z UP'],
  bzpopmax: [SCORES, 'BZPOPMAX none z 0.01', 'BZPOPMAX none 0.01', 'BZPOPMAX z x'],
  bzpopmin: [SCORES, 'BZPOPMIN z 0.01', 'BZPOPMIN none 0.01', 'BZPOPMIN z -1'],
  zadd: [
    SCORES,
    'ZADD z NX 9 a 4 d; ZADD z XX CH 9 a; ZADD z GT 1 a; ZADD z INCR 1 a; ZADD z NX INCR 1 a',
    'ZADD z NX XX 1 a; ZADD z x a; ZADD z 1 a 2; ZADD z inf e -inf f',
  ],
  zcard: [SCORES, 'ZCARD z', 'ZCARD none'],
  zcount: [SCORES, 'ZCOUNT z 1 (3', 'ZCOUNT z -inf +inf', 'ZCOUNT z x 1'],
  zdiff: [SCORES, OTHER, 'ZDIFF 2 z y', 'ZDIFF 2 z y WITHSCORES', 'ZDIFF 0 z', 'ZDIFF 1 z NOPE'],
  zdiffstore: [SCORES, OTHER, 'ZDIFFSTORE d 2 z y', 'ZRANGE d 0 -1', 'ZDIFFSTORE d 3 z y'],
  zincrby: [SCORES, 'ZINCRBY z 2.5 a; ZINCRBY z 1 new; ZINCRBY z x a; ZADD z inf i; ZINCRBY z -inf i'],
  zinter: [
    SCORES,
    OTHER,
    'ZINTER 2 z y WITHSCORES; ZINTER 2 z y WEIGHTS 2 3 AGGREGATE MAX WITHSCORES',
    'ZINTER 2 z y AGGREGATE NOPE',
  ],
  zintercard: [SCORES, OTHER, 'ZINTERCARD 2 z y', 'ZINTERCARD 2 z y LIMIT 1', 'ZINTERCARD 2 z'],
  zinterstore: [SCORES, OTHER, 'ZINTERSTORE d 2 z y', 'ZRANGE d 0 -1 WITHSCORES', 'ZINTERSTORE d x z'],
  zlexcount: [LEX, 'ZLEXCOUNT x - +', 'ZLEXCOUNT x [a (c', 'ZLEXCOUNT x a c'],
  zmpop: [SCORES, 'ZMPOP 2 none z MIN; ZMPOP 1 z MAX COUNT 5; ZMPOP 1 z MAX; ZMPOP 1 z UP; ZMPOP 0 z MIN'],
  zmscore: [SCORES, 'ZMSCORE z a none c', 'ZMSCORE none a'],
  zpopmax: [SCORES, 'ZPOPMAX z', 'ZPOPMAX z 5', 'ZPOPMAX z', 'ZPOPMAX none 2', 'ZPOPMAX z -1'],
  zpopmin: [SCORES, 'ZPOPMIN z', 'ZPOPMIN z 2', 'ZPOPMIN none', 'ZPOPMIN z 0'],
  zrandmember: [
    'ZADD z 1.5 a; ZRANDMEMBER z; ZRANDMEMBER z 2 WITHSCORES; ZRANDMEMBER z -2; ZRANDMEMBER none',
    'ZRANDMEMBER z x',
  ],
  zrange: [
    SCORES,
    'ZRANGE z 0 -1 WITHSCORES; ZRANGE z 0 1 REV; ZRANGE z (1 +inf BYSCORE LIMIT 0 1',
    'ZRANGE z 0 -1 LIMIT 0 1; ZRANGE z x 1',
    LEX,
    'ZRANGE x [a [b BYLEX',
  ],
  zrangebylex: [LEX, 'ZRANGEBYLEX x - +', 'ZRANGEBYLEX x [a [b LIMIT 1 1', 'ZRANGEBYLEX x a b'],
  zrangebyscore: [
    SCORES,
    'ZRANGEBYSCORE z 1 2; ZRANGEBYSCORE z -inf (3.5 WITHSCORES LIMIT 0 1; ZRANGEBYSCORE z x 1',
  ],
  zrangestore: [
    SCORES,
    'ZRANGESTORE d z 0 1; ZRANGE d 0 -1; ZRANGESTORE d z 0 -1 NOPE; ZRANGESTORE d none 0 -1',
  ],
  zrank: [SCORES, 'ZRANK z b', 'ZRANK z none', 'ZRANK none b', 'ZRANK z b WITHSCORE'],
  zrem: [SCORES, 'ZREM z a none', 'ZREM none a'],
  zremrangebylex: [LEX, 'ZREMRANGEBYLEX x [a [b', 'ZREMRANGEBYLEX x a b'],
  zremrangebyrank: [SCORES, 'ZREMRANGEBYRANK z 0 1', 'ZREMRANGEBYRANK z x 1'],
  zremrangebyscore: [SCORES, 'ZREMRANGEBYSCORE z 1 2', 'ZREMRANGEBYSCORE z x 1'],
  zrevrange: [SCORES, 'ZREVRANGE z 0 1 WITHSCORES', 'ZREVRANGE z 0 1 NOPE'],
  zrevrangebylex: [LEX, 'ZREVRANGEBYLEX x + -'],
  zrevrangebyscore: [SCORES, 'ZREVRANGEBYSCORE z +inf 2 WITHSCORES'],
  zrevrank: [SCORES, 'ZREVRANK z b', 'ZREVRANK z none'],
  zscan: [SCORES, 'ZSCAN z 0', 'ZSCAN z 0 MATCH a', 'ZSCAN z x'],
  zscore: [SCORES, 'ZSCORE z c', 'ZSCORE z none', 'ZADD z inf i', 'ZSCORE z i'],
  zunion: [SCORES, OTHER, 'ZUNION 2 z y WITHSCORES', 'ZUNION 2 z y WEIGHTS 1', 'ZUNION x z'],
  zunionstore: [
    SCORES,
    OTHER,
    'ZUNIONSTORE d 2 z y WEIGHTS 1 2 AGGREGATE MIN; ZRANGE d 0 -1 WITHSCORES; ZUNIONSTORE d 1 z BOGUS',
  ],
};

export const geo: Family = {
  geoadd: [PLACES, 'GEOADD g XX CH 13.4 38.1 Palermo', 'GEOADD g 200 0 x', 'GEOADD g NX XX 1 1 x'],
  geodist: [
    PLACES,
    'GEODIST g Palermo Catania; GEODIST g Palermo Catania km; GEODIST g Palermo none',
    'GEODIST g Palermo Catania yd',
  ],
  geohash: [PLACES, 'GEOHASH g Palermo none', 'GEOHASH none a'],
  geopos: [PLACES, 'GEOPOS g Palermo none', 'GEOPOS none a'],
  georadius: [
    PLACES,
    'GEORADIUS g 15 37 200 km WITHDIST WITHCOORD WITHHASH ASC; GEORADIUS g 15 37 200 km STORE d',
    'GEORADIUS g 15 37 -1 km',
  ],
  georadius_ro: [PLACES, 'GEORADIUS_RO g 15 37 200 km COUNT 1', 'GEORADIUS_RO g 15 37 200 km STORE d'],
  georadiusbymember: [
    PLACES,
    'GEORADIUSBYMEMBER g Palermo 200 km DESC; GEORADIUSBYMEMBER g none 200 km',
    'GEORADIUSBYMEMBER g Palermo 200 km STOREDIST d',
  ],
  georadiusbymember_ro: [PLACES, 'GEORADIUSBYMEMBER_RO g Palermo 200 km WITHDIST'],
  geosearch: [
    PLACES,
    'GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST',
    'GEOSEARCH g FROMMEMBER Palermo BYRADIUS 100 km; GEOSEARCH g BYRADIUS 100 km ASC COUNT 1 ANY',
  ],
  geosearchstore: [
    PLACES,
    'GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km',
    'GEOSEARCHSTORE e g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST; ZRANGE d 0 -1 WITHSCORES',
  ],
};
