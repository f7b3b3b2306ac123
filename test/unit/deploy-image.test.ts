// The Dockerfile: an exact version of a Node that is tested, the same in both stages, and labels that are true. Its steps are
// taken by npm run test:image.
import { readFileSync } from 'node:fs';
import t from 'tap';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const dockerfile = read('Dockerfile');
const { version, license } = JSON.parse(read('package.json')) as { version: string; license: string };

t.test('both stages begin with one exact version of a line that is tested', async (t) => {
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
  t.equal(bases.length, 2);
  t.equal(new Set(bases).size, 1);
  const [, line] = /^node:(\d+)\.\d+\.\d+-[a-z]+-slim$/.exec(bases[0] ?? '') ?? [];
  t.ok(line, `${bases[0]} is pinned`);
  t.equal(Number(line) % 2, 0, 'a line with long-term support');
  const matrix = JSON.parse(read('docs/figures/matrix.json')) as {
    outcomes: { node: string; failed: number }[];
  };
  t.match(
    matrix.outcomes.filter(({ node }) => node.startsWith(`v${line}.`)),
    [{ failed: 0 }],
  );
  t.match(read('.github/workflows/ci.yml'), new RegExp(`node: \\[.*\\b${line}\\b.*\\]`));
  t.match(dockerfile, `org.opencontainers.image.base.name="docker.io/library/${bases[0]}"`);
});

t.test('the labels say what package.json says', async (t) => {
  t.match(dockerfile, `org.opencontainers.image.version="${version}"`);
  t.match(dockerfile, `org.opencontainers.image.licenses="${license}"`);
});

t.test('README, package.json, CI and the matrix name the same lines of Node', async (t) => {
  const [, said = ''] = /Node (20\.20.*?) are supported/.exec(read('README.md').replaceAll('\n', ' ')) ?? [];
  const lines = said.match(/\d+(?=\.|,|\s|$)/g)?.filter((n) => Number(n) >= 20);
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  const [, inCi = ''] = /node: \[(.*)\]/.exec(read('.github/workflows/ci.yml')) ?? [];
  const [, inMatrix = ''] = /LINES = \[(.*)\]/.exec(read('scripts/test-matrix.ts')) ?? [];
  const majors = (text: string) =>
    text.split(',').map((each) => Number.parseInt(each.replaceAll(/[' ]/g, ''), 10));
  t.same(majors(inMatrix), majors(inCi));
  t.same(
    [...new Set(lines?.map(Number))].filter((n) => n % 2 === 0 && n >= 20),
    majors(inCi),
    said,
  );
  t.equal(engines.node, '>=20.20');
});
