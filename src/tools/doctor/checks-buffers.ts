// Checks of what waits in the server for others to take it: replicas, the disk, clients.
import { type OutputLimit, outputLimit } from './clients.js';
import type { Facts } from './facts.js';
import { type Check, type Finding, figure, set, size } from './finding.js';

const MB = 2 ** 20;
const LARGE = 16 * MB;
/** Of maxmemory; more is better spent on data. */
const BACKLOG_SHARE = 0.05;

export const BUFFER_CHECKS: readonly Check[] = [
  {
    id: 'uncounted-buffers',
    run(facts) {
      const [buffers, limit] = [figure(facts, 'mem_not_counted_for_evict'), figure(facts, 'maxmemory')];
      if (!(limit > 0) || !(buffers > Math.max(0.1 * limit, LARGE))) return undefined;
      const aof = figure(facts, 'mem_aof_buffer') || 0;
      const evidence = `mem_not_counted_for_evict ${size(buffers)}, of it for the AOF ${size(aof)}; maxmemory ${size(limit)}`;
      return aof > buffers / 2 ? diskLags(facts, evidence) : replicaLags(facts, evidence);
    },
  },
  {
    id: 'client-buffers',
    needs: 'clients',
    run(facts) {
      const { clients } = facts;
      if (clients === undefined) return undefined;
      const used = figure(facts, 'used_memory');
      const much = Math.max(0.1 * used, LARGE);
      const slow = (['normal', 'pubsub'] as const).filter(
        (of) => clients[of].output > much || clients[of].largestOutput > LARGE,
      );
      if (slow.length > 0) return unread(facts, slow);
      const input = clients.normal.input + clients.pubsub.input;
      return input > much ? arriving(facts, input) : undefined;
    },
  },
];

const UNCOUNTED = 'The process takes that much more of the machine than maxmemory says.';

function diskLags(facts: Facts, evidence: string): Finding {
  return {
    severity: 'warning',
    title: 'Much waits to be written to the AOF, and does not count against maxmemory',
    evidence,
    reason: `The disk does not keep up. ${UNCOUNTED}`,
    mend: [
      `redis-cli ${facts.cli} INFO persistence   # aof_delayed_fsync: how often it had to wait; a faster disk mends it`,
      ...(facts.config?.get('no-appendfsync-on-rewrite') === 'no'
        ? set(facts, 'no-appendfsync-on-rewrite', 'yes').concat(
            '# where it happens while the AOF is rewritten; a crash may then lose what was written meanwhile',
          )
        : []),
    ],
  };
}

function replicaLags(facts: Facts, evidence: string): Finding {
  const limit = outputLimit(facts.config?.get('client-output-buffer-limit'), 'replica');
  const backlog = figure(facts, 'repl_backlog_size');
  const wanted = Math.min(
    figure(facts, 'mem_not_counted_for_evict'),
    BACKLOG_SHARE * figure(facts, 'maxmemory'),
  );
  const unbounded = limit?.hard === 0 && limit.soft === 0;
  return {
    severity: 'warning',
    title: 'Much waits for replicas, and does not count against maxmemory',
    evidence: unbounded ? `${evidence}; replicas are not limited` : evidence,
    reason: `A replica does not keep up. ${UNCOUNTED}`,
    mend: [
      `redis-cli ${facts.cli} INFO replication   # which one lags: its network, its disk, its processor`,
      ...(unbounded
        ? set(facts, 'client-output-buffer-limit', '"replica 256mb 64mb 60"').concat(
            '# ends the link of one that lags further; it begins anew',
          )
        : []),
      ...(wanted > backlog
        ? set(facts, 'repl-backlog-size', `${Math.ceil(wanted / MB)}mb`).concat(
            '# so that one whose link has ended goes on rather than copies all; counts against maxmemory',
          )
        : []),
    ],
  };
}

function unread(facts: Facts, slow: readonly ('normal' | 'pubsub')[]): Finding {
  const { clients, config, cli } = facts;
  const evidence: string[] = [];
  const mend: string[] = [];
  for (const of of slow) {
    const { output = 0, largestOutput = 0 } = clients?.[of] ?? {};
    const limit = outputLimit(config?.get('client-output-buffer-limit'), of);
    const unbounded =
      limit?.hard === 0 &&
      limit.soft === 0 &&
      !(Number.parseInt(config?.get('maxmemory-clients') ?? '0', 10) > 0);
    const bound = unbounded ? `; no client is limited (client-output-buffer-limit ${of} 0 0 0)` : '';
    evidence.push(`${of} clients: ${size(output)} unread, the most for one ${size(largestOutput)}${bound}`);
    mend.push(`redis-cli ${cli} CLIENT LIST TYPE ${of}   # omem: who does not read`);
    if (!unbounded) {
      if (limit !== undefined)
        mend.push(`# ${ending(limit)}: fewer or smaller replies, or more who read them`);
      continue;
    }
    mend.push(
      ...set(
        facts,
        'client-output-buffer-limit',
        of === 'normal' ? '"normal 64mb 16mb 60"' : '"pubsub 32mb 8mb 60"',
      ),
      '# ends a client with more unread than that; let its replies be smaller first',
    );
  }
  return {
    severity: 'warning',
    title: 'What waits for clients to read it takes memory from the data',
    evidence: `${evidence.join('; ')}; used ${size(figure(facts, 'used_memory'))}`,
    reason: 'These buffers count against maxmemory: a few slow clients can make Redis evict or refuse.',
    mend,
  };
}

/** By its limit; by maxmemory-clients where it has none. */
function ending({ hard, soft, seconds }: OutputLimit): string {
  const bounds = [
    ...(hard > 0 ? [`at ${size(hard)}`] : []),
    ...(soft > 0 ? [`at ${size(soft)} for ${seconds} s`] : []),
  ];
  return `the server ends one ${bounds.length > 0 ? bounds.join(', or ') : 'by maxmemory-clients'}`;
}

function arriving(facts: Facts, input: number): Finding {
  return {
    severity: 'notice',
    title: 'Requests of which not all has come take memory from the data',
    evidence: `${size(input)} in query buffers, used ${size(figure(facts, 'used_memory'))}`,
    reason: 'They count against maxmemory: a few large values on their way can make Redis evict or refuse.',
    mend: [
      `redis-cli ${facts.cli} CLIENT LIST   # qbuf and qbuf-free: who sends so much; smaller values, or in pieces`,
      ...(facts.config?.get('maxmemory-clients') === '0'
        ? set(facts, 'maxmemory-clients', '10%').concat('# ends the clients that hold most, beyond that')
        : []),
    ],
  };
}
