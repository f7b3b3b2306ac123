// The memory limit of a container, as each kind of cgroup tells it.
import t from 'tap';
import { containerLimit } from '../../../src/tools/doctor/container.js';

/** `groups`: /proc/PID/cgroup; `files`: all others, below /sys/fs/cgroup. */
function limit(groups: string, files: Record<string, string>): number | undefined {
  return containerLimit(groups, (file) => {
    const text = files[file.replace(/^\/sys\/fs\/cgroup\//, '')];
    if (text === undefined) throw new Error('ENOENT');
    return text;
  });
}

t.test('cgroup v2', (t) => {
  const groups = '0::/kubepods/pod1/redis\n';
  t.equal(limit(groups, { 'kubepods/pod1/redis/memory.max': '1048576\n' }), 1048576);
  t.equal(limit(groups, { 'kubepods/pod1/redis/memory.max': 'max\n' }), undefined);
  const nested = { 'kubepods/pod1/redis/memory.max': 'max\n', 'kubepods/pod1/memory.max': '2048\n' };
  t.equal(limit(groups, nested), 2048, 'the group around it bounds it');
  t.equal(limit('0::/\n', { 'memory.max': '4096\n' }), 4096, 'as seen from in a container');
  t.equal(limit(groups, {}), undefined);
  t.end();
});

t.test('cgroup v1, also beside an empty v2', (t) => {
  const groups = '9:name=systemd:/\n4:memory:/docker/1\n1:cpu:/\n0::/\n';
  t.equal(limit(groups, { 'memory/docker/1/memory.limit_in_bytes': '1048576\n' }), 1048576);
  t.equal(limit(groups, { 'memory/docker/1/memory.limit_in_bytes': '9223372036854771712\n' }), undefined);
  t.equal(limit('4:cpu,memory:/a\n', { 'memory/a/memory.limit_in_bytes': '7\n' }), 7);
  t.equal(
    limit(groups, { 'memory/memory.limit_in_bytes': '512\n' }),
    512,
    'where the path is that of the host, and only its own group is seen',
  );
  t.equal(limit('4:memorytest:/a\n', { 'memory/a/memory.limit_in_bytes': '7\n' }), undefined);
  t.end();
});
