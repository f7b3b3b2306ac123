// `spillway check --connect` with a name that moves: the servers that it means now, and whether they are primaries.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { checkConnected } from '../../src/cli/check-connected.js';
import { runExit } from '../support/command.js';
import { withFolder } from '../support/folder.js';
import { FIRST, SECOND, unknown, withName, withTwoServers } from '../support/named-server.js';

const dns = withName(t, 'primary.spillway.test');

t.test('the servers of a name are listed, and the first one must be a primary', async (t) => {
  const [{ port }] = await withTwoServers(t, (first) => ['--replicaof', `${FIRST} ${first.port}`]);
  dns.meaning = FIRST;
  const here = await connectedTo(t, port);
  t.equal(here.status, 0);
  t.equal(here.stdout, `\nServers of the name ${dns.name}\n  ${FIRST}:${port}  is a primary\n`);
  t.notMatch(here.stderr, 'the name');
  t.match(await connectedTo(t, port, { json: true }), { status: 0, stdout: '' });

  dns.meaning = SECOND;
  const moved = await connectedTo(t, port);
  t.equal(moved.status, 1);
  t.match(moved.stdout, `  ${SECOND}:${port}  cannot be used: it is a replica of ${FIRST}:${port}\n`);
  t.match(
    moved.stderr,
    /which the name .* means, cannot be used: it is a replica of .* until the name means a/,
  );

  dns.meaning = (answer) =>
    answer(null, [
      { address: FIRST, family: 4 },
      { address: SECOND, family: 4 },
    ]);
  const both = await connectedTo(t, port);
  t.equal(both.status, 0);
  t.match(both.stderr, /warning: the name .* has 2 addresses; Spillway uses the first/);

  dns.meaning = unknown(dns);
  const none = await connectedTo(t, port);
  t.equal(none.status, 1);
  t.match(
    none.stderr,
    /^spillway: the name .* cannot be resolved \(ENOTFOUND\); Spillway does not open its data/,
  );
});

function connectedTo(t: Test, port: number, more: { json?: boolean } = {}) {
  const file = path.join(withFolder(t, 'spillway-check-'), 'config.json');
  const upstream = { url: `redis://${dns.name}:${port}`, failover: { mode: 'name' } };
  writeFileSync(file, JSON.stringify({ upstream }));
  return runExit(() => checkConnected({ config: file, ...more }, {}));
}
