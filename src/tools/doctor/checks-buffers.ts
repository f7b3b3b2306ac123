// Checks of the server's buffers: data that waits for replicas, for the disk or for clients.
import { MB } from '../../core/units.js';
import { type OutputLimit, outputLimit } from './clients.js';
import type { Facts } from './facts.js';
import { type Check, type Finding, figure, set, sizeText } from './finding.js';

const LARGE = 16 * MB;
/** The largest backlog that is proposed, as a share of maxmemory. */
const BACKLOG_SHARE = 0.05;

export const BUFFER_CHECKS: readonly Check[] = [
  {
    id: 'uncounted-buffers',
    run(facts) {
      const [buffers, limit] = [figure(facts, 'mem_not_counted_for_evict'), figure(facts, 'maxmemory')];
      if (!(limit > 0) || !(buffers > Math.max(0.1 * limit, LARGE))) return undefined;
      const aof = figure(facts, 'mem_aof_buffer') || 0;
      const evidence = `mem_not_counted_for_evict ${sizeText(buffers)}, of which the AOF buffer ${sizeText(aof)}; maxmemory ${sizeText(limit)}`;
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

const UNCOUNTED = 'The process needs this memory on top of maxmemory.';

function diskLags(facts: Facts, evidence: string): Finding {
  return {
    severity: 'warning',
    title: 'The AOF buffer is large, and does not count against maxmemory',
    evidence,
    reason: `The disk does not keep up with the writes. ${UNCOUNTED}`,
    mend: [
      `redis-cli ${facts.cli} INFO persistence   # aof_delayed_fsync: how often Redis had to wait for the disk; a faster disk fixes it`,
      ...(facts.config?.get('no-appendfsync-on-rewrite') === 'no'
        ? set(facts, 'no-appendfsync-on-rewrite', 'yes').concat(
            '# if it happens during AOF rewrites; a crash during a rewrite may then lose the writes since it began',
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
    title: 'The buffers for replicas are large, and do not count against maxmemory',
    evidence: unbounded ? `${evidence}; no limit for replicas` : evidence,
    reason: `A replica does not keep up with the writes. ${UNCOUNTED}`,
    mend: [
      `redis-cli ${facts.cli} INFO replication   # shows which replica lags; check its network, disk and processor`,
      ...(unbounded
        ? set(facts, 'client-output-buffer-limit', '"replica 256mb 64mb 60"').concat(
            '# disconnects a replica that lags further; it then copies the data again',
          )
        : []),
      ...(wanted > backlog
        ? set(facts, 'repl-backlog-size', `${Math.ceil(wanted / MB)}mb`).concat(
            '# lets a disconnected replica continue instead of copying everything; counts against maxmemory',
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
    evidence.push(
      `${of} clients: ${sizeText(output)} of unread replies, up to ${sizeText(largestOutput)} for one client${bound}`,
    );
    mend.push(`redis-cli ${cli} CLIENT LIST TYPE ${of}   # omem: unread replies of each client, in bytes`);
    if (!unbounded) {
      if (limit !== undefined)
        mend.push(`# ${ending(limit)}; ask for fewer or smaller replies, or read them faster`);
      continue;
    }
    mend.push(
      ...set(
        facts,
        'client-output-buffer-limit',
        of === 'normal' ? '"normal 64mb 16mb 60"' : '"pubsub 32mb 8mb 60"',
      ),
      '# disconnects a client with more unread replies; make its replies smaller first',
    );
  }
  return {
    severity: 'warning',
    title: 'Replies that clients do not read take memory from the data',
    evidence: `${evidence.join('; ')}; used ${sizeText(figure(facts, 'used_memory'))}`,
    reason:
      'These buffers count against maxmemory: a few slow clients can make Redis evict keys or refuse writes.',
    mend,
  };
}

/** When the server disconnects a client: by the class's limit, or by maxmemory-clients if the class has none. */
function ending({ hard, soft, seconds }: OutputLimit): string {
  const bounds = [
    ...(hard > 0 ? [`at ${sizeText(hard)}`] : []),
    ...(soft > 0 ? [`at ${sizeText(soft)} for ${seconds} s`] : []),
  ];
  return `Redis disconnects a client ${bounds.length > 0 ? bounds.join(', or ') : 'by maxmemory-clients'}`;
}

function arriving(facts: Facts, input: number): Finding {
  return {
    severity: 'notice',
    title: 'Incomplete requests take memory from the data',
    evidence: `${sizeText(input)} in query buffers, used ${sizeText(figure(facts, 'used_memory'))}`,
    reason:
      'Query buffers count against maxmemory: a few large values on their way can make Redis evict keys or refuse writes.',
    mend: [
      `redis-cli ${facts.cli} CLIENT LIST   # qbuf + qbuf-free: input buffer of each client; send smaller values, or in parts`,
      ...(facts.config?.get('maxmemory-clients') === '0'
        ? set(facts, 'maxmemory-clients', '10%').concat(
            '# above that, Redis disconnects the clients with the largest buffers',
          )
        : []),
    ],
  };
}
