// Messages and answers of Sentinels, as they come on the wire.
import { test } from 'tap';
import { answerOf, eventOf } from '../../../src/failover/sentinel-words.js';

const event = (channel: string, message: string, map = {}) => eventOf(channel, message, 'mymaster', map);
const [A, B] = [
  { host: '10.0.0.1', port: 6379 },
  { host: '10.0.0.2', port: 6380 },
];

test('messages about this primary; not about others, and not what cannot be read', async (t) => {
  const slave = 'slave 10.0.0.2:6380 10.0.0.2 6380 @ mymaster 10.0.0.1 6379';
  t.same(event('+failover-state-select-slave', 'master mymaster 10.0.0.1 6379'), { type: 'begun', from: A });
  const promoting = { type: 'promoting', from: A, address: B };
  t.same(event('+failover-state-send-slaveof-noone', slave), promoting);
  t.same(event('+promoted-slave', slave), promoting);
  t.same(event('+switch-master', 'mymaster 10.0.0.1 6379 10.0.0.2 6380'), { ...promoting, type: 'switched' });
  t.same(event('-failover-abort-slave-timeout', 'master mymaster 10.0.0.1 6379'), { type: 'aborted' });
  for (const [channel, message] of [
    ['+failover-state-send-slaveof-noone', slave.replace('mymaster', 'other')],
    ['+failover-state-send-slaveof-noone', 'master mymaster 10.0.0.1 6379'],
    ['+failover-state-select-slave', 'master other 10.0.0.1 6379'],
    ['+failover-state-select-slave', 'master mymaster 10.0.0.1'],
    ['+switch-master', 'other 10.0.0.1 6379 10.0.0.2 6380'],
    ['+switch-master', 'mymaster 10.0.0.1 6379 10.0.0.2 0'],
    ['+switch-master', 'mymaster 10.0.0.1 6379'],
    ['-failover-abort-not-elected', 'master other 10.0.0.1 6379'],
    ['+sdown', slave],
  ] as const)
    t.equal(event(channel, message), undefined, `${channel} ${message}`);
});

test('addresses go through natMap', async (t) => {
  const map = { '10.0.0.2:6380': 'redis-2.example:7000', '10.0.0.1:6379': '[::1]:7001' };
  t.same(event('+switch-master', 'mymaster 10.0.0.1 6379 10.0.0.2 6380', map), {
    ...{ type: 'switched', from: { host: '::1', port: 7001 } },
    address: { host: 'redis-2.example', port: 7000 },
  });
});

test('an answer: where, since which epoch, and whether it is being left', async (t) => {
  const master = (flags: string) => [
    ...['name', 'mymaster', 'ip', '10.0.0.1', 'port', '6379', 'flags', flags],
    ...['down-after-milliseconds', '1000', 'config-epoch', '7'],
  ];
  const at = (address: readonly string[], flags = 'master') => answerOf(master(flags), address, {});
  const known = { address: A, epoch: 7, leaves: undefined, downAfterMs: 1000 };
  t.same(at(['10.0.0.1', '6379']), known);
  t.same(at(['10.0.0.1', '6379'], 'master,failover_in_progress'), { ...known, leaves: A });
  t.same(at(['10.0.0.2', '6380'], 'master,failover_in_progress'), { ...known, address: B, leaves: A });
  t.equal(at([]), undefined);
  t.equal(answerOf(master('master'), null, {}), undefined, 'it does not know the name');
  t.equal(answerOf('OK', ['10.0.0.1', '6379'], {}), undefined);
});
