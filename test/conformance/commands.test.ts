// Every command of the server's own list, in RESP2 and RESP3, with success, with a wrong number of arguments and with
// keys of a wrong type: the same bytes from the server itself and through the proxy.
// A command that the list has and the script has not fails the test on the version that the script was written for.
import t, { type Test } from 'tap';
import { findFreePort } from '../../src/cli/local-server/free-port.js';
import { keepFigures } from '../support/figures.js';
import { withRedis } from '../support/redis.js';
import { FULL } from '../support/tier.js';
import { until } from '../support/wait.js';
import { type CommandList, readCommandList } from './command-list.js';
import { comparable } from './differences.js';
import { emptied, type Matrix, type Outcome, runArity, runSuccess, runTypes } from './matrix.js';
import { type Place, type Places, withPlaces } from './places.js';
import { type ScriptPart, script } from './script/all.js';
import { TYPELESS, UNABLE } from './script/unable.js';
import { readServer, type Server } from './server-version.js';

/** A cut plays each command in one of them, behind two kinds of rules. */
const PROTOCOLS = FULL ? [2, 3] : [3];
/** CLUSTER NODES of a node that knows no other and has all slots. */
const WHOLE = /^\$\d+\r\n[^\n]* connected 0-16383\n\r\n$/;
const SLOTS = Array.from({ length: 16384 }, (_, slot) => slot);
const HEALTHY = { timeoutMs: 30_000, describe: 'a cluster with all slots' };

interface Difference {
  readonly family: string;
  readonly command: string;
  readonly way: string;
  readonly protocol: number;
  readonly place: string;
  readonly how: string;
}

interface FamilyFigures {
  readonly family: string;
  readonly commands: number;
  readonly covered: number;
  readonly cases: number;
}

t.test('every command', async (t) => {
  const other = await withRedis(t);
  const parts = script(other.port);
  const plain = await plainMatrix(t);
  const clustered = await clusteredMatrix(t, plain.list);
  const server = await readServer(plain.places.direct.admin);
  const figures: FamilyFigures[] = [];
  const differences: Difference[] = [];
  for (const part of parts) {
    await t.test(part.name, async (t) => {
      const matrix = part.clustered ? clustered : plain;
      figures.push(await runPart(t, part, matrix, server, differences));
    });
  }
  const inScript = new Set(parts.flatMap(({ family }) => Object.keys(family)));
  const rest = [...plain.list.values()].filter(({ name }) => !inScript.has(name));
  const unable = rest.filter(({ name }) => UNABLE.has(name));
  await t.test('containers, and what is sent with a wrong arity only', async (t) => {
    const family = 'replication';
    let cases = 0;
    for (const facts of rest) {
      for (const protocol of PROTOCOLS) {
        const found = (await runArity(plain, facts, protocol))?.differences ?? [];
        if (unable.includes(facts)) cases++;
        t.strictSame(found, [], `${facts.name}, arity, RESP${protocol}`);
        const as = { family, command: facts.name, way: 'arity', protocol };
        differences.push(...found.map((difference) => ({ ...as, ...difference })));
      }
    }
    figures.push({ family, commands: unable.length, covered: unable.length, cases });
  });
  const uncovered = rest
    .filter(({ name, container }) => !container && !UNABLE.has(name))
    .map(({ name }) => name);
  if (server.known) t.strictSame(uncovered, [], 'the script has every command of the list');
  else t.comment(`not in the script: ${uncovered.join(' ')}`);
  keepFigures(`conformance-commands${server.suffix}`, {
    server: server.name,
    version: server.version,
    families: figures.map((each) => ({ ...each })),
    differences: differences.map((each) => ({ ...each })),
    unable: [...UNABLE].map(([command, why]) => ({ command, why })),
    uncovered,
  });
});

const cut = ({ direct, proxied }: Places): Places => ({ direct, proxied: FULL ? proxied : proxied.slice(1) });

async function plainMatrix(t: Test): Promise<Matrix> {
  // ACL SAVE and LOAD want a file of their own for each server.
  let files = 0;
  const folder = t.testdir(Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`${i}.acl`, ''])));
  const places = await withPlaces(t, {
    // No command is so slow that it shows in SLOWLOG at one place only.
    args: () => [
      ...['--enable-debug-command', 'yes', '--slowlog-log-slower-than', '-1'],
      ...['--aclfile', `${folder}/${files++}.acl`],
    ],
  });
  return {
    places: cut(places),
    list: await readCommandList(places.direct.admin),
    prepare: emptied,
    localize: (_, line) => line,
    neutral: (_, text) => text,
  };
}

/** Each server is a cluster of one, and tells its own id and ports. */
async function clusteredMatrix(t: Test, list: CommandList): Promise<Matrix> {
  const places = await withPlaces(t, {
    args: async () => [
      ...['--cluster-enabled', 'yes', '--cluster-port', String(await findFreePort())],
      // A slot without a node is no reason to refuse others; and all slots are back soon.
      ...['--cluster-require-full-coverage', 'no', '--cluster-node-timeout', '500'],
    ],
  });
  const own = async (place: Place) => String(await place.admin.call('CLUSTER', 'MYID')).slice(5, -2);
  const ids = new Map<Place, string>();
  return {
    places: cut(places),
    list,
    prepare: async (place) => {
      await emptied(place);
      if (!WHOLE.test(String(await place.admin.call('CLUSTER', 'NODES')))) {
        await place.admin.call('CLUSTER', 'RESET', 'SOFT');
        await place.admin.call('CLUSTER', 'ADDSLOTS', ...SLOTS);
      }
      await until(
        async () => (await place.admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok'),
        HEALTHY,
      );
      ids.set(place, await own(place));
    },
    localize: (place, line) =>
      typeof line === 'string' ? line.replace(/ NODE$/, ` ${ids.get(place)}`) : line,
    neutral: (place, text) =>
      text
        .replaceAll(ids.get(place) ?? '', 'NODE')
        .replaceAll(new RegExp(`\\b${place.redis.port}(@\\d+)?\\b`, 'g'), 'PORT'),
  };
}

async function runPart(
  t: Test,
  { name: family, family: cases }: ScriptPart,
  matrix: Matrix,
  server: Server,
  differences: Difference[],
): Promise<FamilyFigures> {
  const { list } = matrix;
  let run = 0;
  let covered = 0;
  for (const name of Object.keys(cases)) {
    if (!comparable(name, server)) continue;
    const facts = list.get(name);
    let succeeds = facts !== undefined;
    const note = (way: string, protocol: number, outcome: Outcome | undefined): Outcome | undefined => {
      if (outcome !== undefined) run++;
      for (const difference of outcome?.differences ?? [])
        differences.push({ family, command: name, way, protocol, ...difference });
      t.strictSame(outcome?.differences ?? [], [], `${name}, ${way}, RESP${protocol}`);
      return outcome;
    };
    for (const protocol of PROTOCOLS) {
      const success = note('success', protocol, await runSuccess(matrix, name, cases, protocol));
      succeeds &&= success?.succeeded !== undefined;
      if (facts === undefined) continue;
      const arity = note('arity', protocol, await runArity(matrix, facts, protocol));
      if (server.known) t.equal(arity?.wrong, undefined, `${name}, arity`);
      if (success?.succeeded === undefined) continue;
      const types = note('type', protocol, await runTypes(matrix, name, cases, success.succeeded, protocol));
      if (server.known && types !== undefined) {
        t.equal(types.wrong !== undefined, TYPELESS.has(name), `${name}, type: ${types.wrong ?? 'refused'}`);
      }
    }
    if (succeeds || UNABLE.has(name)) covered++;
    if (server.known && facts !== undefined) {
      t.equal(succeeds, !UNABLE.has(name), `${name} ${succeeds ? 'succeeds' : 'does not succeed'}`);
    }
  }
  const commands = Object.keys(cases).filter((name) => list.has(name)).length;
  return { family, commands, covered, cases: run };
}
