// The limit that a mend of the doctor proposes: never below what is used, never near all the memory that there is.
import t from 'tap';
import { judge } from '../../../src/tools/doctor/doctor.js';
import { facts, found, MB, mendOf } from '../../support/doctor-facts.js';

const GB = 1024 * MB;
const contained = (limitBytes: number) => ({ process: { swapBytes: 0, limitBytes } });
const unlimited = { maxmemory: 0 };

/** Megabytes of the proposed maxmemory; undefined: no number is proposed. */
function proposed(...[id, info, more]: Parameters<typeof mendOf>): number | undefined {
  const number = /CONFIG SET maxmemory (\d+)mb/.exec(mendOf(id, info, more))?.[1];
  return number === undefined ? undefined : Number(number);
}

t.test('without a limit', (t) => {
  const of16 = { ...unlimited, total_system_memory: 16 * GB };
  t.equal(proposed('no-maxmemory', { ...of16, used_memory: 2 * GB }), 9831, 'six tenths');
  t.equal(proposed('no-maxmemory', { ...of16, used_memory: 11 * GB }), 12391, 'what is used, and a tenth');
  const crowded = { ...of16, used_memory: 13.6 * GB };
  t.equal(proposed('no-maxmemory', crowded), undefined, 'every write would fail, or 4 GB be evicted');
  t.match(
    mendOf('no-maxmemory', crowded),
    /first add memory or delete keys\nspillway analyze.*\nspillway init --output spillway\.json.*\nspillway sweep --config spillway\.json/,
  );
  t.same(found(crowded), ['critical no-maxmemory']);
  t.end();
});

t.test('without a limit, in a container', (t) => {
  const host = { ...unlimited, total_system_memory: 64 * GB };
  const full = { ...host, used_memory: 1.9 * GB };
  t.same(found(full, contained(2 * GB)), ['critical no-maxmemory']);
  t.equal(proposed('no-maxmemory', full, contained(2 * GB)), undefined);
  t.match(judge(facts(full, contained(2 * GB))).findings, [
    { evidence: /used 1\.9 GB of its container's 2\.0 GB/ },
  ]);
  t.equal(proposed('no-maxmemory', { ...host, used_memory: GB }, contained(2 * GB)), 1229);
  t.match(
    mendOf('no-maxmemory', host, { process: undefined }),
    /container/,
    'which is not known of elsewhere',
  );
  t.end();
});

t.test('a limit too large', (t) => {
  const large = { total_system_memory: 16 * GB, maxmemory: 14 * GB };
  t.equal(proposed('maxmemory-too-large', { ...large, used_memory: 2 * GB }), 9831);
  t.equal(proposed('maxmemory-too-large', { ...large, used_memory: 11 * GB }), 12391, 'evicts nothing');
  t.equal(proposed('maxmemory-too-large', { ...large, used_memory: 13.5 * GB }), undefined);
  t.match(
    mendOf('maxmemory-too-large', { ...large, used_memory: 13.5 * GB }),
    /first add memory or delete keys/,
  );
  t.end();
});

t.test('a limit reached', (t) => {
  const full = { maxmemory_policy: 'noeviction', maxmemory: 4 * GB, used_memory: 3.9 * GB };
  t.equal(proposed('memory-full', { ...full, total_system_memory: 12 * GB }), 5120);
  t.equal(proposed('memory-full', { ...full, total_system_memory: 6 * GB }), 4915, 'four fifths');
  t.equal(proposed('memory-full', { ...full, total_system_memory: 12 * GB }, contained(6 * GB)), 4915);
  const tight = { ...full, maxmemory: 9.5 * GB, used_memory: 9.4 * GB, total_system_memory: 12 * GB };
  t.equal(proposed('memory-full', tight), undefined);
  t.match(
    mendOf('memory-full', tight),
    /^spillway analyze.*\nspillway init --output spillway\.json.*\nspillway sweep --config spillway\.json.*\n# no higher limit fits/,
  );
  const above = { ...tight, total_system_memory: 11 * GB, used_memory: 8.6 * GB };
  t.equal(proposed('memory-full', above), undefined, 'never a lower one');
  t.end();
});

t.test('a server that does not tell of its machine', (t) => {
  for (const total_system_memory of [undefined, 0]) {
    const untold = { ...unlimited, total_system_memory };
    t.same(found(untold), ['warning no-maxmemory']);
    t.match(mendOf('no-maxmemory', untold), /CONFIG SET maxmemory <size> .*above 550 MB/);
    t.notMatch(JSON.stringify(judge(facts(untold))), /NaN|undefined|Infinity/);
    t.same(found({ maxmemory: 900 * GB, total_system_memory }), []);
  }
  t.equal(
    proposed('no-maxmemory', { ...unlimited, total_system_memory: undefined }, contained(2 * GB)),
    1229,
  );
  t.end();
});

t.test('a server without a config file cannot keep a setting', (t) => {
  t.match(mendOf('no-maxmemory', { ...unlimited, config_file: '/etc/redis.conf' }), /CONFIG REWRITE/);
  const mend = mendOf('no-maxmemory', { ...unlimited, config_file: '' });
  t.notMatch(mend, /REWRITE/);
  t.match(mend, /a restart forgets this\. Start it with a file that says maxmemory 4800mb/);
  t.end();
});
