// `spillway check --connect` before real Sentinels: what each says, and whether they are a majority.
import t from 'tap';
import { checkConnected } from '../../src/cli/check-connected.js';
import { askSentinels } from '../../src/failover/ask-once.js';
import { runExit } from '../support/command.js';
import { closedPort } from '../support/listen.js';
import { withRedis } from '../support/redis.js';
import { SENTINEL_PRIMARY, withSentinel } from '../support/sentinel.js';

t.test('each Sentinel is listed with the primary that it names', async (t) => {
  const primary = await withRedis(t);
  const other = await withRedis(t);
  const [first, second, differs] = await Promise.all([
    withSentinel(t, primary.port),
    withSentinel(t, primary.port),
    withSentinel(t, other.port),
  ]);
  const gone = await closedPort();
  const at = (port: number) => `127.0.0.1:${port}`;
  const url = (ports: readonly number[], name = SENTINEL_PRIMARY) =>
    `redis-sentinel://${ports.map(at).join(',')}/${name}`;

  const all = await connectedTo(url([first.port, second.port, differs.port]));
  t.match(all, { code: 0 });
  t.equal(
    all.out,
    [
      '',
      `Sentinels of ${SENTINEL_PRIMARY}`,
      `  ${at(first.port)}  names ${at(primary.port)}`,
      `  ${at(second.port)}  names ${at(primary.port)}`,
      `  ${at(differs.port)}  names ${at(other.port)}`,
      `primary          ${at(primary.port)}, named by 2 of 3`,
      '',
    ].join('\n'),
  );
  t.match(all.err, `1 of the 3 Sentinels do not name ${at(primary.port)}; 2 of the 3 Sentinels must name`);

  const few = await connectedTo(url([first.port, differs.port, gone]));
  t.match(few, { code: 1 }, 'no majority');
  t.match(few.out, `${at(gone)}  does not answer: connect ECONNREFUSED ${at(gone)} (nothing listens there; `);
  t.match(few.out, 'primary          none that a majority names');
  t.match(few.err, /^spillway: 2 of the 3 Sentinels must name the same primary, or /);

  const json = await connectedTo(url([first.port]), { json: true });
  t.same([json.code, json.out], [0, ''], 'with --json nothing stands beside the document');

  const unknown = await connectedTo(url([first.port], 'other'));
  t.match(unknown.out, 'does not answer: it knows no primary "other"; SENTINEL MASTERS lists the names');

  const asked = await askSentinels({
    sentinels: [{ host: '127.0.0.1', port: first.port }],
    primary: SENTINEL_PRIMARY,
    natMap: { [at(primary.port)]: '10.0.0.1:7000' },
    ...{ user: undefined, password: undefined, tls: undefined, connectTimeoutMs: 1000 },
  });
  t.equal(asked.primary, '10.0.0.1:7000', 'as Spillway connects to it');
});

t.test('one server has no Sentinels to list', async (t) => {
  const { port } = await withRedis(t);
  t.match(await connectedTo(`redis://127.0.0.1:${port}`), { code: 0, out: '' });
});

async function connectedTo(upstream: string, more: { json?: boolean } = {}) {
  const ran = await runExit(() => checkConnected({ upstream, ...more }, {}));
  return { code: ran.status, out: ran.stdout, err: ran.stderr };
}
