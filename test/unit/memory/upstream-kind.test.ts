// What INFO says of a server, and what is said against it.
import t from 'tap';
import { kindTrouble, nameOfKind, upstreamKind } from '../../../src/memory/upstream-kind.js';

const server = (mode: string, field = 'redis_mode') =>
  `# Server\r\nredis_version:7.0.15\r\n${field}:${mode}\r\n`;
const PRIMARY = '# Replication\r\nrole:master\r\nconnected_slaves:0\r\n';
const REPLICA = '# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n';

t.test('each kind of server, by upstream.expect', (t) => {
  const cases = [
    [
      server('standalone'),
      PRIMARY,
      'a primary',
      { primary: undefined, cluster: /no|without/, any: undefined },
    ],
    [
      server('standalone'),
      REPLICA,
      'a replica of 10.0.0.1:6379',
      { primary: /refuses writes/, cluster: /without/, any: undefined },
    ],
    [
      server('cluster'),
      PRIMARY,
      'a node of a Cluster, a primary',
      { primary: /docs\/CLUSTER\.md/, cluster: undefined, any: undefined },
    ],
    [
      server('cluster'),
      REPLICA,
      'a node of a Cluster, a replica of 10.0.0.1:6379',
      { primary: /CLUSTER/, cluster: undefined, any: undefined },
    ],
    [server('sentinel'), '', 'a Sentinel', { primary: /holds no keys/, cluster: /no keys/, any: /no keys/ }],
    [
      server('cluster', 'server_mode'),
      PRIMARY,
      'a node of a Cluster, a primary',
      { primary: /CLUSTER/, cluster: undefined, any: undefined },
    ],
    [server('standalone'), 'role:active-replica\r\n', 'a primary', { primary: undefined, any: undefined }],
  ] as const;
  for (const [about, replication, name, troubles] of cases) {
    const kind = upstreamKind(about, replication);
    t.equal(nameOfKind(kind), name);
    for (const [expect, trouble] of Object.entries(troubles)) {
      const said = kindTrouble(kind, expect as keyof typeof troubles);
      if (trouble === undefined) t.equal(said, undefined, `${name}, ${expect} expected`);
      else t.match(said, trouble, `${name}, ${expect} expected`);
    }
  }
  t.end();
});

t.test('nothing is said against a server that does not tell', (t) => {
  for (const about of ['', 'redis_version:1\r\n', server('quantum')]) {
    const kind = upstreamKind(about, '');
    t.same(kind, { mode: 'unknown', role: 'unknown' });
    for (const expect of ['primary', 'cluster', 'any'] as const)
      t.equal(kindTrouble(kind, expect), undefined);
  }
  t.end();
});
