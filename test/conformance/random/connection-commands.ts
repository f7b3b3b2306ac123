// Random commands that change what a connection is, mostly in the groups in which they mean something:
// transactions, silence, subscriptions, tracking, scripts. Single ones come between, out of any order.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { dataCommand, typed } from './data-commands.js';
import type { Command, Words } from './session.js';
import { template, templates } from './words.js';

const SCRIPTS = [
  "return redis.call('SET', KEYS[1], ARGV[1])",
  "return redis.call('INCR', KEYS[1])",
  "return {1, 'two', {3, ARGV[1]}, redis.status_reply('fine'), false}",
  "return redis.error_reply('MINE of my own')",
  "redis.call('LPUSH', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])",
  "return redis.pcall('NOSUCH')",
  'return (',
];
/** A function that calls a command with what is no string ends Redis 8.0.2 at the next FUNCTION FLUSH, by SIGSEGV. */
const LIBRARY = [
  '#!lua name=lib',
  "redis.register_function('put', function(k, a)",
  "if not a[1] then return redis.error_reply('NOVALUE to put') end return redis.call('SET', k[1], a[1]) end)",
  "redis.register_function{function_name='see', callback=function(k) return redis.call('GET', k[1]) end, flags={'no-writes'}}",
].join('\n');

const data = typed(dataCommand);
const some = (max: number) => fc.array(data, { minLength: 1, maxLength: max });
const one = (words: fc.Arbitrary<Words>): fc.Arbitrary<Command[]> => typed(words).map((command) => [command]);
const group = (...parts: fc.Arbitrary<readonly Command[]>[]): fc.Arbitrary<Command[]> =>
  fc.tuple(...parts).map((commands) => commands.flat());
const line = (text: string): fc.Arbitrary<Command[]> => one(template(text));

/** Scripts write keys that end in 4: TTL rules do not reach into scripts, and nobody watches these (see fit.ts). */
const script = fc
  .tuple(
    fc.constantFrom(...SCRIPTS),
    fc.constantFrom('EVAL', 'EVAL', 'EVALSHA', 'EVAL_RO'),
    template('special text'),
  )
  .map(([body, name, [key, text]]): Words => {
    const how = name === 'EVALSHA' ? createHash('sha1').update(body).digest('hex') : body;
    return [name, how, '1', key, text];
  });
const scripts = fc.oneof(
  { weight: 5, arbitrary: one(script) },
  { weight: 1, arbitrary: fc.constantFrom(...SCRIPTS).map((body): Command[] => [['SCRIPT', 'LOAD', body]]) },
  {
    weight: 2,
    arbitrary: group(
      fc.constant([['FUNCTION', 'LOAD', 'REPLACE', LIBRARY]]),
      line('FCALL put 1 special text'),
      line('FCALL_RO see 1 key'),
    ),
  },
  {
    weight: 1,
    arbitrary: one(templates('FCALL put 1 special, FCALL nosuch 0, SCRIPT EXISTS x, SCRIPT FLUSH')),
  },
);

const transaction = group(
  fc.oneof(fc.constant([]), line('WATCH watched...')),
  line('MULTI'),
  fc.array(data, { maxLength: 5 }),
  fc.oneof({ weight: 5, arbitrary: line('EXEC') }, { weight: 1, arbitrary: line('DISCARD') }),
);

const silence = fc.oneof(
  group(line('CLIENT REPLY OFF'), some(4), line('CLIENT REPLY ON')),
  group(line('CLIENT REPLY SKIP'), some(2)),
);

const subscriptions = one(
  templates(`SUBSCRIBE channel, SUBSCRIBE channel channel channel, PSUBSCRIBE pattern, SSUBSCRIBE channel channel
    UNSUBSCRIBE channel, UNSUBSCRIBE, PUNSUBSCRIBE pattern, PUNSUBSCRIBE, SUNSUBSCRIBE, UNSUBSCRIBE nosuch`),
);
const published = one(
  templates(
    'PUBLISH channel text, PUBLISH channel value, SPUBLISH channel text, PUBSUB NUMPAT, PUBSUB NUMSUB channel',
  ),
);

const tracking = fc.oneof(
  group(line('CLIENT TRACKING ON'), line('GET key'), line('MGET key...')),
  group(line('CLIENT TRACKING ON NOLOOP'), line('GET key')),
  group(line('CLIENT TRACKING ON OPTIN'), line('CLIENT CACHING YES'), some(1)),
  group(line('CLIENT TRACKING ON OPTOUT'), line('CLIENT CACHING NO'), some(1)),
  group(line('CLIENT TRACKING ON REDIRECT client'), line('GET key')),
  one(templates('CLIENT TRACKING OFF, CLIENT CACHING YES, CLIENT GETREDIR x')),
);

const single = one(
  templates(`MULTI, MULTI, EXEC, EXEC, DISCARD, UNWATCH, WATCH watched, EXEC x, RESET, HELLO protocol, HELLO 3, HELLO 2
    HELLO, HELLO 3 SETNAME me, CLIENT SETNAME me, CLIENT GETNAME, CLIENT NO-EVICT on, CLIENT REPLY ON
    CLIENT REPLY OFF, CLIENT REPLY SKIP, CLIENT REPLY x, AUTH x, AUTH default x, CLIENT UNBLOCK client
    CLIENT UNBLOCK client ERROR, READONLY, ASKING, WAIT 0 0, FLUSHALL ASYNC, COMMAND INFO get nosuch`),
);

const empty = fc.constantFrom('*0\r\n', '*-1\r\n', '\r\n', '\n').map((raw): Command[] => [{ raw }]);

const ending = fc.oneof(
  { weight: 3, arbitrary: line('QUIT') },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        '*1\r\n+4\r\nPING\r\n',
        '*2\r\n$x\r\n',
        '*1048577000000\r\n',
        '*3\r\n$3\r\nSET\r\n$-5\r\n',
      )
      .map((raw): Command[] => [{ raw }]),
  },
);

/** One or more commands that belong together. */
export const commandGroup: fc.Arbitrary<Command[]> = fc.oneof(
  { weight: 30, arbitrary: some(3) },
  { weight: 5, arbitrary: transaction },
  { weight: 3, arbitrary: scripts },
  { weight: 2, arbitrary: silence },
  { weight: 3, arbitrary: subscriptions },
  { weight: 3, arbitrary: published },
  { weight: 2, arbitrary: tracking },
  { weight: 4, arbitrary: single },
  { weight: 1, arbitrary: empty },
);

export { ending };
