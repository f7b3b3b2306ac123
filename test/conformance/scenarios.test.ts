// Scenarios of several clients at every place, with every kind of rules, acting ones among them: each client sees what
// it would see at the server itself.
import t from 'tap';
import { keepFigures } from '../support/figures.js';
import { BY_SENTINEL } from '../support/proxy.js';
import { FULL } from '../support/tier.js';
import { comparable } from './differences.js';
import { type Places, withPlaces } from './places.js';
import { type Scenarios, same } from './scenario.js';
import { blocking } from './scenarios/blocking.js';
import { connection } from './scenarios/connection.js';
import { endings, replication } from './scenarios/endings.js';
import { pubsub } from './scenarios/pubsub.js';
import { scripts } from './scenarios/scripts.js';
import { hugeValues, sizes } from './scenarios/sizes.js';
import { tracking } from './scenarios/tracking.js';
import { readServer } from './server-version.js';

const FAMILIES: Readonly<Record<string, Scenarios>> = {
  'blocking commands': blocking,
  'pub/sub': pubsub,
  tracking,
  'several connections': connection,
  'scripts and functions': scripts,
  replication,
  sizes,
};

const ARGS = [
  ...['--enable-debug-command', 'yes', '--lua-time-limit', '20'],
  ...['--repl-diskless-sync', 'no', '--repl-ping-replica-period', '3600'],
];

/** Behind Sentinels clients wait for a primary where a single server would answer, and kill the Sentinel's subscription, too. */
const OTHERWISE: ReadonlySet<string> = new Set([
  'BLPOP, and the server becomes a replica',
  'a subscriber that is killed, and one that ends',
]);

t.test('scenarios', async (t) => {
  const places = async (): Promise<Places> => {
    const { direct, proxied } = await withPlaces(t, { acting: true, args: () => ARGS });
    // A cut is played at the last place alone, where rules act on every key.
    return { direct, proxied: FULL ? proxied : proxied.slice(-1) };
  };
  const common = await places();
  const server = await readServer(common.direct.admin);
  const figures: { family: string; scenarios: number; failures: number }[] = [];
  const run = async (family: string, scenarios: Scenarios, at: () => Places | Promise<Places>) => {
    await t.test(family, async (t) => {
      let failures = 0;
      for (const [name, scenario] of Object.entries(scenarios))
        if (comparable(name, server) && !(BY_SENTINEL && OTHERWISE.has(name)))
          failures += await same(t, await at(), name, scenario);
      figures.push({ family, scenarios: Object.keys(scenarios).length, failures });
    });
  };
  for (const [family, scenarios] of Object.entries(FAMILIES)) await run(family, scenarios, () => common);
  const { direct, proxied } = common;
  await run('huge values', hugeValues, () => ({ direct, proxied: proxied.slice(-1) }));
  if (!BY_SENTINEL) await run('the end of a server', endings, places);
  keepFigures(`conformance-scenarios${server.suffix}`, {
    server: server.name,
    version: server.version,
    families: figures.map((each) => ({ ...each })),
  });
});
