// Which replica a Sentinel would promote: the cases of sentinelSelectSlave() in sentinel.c, by the replies of SENTINEL REPLICAS.
import { test } from 'tap';
import { firstOf, fitReplicasOf } from '../../../src/failover/fit-replicas.js';
import { nameOf } from '../../../src/failover/whereabouts.js';

type Fields = Readonly<Record<string, string | number>>;

const GOOD: Fields = {
  ...{ name: 'x', ip: '10.0.0.2', port: 6379, runid: 'aa', flags: 'slave', 'last-ok-ping-reply': 100 },
  ...{ 'info-refresh': 900, 'master-link-down-time': 0, 'slave-priority': 100, 'slave-repl-offset': 500 },
};
const reply = (...replicas: Fields[]) =>
  replicas.map((fields) =>
    Object.entries({ ...GOOD, ...fields }).flatMap(([name, value]) => [name, `${value}`]),
  );
const names = (...replicas: Fields[]) =>
  fitReplicasOf(reply(...replicas), {}, 1000).fit.map(({ address }) => address.host);

test('its order: lowest priority, most data, run id', (t) => {
  t.same(names({ ip: 'a', 'slave-priority': 100 }, { ip: 'b', 'slave-priority': 10 }), ['b', 'a']);
  t.same(names({ ip: 'a', 'slave-repl-offset': 9 }, { ip: 'b', 'slave-repl-offset': 10 }), ['b', 'a']);
  t.same(names({ ip: 'a', runid: 'B' }, { ip: 'b', runid: 'a' }), ['b', 'a']);
  t.same(names({ ip: 'a', runid: '' }, { ip: 'b', runid: 'z' }), ['b', 'a'], 'no run id comes last');
  t.same(names({ ip: 'a', 'slave-priority': 5, 'slave-repl-offset': 1 }, { ip: 'b' }), ['a', 'b']);
  t.end();
});

test('what makes a replica unfit', (t) => {
  const unfit: readonly (readonly [Fields, RegExp])[] = [
    [{ flags: 's_down,slave' }, /down/],
    [{ flags: 'slave,disconnected' }, /no connection/],
    [{ 'last-ok-ping-reply': 5001 }, /does not answer/],
    [{ 'slave-priority': 0 }, /replica-priority is 0/],
    [{ 'info-refresh': 30_001 }, /INFO/],
    [{ 'master-link-down-time': 10_001 }, /no connection to the primary/],
  ];
  for (const [fields, why] of unfit) {
    const { fit, unfit: out } = fitReplicasOf(reply(fields), {}, 1000);
    t.same(fit, []);
    t.match(out, [{ address: '10.0.0.2:6379', why }]);
  }
  t.end();
});

test('those of the lowest priority may all be chosen; addresses go through the map', (t) => {
  const all = fitReplicasOf(
    reply(
      { port: 1 },
      { port: 2, 'slave-priority': 50 },
      { port: 3, 'slave-priority': 50 },
      { port: 4, ip: '' },
    ),
    { '10.0.0.2:2': 'outside:22' },
    1000,
  );
  t.same(
    firstOf(all)
      .map(({ address }) => nameOf(address))
      .sort(),
    ['10.0.0.2:3', 'outside:22'],
  );
  t.same(firstOf(fitReplicasOf('strange', {}, 1000)), []);
  t.end();
});
