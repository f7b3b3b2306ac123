// Pipelines of one connection, sent whole and byte by byte, with every kind of rules, acting ones among them: the same
// bytes come back up to the close, for good requests, odd ones and broken ones.
import t, { type Test } from 'tap';
import { keepFigures } from '../support/figures.js';
import { commands, everywhere, transcript } from '../support/twins.js';
import { comparable } from './differences.js';
import { access, PASSWORD, USERS } from './pipelines/access.js';
import { closing, connection } from './pipelines/connection.js';
import { FULL, full } from './pipelines/full.js';
import type { Pipelines } from './pipelines/pipelines.js';
import { pubsub } from './pipelines/pubsub.js';
import { transactions } from './pipelines/transactions.js';
import { broken, odd } from './pipelines/wire.js';
import { writes } from './pipelines/writes.js';
import { type Places, withPlaces } from './places.js';
import { same } from './scenario.js';
import { readServer, type Server } from './server-version.js';

const FAMILIES: Readonly<Record<string, Pipelines>> = {
  writes,
  transactions,
  connection,
  'pub/sub': pubsub,
  'odd requests': odd,
};

interface FamilyFigures {
  readonly family: string;
  readonly scenarios: number;
  readonly failures: number;
}

t.test('pipelines', async (t) => {
  const figures: FamilyFigures[] = [];
  const run = async (places: Places, family: string, pipelines: Pipelines, options: Options = {}) => {
    await t.test(family, async (t) => {
      const failures = await runEach(t, places, server, pipelines, options);
      figures.push({ family, scenarios: Object.keys(pipelines).length, failures });
    });
  };
  const places = await withPlaces(t, { acting: true });
  const server = await readServer(places.direct.admin);
  for (const [family, pipelines] of Object.entries(FAMILIES)) {
    await run(places, family, pipelines);
    await run(places, `${family}, byte by byte`, pipelines, { cut: everywhere });
  }
  await run(places, 'what ends the connection', closing);
  await run(places, 'broken requests', broken, { tail: Buffer.alloc(0) });
  const guarded = await withPlaces(t, { acting: true, args: () => USERS, password: PASSWORD });
  await run(guarded, 'rights', access);
  await run(guarded, 'rights, byte by byte', access, { cut: everywhere });
  await run(await withPlaces(t, { acting: true, args: () => FULL }), 'a full server', full);
  keepFigures(`conformance-pipelines${server.suffix}`, {
    server: server.name,
    version: server.version,
    families: figures.map((each) => ({ ...each })),
  });
});

interface Options {
  /** Ends what is sent; default QUIT. */
  readonly tail?: Buffer;
  /** Where it is cut; default nowhere. */
  readonly cut?: (bytes: Buffer) => readonly number[];
}

/** Returns how many comparisons failed. */
async function runEach(
  t: Test,
  places: Places,
  server: Server,
  pipelines: Pipelines,
  { tail = commands('QUIT'), cut = () => [] }: Options,
): Promise<number> {
  let failures = 0;
  for (const [name, bytes] of Object.entries(pipelines)) {
    if (!comparable(name, server)) continue;
    const full = Buffer.concat([bytes, tail]);
    failures += await same(t, places, name, async (_, { port }) => [await transcript(port, full, cut(full))]);
  }
  return failures;
}
