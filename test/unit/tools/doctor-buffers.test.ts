// Buffers of clients, replicas and the AOF: each with its own cause, and the mend for that.
import t from 'tap';
import { clientMemory, outputLimit } from '../../../src/tools/doctor/clients.js';
import { judge } from '../../../src/tools/doctor/doctor.js';
import type { Setting } from '../../../src/tools/doctor/facts.js';
import { facts, found, MB, mendOf } from '../../support/doctor-facts.js';

const LIMITS = 'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60';

interface Line {
  readonly flags?: string;
  readonly omem?: number;
  readonly qbuf?: number;
  readonly free?: number;
}

function list(...lines: readonly Line[]) {
  const text = lines.map(
    ({ flags = 'N', omem = 0, qbuf = 0, free = 0 }, i) =>
      `id=${i} addr=127.0.0.1:1 laddr=127.0.0.1:2 fd=8 name= age=9 idle=9 flags=${flags} db=0 sub=0 psub=0 multi=-1 ` +
      `qbuf=${qbuf} qbuf-free=${free} argv-mem=0 obl=0 oll=0 omem=${omem} tot-mem=37658 events=r cmd=get user=default`,
  );
  return { clients: clientMemory(`${text.join('\n')}\n`) };
}

function config(limits: string, more: Partial<Record<Setting, string>> = {}) {
  const settings = { activedefrag: 'no', 'client-output-buffer-limit': limits, ...more };
  return { config: new Map(Object.entries(settings) as [Setting, string][]) };
}

t.test('CLIENT LIST by class', (t) => {
  const { clients } = list(
    { omem: 5, qbuf: 10, free: 20 },
    { flags: 'xb', omem: 7, free: 20_000 },
    { flags: 'S', omem: 100 },
    { flags: 'P', omem: 30 },
    { flags: 'O', omem: 1 },
    { flags: 'M', qbuf: 50 },
  );
  t.match(
    clients.normal,
    { count: 3, output: 13, largestOutput: 7, input: 30 },
    'an empty buffer holds nothing',
  );
  t.match(clients.replica, { count: 1, output: 100 });
  t.match(clients.pubsub, { count: 1, output: 30 });
  t.match(clients.master, { count: 1, input: 50 });
  t.same(outputLimit(LIMITS, 'replica'), { hard: 256 * MB, soft: 64 * MB, seconds: 60 });
  t.same(outputLimit(LIMITS.replace('slave', 'replica'), 'replica'), outputLimit(LIMITS, 'replica'));
  t.equal(outputLimit(undefined, 'normal'), undefined);
  t.end();
});

t.test('clients that do not read', (t) => {
  const slow = list({ omem: 40 * MB }, { omem: 20 * MB });
  t.same(found({}, slow), ['warning client-buffers']);
  t.same(found({}, list(...Array(10).fill({ omem: 4 * MB }))), [], 'less than a tenth, and no large one');
  t.match(mendOf('client-buffers', {}, { ...slow, ...config(LIMITS) }), /LIST TYPE normal.*\n.*"normal 64mb/);
  const bounded = config(LIMITS.replace('normal 0 0', 'normal 1000000000 0'));
  t.notMatch(mendOf('client-buffers', {}, { ...slow, ...bounded }), /CONFIG SET/);
  const together = config(LIMITS, { 'maxmemory-clients': '5%' });
  t.notMatch(mendOf('client-buffers', {}, { ...slow, ...together }), /CONFIG SET/);
  t.end();
});

t.test('subscribers that do not read have a limit of their own', (t) => {
  const slow = list({ flags: 'P', omem: 30 * MB });
  const [finding] = judge(facts({}, { ...slow, ...config(LIMITS) })).findings;
  t.match(finding, { id: 'client-buffers', evidence: /pubsub clients: 30\.0 MB of unread replies/ });
  t.notMatch(finding?.evidence, /limited/);
  t.notMatch(finding?.mend.join(), /normal|CONFIG SET/);
  t.match(finding?.mend, [/TYPE pubsub/, /disconnects a client at 32\.0 MB, or at 8\.0 MB for 60 s/]);
  const unlimited = config('normal 0 0 0 slave 0 0 0 pubsub 0 0 0');
  t.match(mendOf('client-buffers', {}, { ...slow, ...unlimited }), /CONFIG SET .* "pubsub 32mb 8mb 60"/);
  t.end();
});

t.test('a large request on its way is no reply that waits', (t) => {
  const sending = list({ qbuf: 20 * MB, free: 36 * MB });
  t.same(found({}, sending), ['notice client-buffers']);
  const mend = mendOf('client-buffers', {}, { ...sending, ...config(LIMITS, { 'maxmemory-clients': '0' }) });
  t.match(mend, /qbuf/);
  t.match(mend, /maxmemory-clients 10%/);
  t.notMatch(mend, /output/);
  t.end();
});

t.test('idle clients and replicas are no buffers of clients', (t) => {
  t.same(found({ mem_clients_normal: 200 * MB }, list(...Array(5000).fill({}))), []);
  t.same(found({ mem_clients_normal: MB }, list({ flags: 'S', omem: 300 * MB })), []);
  t.same(found({}, list({ flags: 'M', qbuf: 100 * MB })), []);
  t.ok(judge(facts({}, { clients: undefined })).notMade.includes('client-buffers'));
  t.end();
});

t.test('buffers for replicas and the AOF', (t) => {
  const lagging = { mem_not_counted_for_evict: 150 * MB, repl_backlog_size: MB };
  t.same(found(lagging), ['warning uncounted-buffers']);
  t.same(found({ mem_not_counted_for_evict: 90 * MB }), []);
  const limited = mendOf('uncounted-buffers', lagging, config(LIMITS));
  t.match(limited, /INFO replication.*\n.*CONFIG SET repl-backlog-size 50mb/);
  t.notMatch(limited, /output-buffer/);
  t.match(mendOf('uncounted-buffers', lagging, config('slave 0 0 0')), /"replica 256mb 64mb 60"/);
  const roomy = { ...lagging, repl_backlog_size: 64 * MB };
  t.notMatch(mendOf('uncounted-buffers', roomy, config(LIMITS)), /backlog/);
  const aofOf = (setting: string) =>
    mendOf(
      'uncounted-buffers',
      { ...lagging, mem_aof_buffer: 140 * MB },
      config(LIMITS, { 'no-appendfsync-on-rewrite': setting }),
    );
  const aof = aofOf('no');
  t.notMatch(aofOf('yes'), /CONFIG/, 'it is so already');
  t.match(aof, /INFO persistence[\s\S]*no-appendfsync-on-rewrite/);
  t.notMatch(aof, /repl/);
  t.end();
});

t.test('a replica leaves its memory to its primary', (t) => {
  const full = {
    role: 'slave',
    maxmemory_policy: 'noeviction',
    used_memory: 999 * MB,
    db0: 'keys=1000,expires=10',
  };
  const { findings, notApplicable, fine, notMade } = judge(facts(full));
  t.same(findings, []);
  const left = [
    'no-maxmemory',
    'memory-full',
    'jobs-evictable',
    'locks-evictable',
    'volatile-without-ttl',
    'eviction-order',
    'noeviction-cache',
    'keys-without-ttl',
  ];
  t.same(notApplicable, left);
  t.notOk([...fine, ...notMade].some((id) => left.includes(id)));
  t.same(found({ ...full, maxmemory: 0 }), []);
  const own = config(LIMITS, { 'replica-ignore-maxmemory': 'no' });
  t.same(found(full, own), ['critical memory-full', 'warning replica-evicts']);
  t.same(judge(facts({ ...full, role: 'master' })).notApplicable, []);
  t.end();
});
