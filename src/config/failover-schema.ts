// The settings of a primary that moves: `upstream.failover`. Its address is known by Sentinels, or by a name.
import { z } from 'zod';
import { parseListenAddress } from './address.js';
import { duration, expected, fail, oneOf, quietly, strict } from './fields.js';

const MAX_NAT = 100;

export const failoverSchema = strict({
  mode: oneOf(['sentinel', 'name'])
    .default('sentinel')
    .describe(
      'How Spillway knows where the primary is. "sentinel": by the Sentinels in upstream.url. "name": by the host name in ' +
        'upstream.url, which resolves to another address after a failover, as with managed servers; of the other settings only ' +
        '`pause` applies then.',
    ),
  pause: duration(1000, 5 * 60_000)
    .default('10s')
    .describe(
      'How long clients wait for a primary. Then Spillway closes its data port until there is one. Give clients a longer timeout ' +
        'than a failover takes: Sentinel needs down-after-milliseconds and about 2 s.',
    ),
  resume: oneOf(['agreed', 'promoted'])
    .default('agreed')
    .describe(
      '"agreed": clients go on when a majority of the Sentinels names the new primary, about 1 s after its promotion. "promoted": as ' +
        'soon as the new primary says that it is one. If the leading Sentinel dies right then, the others take that ' +
        'server back, and what was written to it is lost.',
    ),
  onMinority: oneOf(['admit', 'pause'])
    .default('admit')
    .describe(
      'What happens while fewer than a majority of the Sentinels answer. "admit": Spillway goes on and warns. "pause": clients ' +
        'wait, since the other side of a partition may have another primary.',
    ),
  user: z
    .string({ error: (issue) => expected(issue, 'the name of a user, in quotes') })
    .min(1, 'must be the name of a user')
    .optional()
    .describe(
      'The user with which Spillway logs in to the Sentinels. Their password is in SPILLWAY_SENTINEL_PASSWORD, or in a file that ' +
        'SPILLWAY_SENTINEL_PASSWORD_FILE names.',
    ),
  natMap: z
    .record(z.string(), z.string({ error: (issue) => expected(issue, 'host:port in quotes') }), {
      error: (issue) =>
        expected(issue, 'an object of addresses such as {"10.0.0.5:6379": "redis-1.example:6379"}'),
    })
    .default({})
    .check((context) => {
      const pairs = Object.entries(context.value);
      if (pairs.length > MAX_NAT) fail(context, `must hold at most ${MAX_NAT} addresses`);
      for (const [from, to] of pairs) {
        for (const text of [from, to]) {
          const address = quietly(text, parseListenAddress);
          if (address !== undefined && address.host !== '' && address.port !== 0) continue;
          fail(
            context,
            'must map host:port to host:port, such as "10.0.0.5:6379" to "redis-1.example:6379"',
            [from],
          );
        }
      }
    })
    .describe(
      'Addresses of servers as the Sentinels name them, and where Spillway reaches them. Others stay as they are.',
    ),
});

export type FailoverInput = z.output<typeof failoverSchema>;
